"""The routes of the tracking floor's native API, relative to a workspace."""

from django.urls import path

from tracking.api import metadata, reproductions

urlpatterns = [
    path("metadata-fields/", metadata.MetadataFields.as_view()),
    path(
        "experiments/<int:pk>/metadata-template/",
        metadata.MetadataTemplateOfExperiment.as_view(),
    ),
    path("runs/<str:run_id>/completeness/", metadata.RunCompleteness.as_view()),
    path("runs/<str:run_id>/rehydration/", reproductions.RunRehydration.as_view()),
    path("runs/<str:run_id>/reproductions/", reproductions.RunReproductions.as_view()),
]
