"""Calls on the way into production: models, policies, requests, signatures, waivers."""

from typing import Any

from registry.events import RegistryEvent as E
from registry.models import AttestationKind
from registry.models.sign_off import SignerRole
from registry.services.evidence_views import open_evidence
from registry.services.policies import draft_policy
from tests import factories
from tests.every_route.asking import Ask, Table, signing
from tracking.events import TrackingEvent

TABLE = Table()
API = "api/v1/"
REQUEST = f"{API}promotion-requests/<int:pk>/"
FIRST = {"registered_model": "credit", "version": 1}
SERVING = FIRST | {"environment": "production"}


def in_review(workspace, people):
    factories.policy(workspace, people)
    return factories.evaluated(factories.version(workspace, people), people)


@TABLE.call("POST", f"{API}registered-models/", E.MODEL_REGISTERED)
def register_model(workspace, people):
    body = {"name": "credit", "purpose": "Scores.", "owner": "olivia"}
    return Ask(people.alice, body)


@TABLE.call("POST", f"{API}model-versions/", E.VERSION_REGISTERED)
def register_version(workspace, people):
    factories.model(workspace, people)
    run = factories.run(workspace, people.alice)
    file = factories.upload(run, factories.MODEL, b"model", people.alice)
    factories.end(run, people.alice)
    body = {
        "registered_model": "credit",
        "run_id": run.run_id,
        "artifact_path": factories.MODEL,
        "artifact_sha256": file.sha256,
    }
    return Ask(people.alice, body)


@TABLE.call("POST", f"{API}model-cards/", E.MODEL_CARD_WRITTEN)
def write_card(workspace, people):
    factories.model(workspace, people)
    body = {"registered_model": "credit", "purpose": "Scores.", "owner": "olivia"}
    return Ask(people.olivia, body)


@TABLE.call("POST", f"{API}tier-assessments/", E.TIER_ASSESSED)
def assess_tier(workspace, people):
    factories.model(workspace, people)
    stated = {"tier": 2, "rationale": "It decides alone.", "exposure": "Two million."}
    return signing(people.rita, stated | {"registered_model": "credit"})


@TABLE.call("POST", f"{API}policies/", E.POLICY_DRAFTED)
def draft(workspace, people):
    factories.model(workspace, people)
    return Ask(people.paul, {"document": factories.POLICY})


@TABLE.call("POST", f"{API}policies/<int:pk>/publication/", E.POLICY_PUBLISHED)
def publish(workspace, people):
    factories.model(workspace, people)
    drafted = draft_policy(workspace, document=factories.POLICY, actor=people.paul)
    return Ask(people.rita, path={"pk": drafted.pk})


# The source run is frozen, the request opened, and its first attempt begun.
@TABLE.call(
    "POST",
    f"{API}promotion-requests/",
    TrackingEvent.RUN_FROZEN,
    E.REQUEST_OPENED,
    E.EVALUATION_STARTED,
)
def ask_for_promotion(workspace, people):
    factories.policy(workspace, people)
    factories.version(workspace, people)
    return Ask(people.alice, SERVING)


@TABLE.call("POST", f"{REQUEST}evaluations/", E.EVALUATION_STARTED)
def evaluate_again(workspace, people):
    return Ask(people.alice, path={"pk": in_review(workspace, people).pk})


def review(request, signer, role: SignerRole, **more: Any) -> Ask:
    open_evidence(request, actor=signer)
    stated = {"subject_digest": request.subject_digest, "role": role} | more
    return signing(signer, stated | {"reason": "I read it."}, pk=request.pk)


# The last signature that is wanted approves.
@TABLE.call("POST", f"{REQUEST}sign-offs/", E.SIGN_OFF_GIVEN, E.REQUEST_APPROVED)
def sign_last(workspace, people):
    request = in_review(workspace, people)
    request = factories.signed(request, people.bob, SignerRole.VALIDATOR)
    return review(request, people.olivia, SignerRole.OWNER, meaning="I agree.")


@TABLE.call("POST", f"{REQUEST}promotion/", E.VERSION_PROMOTED)
def promote(workspace, people):
    factories.policy(workspace, people)
    request = factories.approved(factories.version(workspace, people), people)
    return Ask(people.rex, path={"pk": request.pk})


@TABLE.call("POST", f"{REQUEST}rejection/", E.REQUEST_REJECTED)
def reject(workspace, people):
    request = in_review(workspace, people)
    return review(request, people.bob, SignerRole.VALIDATOR)


@TABLE.call("POST", f"{REQUEST}withdrawal/", E.REQUEST_WITHDRAWN)
def withdraw(workspace, people):
    request = in_review(workspace, people)
    return Ask(people.alice, {"reason": "Too early."}, {"pk": request.pk})


@TABLE.call("POST", f"{REQUEST}invalidation/", E.REQUEST_INVALIDATED)
def invalidate(workspace, people):
    request = in_review(workspace, people)
    return signing(people.bob, {"reason": "The labels are wrong."}, pk=request.pk)


@TABLE.call("POST", f"{REQUEST}waivers/", E.WAIVER_REQUESTED)
def ask_for_waiver(workspace, people):
    stated = {
        "gate": "auc",
        "reason": "The old model is worse.",
        "compensating_control": "People look at every decision.",
        "residual_risk": "Some are late.",
        "days": 30,
    }
    return Ask(people.alice, stated, {"pk": factories.blocked(workspace, people).pk})


# With its gate let through, the request leaves `blocked`.
@TABLE.call(
    "POST",
    f"{API}waivers/<int:pk>/approvals/",
    E.WAIVER_APPROVED,
    E.REQUEST_RECONSIDERED,
)
def approve_waiver(workspace, people):
    waiver = factories.waiver(factories.blocked(workspace, people), people)
    return signing(people.rita, {"reason": "The control works."}, pk=waiver.pk)


@TABLE.call("POST", f"{API}waivers/<int:pk>/withdrawal/", E.WAIVER_WITHDRAWN)
def withdraw_waiver(workspace, people):
    waiver = factories.waiver(factories.blocked(workspace, people), people)
    return Ask(people.alice, {"reason": "No longer needed."}, {"pk": waiver.pk})


@TABLE.call("POST", f"{API}attestations/", E.ATTESTATION_GIVEN)
def attest(workspace, people):
    in_review(workspace, people)
    stated = {"kind": "canary", "source": "human", "statement": "It ran for a week."}
    return signing(people.olivia, SERVING | stated)


@TABLE.call("POST", f"{API}attestations/<int:pk>/withdrawal/", E.ATTESTATION_WITHDRAWN)
def withdraw_attestation(workspace, people):
    version = factories.version(workspace, people)
    given = factories.attested(version, people.olivia, AttestationKind.CANARY)
    return Ask(people.olivia, {"reason": "It alarmed."}, {"pk": given.pk})


@TABLE.call("POST", f"{REQUEST}tickets/", E.TICKET_LINKED)
def link_ticket(workspace, people):
    request = in_review(workspace, people)
    return Ask(people.alice, {"ticket": "RISK-42"}, {"pk": request.pk})


@TABLE.call("POST", f"{API}ticket-template/", E.TICKET_TEMPLATE_SET)
def set_ticket_template(workspace, people):
    return Ask(people.ada, {"url_template": "https://tickets.example/{ticket}"})


@TABLE.call("POST", f"{API}reports/", E.REPORT_ORDERED)
def order_report(workspace, people):
    factories.version(workspace, people)
    return Ask(people.carol, FIRST)
