"""MLflow's model registry API: registered models, their versions, stages and aliases."""
