"""The real MLflow client against a running installation; it reports to nobody."""

import os

# Read when mlflow is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
