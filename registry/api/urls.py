"""The routes of the native API, relative to a workspace."""

from django.urls import path

from registry.api import (
    attestations,
    catalogue,
    dependants,
    policies,
    promotion_requests,
    reports,
    waivers,
)

urlpatterns = [
    path("registered-models/", catalogue.RegisteredModels.as_view()),
    path("model-versions/", catalogue.ModelVersions.as_view()),
    path("slots/", catalogue.Slots.as_view()),
    path("datasets/<int:pk>/dependants/", dependants.Dependants.as_view()),
    path("policies/", policies.Policies.as_view()),
    path("policies/<int:pk>/publication/", policies.Publication.as_view()),
    path("promotion-requests/", promotion_requests.PromotionRequests.as_view()),
    path(
        "promotion-requests/<int:pk>/", promotion_requests.OnePromotionRequest.as_view()
    ),
    path(
        "promotion-requests/<int:pk>/evaluations/",
        promotion_requests.Evaluations.as_view(),
    ),
    path(
        "promotion-requests/<int:pk>/sign-offs/", promotion_requests.SignOffs.as_view()
    ),
    path(
        "promotion-requests/<int:pk>/promotion/",
        promotion_requests.PromotionOfRequest.as_view(),
    ),
    path(
        "promotion-requests/<int:pk>/rejection/", promotion_requests.Rejection.as_view()
    ),
    path(
        "promotion-requests/<int:pk>/withdrawal/",
        promotion_requests.Withdrawal.as_view(),
    ),
    path(
        "promotion-requests/<int:pk>/invalidation/",
        promotion_requests.Invalidation.as_view(),
    ),
    path("promotion-requests/<int:pk>/waivers/", waivers.WaiversOfRequest.as_view()),
    path("waivers/", waivers.Waivers.as_view()),
    path("waivers/<int:pk>/approvals/", waivers.Approvals.as_view()),
    path("waivers/<int:pk>/withdrawal/", waivers.WithdrawalOfWaiver.as_view()),
    path("attestations/", attestations.Attestations.as_view()),
    path(
        "attestations/<int:pk>/withdrawal/",
        attestations.WithdrawalOfAttestation.as_view(),
    ),
    path("reports/", reports.Reports.as_view()),
    path("reports/<int:pk>/", reports.OneReport.as_view()),
    path("reports/<int:pk>/document/", reports.ReportDocument.as_view()),
]
