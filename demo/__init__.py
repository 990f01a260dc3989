"""The story told on real flights, by a client that knows the server by HTTP alone."""

import os

# Before anything imports MLflow: a demo on somebody's machine reports to nobody, and
# MLflow's links to pages of its own server would lead nowhere here.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
