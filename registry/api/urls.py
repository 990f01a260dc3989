"""The routes of the native API, relative to a workspace."""

from django.urls import path

from registry.api import (
    attestations,
    catalogue,
    delegations,
    dependants,
    policies,
    promotion_requests,
    reports,
    role_grants,
    tickets,
    waivers,
    webhooks,
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
    path("delegations/", delegations.Delegations.as_view()),
    path("delegations/<int:pk>/withdrawal/", delegations.Withdrawal.as_view()),
    path("role-grants/", role_grants.RoleGrants.as_view()),
    path("role-grants/<int:pk>/approval/", role_grants.Approval.as_view()),
    path("role-grants/<int:pk>/revocation/", role_grants.Revocation.as_view()),
    path("promotion-requests/<int:pk>/tickets/", tickets.TicketsOfRequest.as_view()),
    path("ticket-template/", tickets.TicketTemplateOfWorkspace.as_view()),
    path("webhooks/", webhooks.Webhooks.as_view()),
    path("webhooks/<int:pk>/", webhooks.OneWebhook.as_view()),
    path("webhooks/<int:pk>/disabling/", webhooks.Disabling.as_view()),
    path("webhooks/<int:pk>/enabling/", webhooks.Enabling.as_view()),
    path("webhooks/<int:pk>/key-rotations/", webhooks.KeyRotations.as_view()),
    path("deliveries/", webhooks.Deliveries.as_view()),
    path("deliveries/<int:pk>/", webhooks.OneDelivery.as_view()),
    path("deliveries/<int:pk>/replays/", webhooks.Replays.as_view()),
    path("reports/", reports.Reports.as_view()),
    path("reports/<int:pk>/", reports.OneReport.as_view()),
    path("reports/<int:pk>/document/", reports.ReportDocument.as_view()),
]
