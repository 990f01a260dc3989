"""The routes of MLflow's API, relative to a workspace; every one has both prefixes."""

from collections import defaultdict
from collections.abc import Iterable

from django.urls import path, re_path
from django.urls.resolvers import URLPattern

from tracking.mlflow_api import (
    artifacts,
    experiments,
    info,
    logged_models,
    logging,
    metrics,
    multipart,
    runs,
)
from tracking.mlflow_api.endpoint import View, by_method, unknown_endpoint

PREFIXES = ("api/2.0", "ajax-api/2.0")
MODEL = "logged-models/<str:model_id>"
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
    ("POST", "runs/log-inputs", logging.log_used),
    ("POST", "runs/outputs", logging.log_outputs),
    ("POST", "runs/log-model", logging.log_model),
    ("POST", "runs/set-tag", logging.set_tag),
    ("POST", "runs/delete-tag", logging.delete_tag),
    ("GET", "metrics/get-history", metrics.get_history),
    ("GET", "metrics/get-history-bulk", metrics.get_history_bulk),
    ("GET", "metrics/get-history-bulk-interval", metrics.get_history_bulk_interval),
    ("POST", "logged-models", logged_models.create),
    ("POST", "logged-models/search", logged_models.search),
    ("GET", MODEL, logged_models.get),
    ("PATCH", MODEL, logged_models.finish),
    ("DELETE", MODEL, logged_models.delete),
    ("POST", f"{MODEL}/params", logged_models.log_params),
    ("PATCH", f"{MODEL}/tags", logged_models.set_tags),
    ("DELETE", f"{MODEL}/tags/<path:key>", logged_models.delete_tag),
    ("GET", f"{MODEL}/artifacts/directories", artifacts.list_model_folder),
    ("GET", f"{MODEL}/artifacts/files", artifacts.file_of_model),
    ("GET", "artifacts/list", artifacts.list_folder),
    ("POST", "upload-artifact", artifacts.upload),
)
FILES = (
    ("GET", "artifacts", artifacts.folder),
    ("GET", "artifacts/<path:path>", artifacts.get_file),
    ("PUT", "artifacts/<path:path>", artifacts.put_file),
    ("DELETE", "artifacts/<path:path>", artifacts.remove_files),
    ("POST", "mpu/create/<path:folder>", multipart.create),
    ("PUT", "mpu/parts/<str:upload_id>/<int:number>/<path:root>", multipart.put_part),
    ("POST", "mpu/complete/<path:folder>", multipart.complete),
    ("POST", "mpu/abort/<path:folder>", multipart.abort),
    ("GET", "presigned/<path:path>", multipart.presign),
    ("GET", "stored/<str:sha256>/<path:path>", multipart.stored),
)


def mlflow_routes(
    start: str, endpoints: Iterable[tuple[str, str, View]]
) -> list[URLPattern]:
    """Return a route for each name, which its methods share."""
    views: dict[str, dict[str, View]] = defaultdict(dict)
    for method, name, view in endpoints:
        views[f"{start}/{name}"][method] = view
    return [path(name, by_method(methods)) for name, methods in views.items()]


def _routes(prefix: str) -> list[URLPattern]:
    return [
        *mlflow_routes(f"{prefix}/mlflow", MLFLOW),
        *mlflow_routes(f"{prefix}/mlflow-artifacts", FILES),
    ]


urlpatterns = [
    *(route for prefix in PREFIXES for route in _routes(prefix)),
    path("get-artifact", by_method({"GET": artifacts.file_of_run})),
    path("api/3.0/mlflow/server-info", info.server_info),
    path("ajax-api/3.0/mlflow/server-info", info.server_info),
    path("version", by_method({"GET": info.version, "HEAD": info.version})),
    path("health", by_method({"GET": info.health, "HEAD": info.health})),
    re_path(r"^(?:v1/traces|graphql|gateway(?:/[\s\S]*)?)\Z", unknown_endpoint),
    re_path(r"^(?:ajax-)?api/\d\.\d(?:/[\s\S]*)?\Z", unknown_endpoint),
]
