"""Searches as MLflow's filter strings ask for them, turned into query sets."""
