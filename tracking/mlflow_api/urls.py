"""The routes of MLflow's API, relative to a workspace; every one has both prefixes."""

from django.urls import path, re_path
from django.urls.resolvers import URLPattern, URLResolver

from tracking.mlflow_api import artifacts, experiments, runs
from tracking.mlflow_api.endpoint import unknown_endpoint

PREFIXES = ("api/2.0", "ajax-api/2.0")


def _routes(prefix: str) -> list[URLPattern | URLResolver]:
    mlflow = f"{prefix}/mlflow"
    files = f"{prefix}/mlflow-artifacts/artifacts"
    return [
        path(f"{mlflow}/experiments/create", experiments.create),
        path(f"{mlflow}/experiments/get", experiments.get),
        path(f"{mlflow}/experiments/get-by-name", experiments.get_by_name),
        path(f"{mlflow}/runs/create", runs.create),
        path(f"{mlflow}/runs/get", runs.get),
        path(f"{mlflow}/runs/update", runs.update),
        path(f"{mlflow}/runs/log-metric", runs.log_metric),
        path(f"{mlflow}/runs/log-parameter", runs.log_parameter),
        path(f"{mlflow}/runs/set-tag", runs.set_tag),
        path(f"{mlflow}/runs/log-batch", runs.log_many),
        path(f"{mlflow}/runs/log-inputs", runs.log_datasets),
        path(f"{files}/<path:path>", artifacts.one_file),
        path(files, artifacts.folder),
    ]


urlpatterns = [
    *(route for prefix in PREFIXES for route in _routes(prefix)),
    re_path(r"^(?:ajax-)?api/[23]\.0/[\s\S]*\Z", unknown_endpoint),
]
