"""The routes of the native API, relative to a workspace."""

from django.urls import path

from registry.api import (
    attestations,
    catalogue,
    decisions,
    delegations,
    dependants,
    end_of_life,
    findings,
    lineage,
    model_cards,
    policies,
    promotion_requests,
    reports,
    role_grants,
    special_paths,
    tickets,
    waivers,
    webhooks,
)

urlpatterns = [
    path("registered-models/", catalogue.RegisteredModels.as_view()),
    path("model-versions/", catalogue.ModelVersions.as_view()),
    path("slots/", catalogue.Slots.as_view()),
    path("datasets/<int:pk>/dependants/", dependants.Dependants.as_view()),
    path("runs/<str:run_id>/dependants/", dependants.DependantsOfRun.as_view()),
    path("commits/<slug:commit>/dependants/", dependants.DependantsOfCommit.as_view()),
    path("lineage/", lineage.Lineage.as_view()),
    path("model-cards/", model_cards.ModelCards.as_view()),
    path("tier-assessments/", model_cards.TierAssessments.as_view()),
    path("decisions/", decisions.Decisions.as_view()),
    path("challengers/", special_paths.Challengers.as_view()),
    path("challenger-removals/", special_paths.ChallengerRemovals.as_view()),
    path("rollbacks/", special_paths.Rollbacks.as_view()),
    path("freezes/", special_paths.Freezes.as_view()),
    path("freezes/<int:pk>/lifting/", special_paths.FreezeLiftings.as_view()),
    path("break-glass/", special_paths.BreakGlasses.as_view()),
    path(
        "break-glass/<int:pk>/confirmation/",
        special_paths.BreakGlassConfirmations.as_view(),
    ),
    path("revalidation-triggers/", end_of_life.RevalidationTriggers.as_view()),
    path("revalidations/", end_of_life.Revalidations.as_view()),
    path("retirements/", end_of_life.Retirements.as_view()),
    path("findings/", findings.Findings.as_view()),
    path("findings/<int:pk>/", findings.OneFinding.as_view()),
    path("findings/<int:pk>/moves/", findings.FindingMoves.as_view()),
    path("findings/<int:pk>/risk-acceptances/", findings.RiskAcceptances.as_view()),
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
    path("findings/<int:pk>/tickets/", tickets.TicketsOfFinding.as_view()),
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
