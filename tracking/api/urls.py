"""The routes of the tracking floor's native API, relative to a workspace."""

from django.urls import path

from tracking.api import datasets, hierarchy, metadata, reproductions, sensitive_uses

urlpatterns = [
    path("metadata-fields/", metadata.MetadataFields.as_view()),
    path(
        "experiments/<int:pk>/metadata-template/",
        metadata.MetadataTemplateOfExperiment.as_view(),
    ),
    path("runs/<str:run_id>/completeness/", metadata.RunCompleteness.as_view()),
    path("runs/<str:run_id>/rehydration/", reproductions.RunRehydration.as_view()),
    path("runs/<str:run_id>/reproductions/", reproductions.RunReproductions.as_view()),
    path("datasets/", datasets.Datasets.as_view()),
    path("datasets/<int:pk>/", datasets.OneDataset.as_view()),
    path("datasets/<int:pk>/cards/", datasets.DatasetCards.as_view()),
    path("datasets/<int:pk>/lineage/", datasets.LineageOfDataset.as_view()),
    path("sensitive-uses/", sensitive_uses.SensitiveUses.as_view()),
    path(
        "sensitive-uses/<int:pk>/acknowledgement/",
        sensitive_uses.AcknowledgementOfUse.as_view(),
    ),
    path("experiments/<int:pk>/hierarchy/", hierarchy.HierarchyOfExperiment.as_view()),
    path("runs/<slug:run_id>/datasets/", datasets.DatasetsOfRun.as_view()),
    path("runs/<slug:run_id>/hierarchy/", hierarchy.HierarchyOfRun.as_view()),
]
