"""Searches of the registry as MLflow's filter strings ask for them."""
