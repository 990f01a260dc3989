"""The real MLflow client against a running installation; it reports to nobody."""

import os
import warnings

# Read when mlflow is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# It warns about itself while it is imported, and warnings are errors here.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow.cli
    import mlflow.pyfunc  # noqa: F401
