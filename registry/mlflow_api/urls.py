"""The routes of MLflow's registry API, relative to a workspace."""

from django.urls import path

from registry.mlflow_api import model_versions, registered_models
from tracking.mlflow_api.endpoint import by_method
from tracking.mlflow_api.urls import PREFIXES, mlflow_routes

MODELS, VERSIONS = "registered-models", "model-versions"
REGISTRY = (
    ("POST", f"{MODELS}/create", registered_models.create),
    ("POST", f"{MODELS}/rename", registered_models.rename),
    ("PATCH", f"{MODELS}/update", registered_models.update),
    ("DELETE", f"{MODELS}/delete", registered_models.delete),
    ("GET", f"{MODELS}/get", registered_models.get),
    ("GET", f"{MODELS}/search", registered_models.search),
    ("POST", f"{MODELS}/get-latest-versions", registered_models.get_latest_versions),
    ("GET", f"{MODELS}/get-latest-versions", registered_models.get_latest_versions),
    ("POST", f"{MODELS}/set-tag", registered_models.set_tag),
    ("DELETE", f"{MODELS}/delete-tag", registered_models.delete_tag),
    ("POST", f"{MODELS}/alias", registered_models.set_alias),
    ("DELETE", f"{MODELS}/alias", registered_models.delete_alias),
    ("GET", f"{MODELS}/alias", registered_models.get_alias),
    ("POST", f"{VERSIONS}/create", model_versions.create),
    ("GET", f"{VERSIONS}/get", model_versions.get),
    ("PATCH", f"{VERSIONS}/update", model_versions.update),
    ("DELETE", f"{VERSIONS}/delete", model_versions.delete),
    ("GET", f"{VERSIONS}/search", model_versions.search),
    ("GET", f"{VERSIONS}/get-download-uri", model_versions.get_download_uri),
    ("POST", f"{VERSIONS}/transition-stage", model_versions.transition_stage),
    ("POST", f"{VERSIONS}/set-tag", model_versions.set_tag),
    ("DELETE", f"{VERSIONS}/delete-tag", model_versions.delete_tag),
)

urlpatterns = [
    *(
        route
        for prefix in PREFIXES
        for route in mlflow_routes(f"{prefix}/mlflow", REGISTRY)
    ),
    path(f"{VERSIONS}/get-artifact", by_method({"GET": model_versions.one_file})),
]
