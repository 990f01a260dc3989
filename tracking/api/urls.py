"""The routes of the tracking floor's native API, relative to a workspace."""

from django.urls import path

from tracking.api import (
    accounts,
    datasets,
    former_tags,
    hierarchy,
    metadata,
    reproductions,
    second_factors,
    sensitive_uses,
    tokens,
    workspaces,
)

urlpatterns = [
    path("workspaces/", workspaces.Workspaces.as_view()),
    path("accounts/", accounts.Accounts.as_view()),
    path("accounts/<str:username>/deactivation/", accounts.Deactivation.as_view()),
    path("accounts/<str:username>/reactivation/", accounts.Reactivation.as_view()),
    path("accounts/<str:username>/email/", accounts.Email.as_view()),
    path(
        "accounts/<str:username>/second-factor-removal/",
        accounts.SecondFactorRemoval.as_view(),
    ),
    path("tokens/", tokens.Tokens.as_view()),
    path("tokens/<int:pk>/revocation/", tokens.TokenRevocation.as_view()),
    path("second-factor/", second_factors.OwnSecondFactor.as_view()),
    path("second-factor/confirmation/", second_factors.Confirmation.as_view()),
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
    path("runs/<slug:run_id>/former-tags/", former_tags.FormerTagsOfRun.as_view()),
]
