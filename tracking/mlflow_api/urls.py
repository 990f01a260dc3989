"""The routes of MLflow's API, relative to a workspace; every one has both prefixes."""

from collections import defaultdict

from django.urls import path, re_path
from django.urls.resolvers import URLPattern

from tracking.mlflow_api import artifacts, experiments, logging, metrics, runs
from tracking.mlflow_api.endpoint import View, by_method, unknown_endpoint

PREFIXES = ("api/2.0", "ajax-api/2.0")
MLFLOW = (
    ("POST", "experiments/create", experiments.create),
    ("GET", "experiments/get", experiments.get),
    ("GET", "experiments/get-by-name", experiments.get_by_name),
    ("POST", "experiments/search", experiments.search),
    ("GET", "experiments/search", experiments.search),
    ("POST", "experiments/update", experiments.update),
    ("POST", "experiments/delete", experiments.delete),
    ("POST", "experiments/restore", experiments.restore),
    ("POST", "experiments/set-experiment-tag", experiments.set_tag),
    ("POST", "experiments/delete-experiment-tag", experiments.delete_tag),
    ("POST", "experiments/search-datasets", experiments.search_datasets),
    ("POST", "runs/create", runs.create),
    ("GET", "runs/get", runs.get),
    ("POST", "runs/update", runs.update),
    ("POST", "runs/search", runs.search),
    ("POST", "runs/delete", runs.delete),
    ("POST", "runs/restore", runs.restore),
    ("POST", "runs/log-metric", logging.log_metric),
    ("POST", "runs/log-parameter", logging.log_parameter),
    ("POST", "runs/log-batch", logging.log_many),
    ("POST", "runs/log-inputs", logging.log_datasets),
    ("POST", "runs/set-tag", logging.set_tag),
    ("POST", "runs/delete-tag", logging.delete_tag),
    ("GET", "metrics/get-history", metrics.get_history),
    ("GET", "metrics/get-history-bulk", metrics.get_history_bulk),
    ("GET", "metrics/get-history-bulk-interval", metrics.get_history_bulk_interval),
)


def _routes(prefix: str) -> list[URLPattern]:
    files = f"{prefix}/mlflow-artifacts/artifacts"
    views: dict[str, dict[str, View]] = defaultdict(dict)
    for method, name, view in MLFLOW:
        views[f"{prefix}/mlflow/{name}"][method] = view
    return [
        *(path(name, by_method(methods)) for name, methods in views.items()),
        path(f"{files}/<path:path>", artifacts.one_file),
        path(files, artifacts.folder),
    ]


urlpatterns = [
    *(route for prefix in PREFIXES for route in _routes(prefix)),
    re_path(r"^(?:ajax-)?api/[23]\.0/[\s\S]*\Z", unknown_endpoint),
]
