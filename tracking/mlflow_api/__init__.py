"""MLflow's REST API as its unmodified client speaks it; plain Django views."""
