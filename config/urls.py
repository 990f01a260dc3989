"""Where each path leads; every API path also exists below `/w/<workspace>/`."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from audit.api import urls as log
from config import health

api = [
    path("api/v1/", include("registry.api.urls")),
    path("api/v1/", include("tracking.api.urls")),
    # First, because what MLflow's tracking routes do not know they say so of.
    path("", include("registry.mlflow_api.urls")),
    path("", include("tracking.mlflow_api.urls")),
]

handler404 = "config.errors.nothing_here"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("health/", health.summary, name="health"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerView.as_view(), name="docs"),
    path("log/", include(log.c2sp)),
    path("api/v1/log/", include(log.api)),
    path("w/<slug:workspace>/", include(api)),
    path("", include(api)),
]
