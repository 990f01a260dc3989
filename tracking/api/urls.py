"""The routes of the tracking floor's native API, relative to a workspace."""

from django.urls import path

from tracking.api import datasets, hierarchy

urlpatterns = [
    path("datasets/", datasets.Datasets.as_view()),
    path("datasets/<int:pk>/", datasets.OneDataset.as_view()),
    path("datasets/<int:pk>/cards/", datasets.DatasetCards.as_view()),
    path("datasets/<int:pk>/lineage/", datasets.LineageOfDataset.as_view()),
    path("experiments/<int:pk>/hierarchy/", hierarchy.HierarchyOfExperiment.as_view()),
    path("runs/<slug:run_id>/datasets/", datasets.DatasetsOfRun.as_view()),
    path("runs/<slug:run_id>/hierarchy/", hierarchy.HierarchyOfRun.as_view()),
]
