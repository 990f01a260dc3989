"""What stands beside and comes after a promotion, and one row in every table."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from audit.models import Head, VerificationMode
from audit.sequencer import sequence_pending
from audit.services.verification import verify_log
from audit.tlog.keys import PrivateKey, SignatureType
from audit.tlog.note import Note
from registry.models import (
    AttestationKind,
    BreakGlass,
    BreakGlassConfirmation,
    Delegation,
    Delivery,
    Finding,
    Freeze,
    FreezeLifting,
    ModelCard,
    ModelVersion,
    NotificationType,
    RegisteredModel,
    ReportOrder,
    Retirement,
    Revalidation,
    RiskAcceptance,
    Rollback,
    Slot,
    Webhook,
)
from registry.models.finding import FindingCause, FindingState, Severity
from registry.models.model_card import Origin
from registry.models.revalidation import TriggerKind
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.attestations import withdraw_attestation
from registry.services.break_glass import (
    ask_to_break_glass,
    confirm_break_glass,
    end_emergencies,
)
from registry.services.delegations import delegate_signing, withdraw_delegation
from registry.services.deliveries import deliver
from registry.services.findings import accept_risk, move_finding, open_finding
from registry.services.model_cards import write_model_card
from registry.services.registered_models import rename_model
from registry.services.reports import order_report, store_report
from registry.services.retirements import retire
from registry.services.revalidations import revalidate, trigger_revalidation
from registry.services.rollbacks import lift_freeze, roll_back
from registry.services.sign_off_verification import verify_sign_offs
from registry.services.slots import add_challenger, remove_challenger
from registry.services.tickets import link_request, set_ticket_template
from registry.services.webhooks import create_webhook
from tests.factories.logged import (
    ask_for_metadata,
    card,
    everything_logged,
    logged_model,
    reproduction,
    run,
    upload,
    use_dataset,
)
from tests.factories.people import PASSWORD, Cast, token
from tests.factories.promotions import (
    WAIVABLE,
    _weak,
    attested,
    champion,
    model,
    policy,
    tier,
    version,
    waived,
    withdrawn,
    withdrawn_waiver,
)
from tracking.models import (
    Workspace,
)
from tracking.services.artifacts import remove_artifacts
from tracking.services.logging import log_batch
from tracking.services.sensitive_data import acknowledge_sensitive_use


def finding(
    model: RegisteredModel, people: Cast, severity: Severity, **changes: Any
) -> Finding:
    """Return a finding that Bob opened and Alice is to mend."""
    arguments: dict[str, Any] = {
        "cause": FindingCause.REVIEW,
        "title": "Scores drop for the young.",
        "description": "Seen in the slice below 25.",
        "owner": people.alice,
        "actor": people.bob,
    } | changes
    return open_finding(model, severity=severity, **arguments)


def borne(finding: Finding, actor: User, **changes: Any) -> RiskAcceptance:
    """Return a signature that the risk of a finding is borne for some weeks."""
    arguments: dict[str, Any] = {
        "until": timezone.now() + timedelta(days=60),
        "reason": "Few loans are concerned.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": actor,
    } | changes
    return accept_risk(finding, **arguments)


def model_card(model: RegisteredModel, people: Cast, **changes: Any) -> ModelCard:
    arguments: dict[str, Any] = {
        "purpose": "Tells who pays back.",
        "limits_of_use": "Not for loans below 500.",
        "origin": Origin.OWN,
        "owner": people.olivia,
        "actor": people.olivia,
    } | changes
    return write_model_card(model, **arguments)


def rollback(slot: Slot, to: ModelVersion, people: Cast, **changes: Any) -> Rollback:
    arguments: dict[str, Any] = {
        "reason": "It refuses everybody below 25.",
        "actor": people.rex,
    } | changes
    return roll_back(slot, to=to, **arguments)


def lifting(freeze: Freeze, people: Cast, **changes: Any) -> FreezeLifting:
    arguments: dict[str, Any] = {
        "conclusion": "The data of one year were missing.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.bob,
    } | changes
    return lift_freeze(freeze, **arguments)


def emergency_asked(version: ModelVersion, people: Cast, **changes: Any) -> BreakGlass:
    """Return what Olivia asked for, as the model's owner."""
    arguments: dict[str, Any] = {
        "environment": "production",
        "hours": 24,
        "reason": "The champion crashes.",
        "role": SignerRole.OWNER,
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.olivia,
    } | changes
    return ask_to_break_glass(version, **arguments)


def emergency(
    asked: BreakGlass, people: Cast, **changes: Any
) -> BreakGlassConfirmation:
    """Return what Rita confirmed, for risk."""
    arguments: dict[str, Any] = {
        "role": SignerRole.RISK,
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.rita,
    } | changes
    return confirm_break_glass(asked, **arguments)


def judged(confirmed: BreakGlassConfirmation, people: Cast) -> None:
    """Say that what an emergency was about is mended, and have that verified."""
    for to, actor in (
        (FindingState.FIXED, people.alice),
        (FindingState.VERIFIED, people.bob),
    ):
        move_finding(confirmed.finding, to=to, reason="Mended.", actor=actor)


def revalidated(
    slot: Slot, version: ModelVersion | None, people: Cast, **changes: Any
) -> Revalidation:
    arguments: dict[str, Any] = {
        "conclusion": "Its errors are what they were.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.bob,
    } | changes
    return revalidate(slot, version=version, **arguments)


def retired(
    model: RegisteredModel,
    people: Cast,
    version: ModelVersion | None = None,
    **changes: Any,
) -> Retirement:
    arguments: dict[str, Any] = {
        "reason": "Nobody asks it any more.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": people.olivia,
    } | changes
    return retire(model, version=version, **arguments)


def what_comes_after(serving: ModelVersion, people: Cast) -> None:
    """Do around a promoted version one of everything, and leave it in its slot."""
    described = serving.registered_model
    upstream = model(described.workspace, people, "bureau")
    model_card(described, people, upstream=[upstream])
    tier(described, people, Tier.MODERATE)
    low = finding(described, people, Severity.LOW)
    move_finding(
        low, to=FindingState.PLANNED, reason="Next quarter.", actor=people.alice
    )
    borne(low, people.rita)
    trigger_revalidation(
        described, kind=TriggerKind.DRIFT_BREACH, detail="PSI 0.3", actor=people.bot
    )
    slot = serving.slots.get()
    revalidated(slot, serving, people)
    second, third, fourth = (
        version(described.workspace, people, content=content)
        for content in (b"second", b"third", b"fourth")
    )
    for act in (add_challenger, remove_challenger):
        act(second, environment="production", reason="To compare.", actor=people.alice)
    confirmed = emergency(emergency_asked(third, people), people)
    in_a_day = timezone.now() + timedelta(hours=25)
    with time_machine.travel(in_a_day, tick=False):
        end_emergencies()
    judged(confirmed, people)
    emergency(emergency_asked(fourth, people), people)
    undone = rollback(slot, serving, people)
    lifting(undone.freeze, people)
    retired(described, people, second)
    retired(upstream, people)


def report(asked: ModelVersion, actor: User) -> ReportOrder:
    """Return an order whose PDF is stored, without laying out a PDF."""
    order = order_report(asked, actor=actor)
    claim = ReportOrder.objects.claim(
        order.pk, now=timezone.now(), lease=timedelta(minutes=1)
    )
    assert claim is not None
    store_report(order, pdf=b"%PDF-1.7", data_sha256="0" * 64, claim=claim)
    return order


def waived_attested_and_withdrawn(workspace: Workspace, people: Cast) -> None:
    """Have a champion's challenger waived and attested, and all of that taken back."""
    asked = _weak(workspace, people)
    waived(asked, people, gate="regression")
    withdrawn_waiver(waived(asked, people), people)
    canary = attested(asked.model_version, people.olivia, AttestationKind.CANARY)
    withdraw_attestation(canary, reason="It alarmed.", actor=people.olivia)
    withdrawn(asked, people)


def delegation(workspace: Workspace, people: Cast) -> Delegation:
    """Let Carol sign for Bob for a day, and take it back."""
    now = timezone.now()
    given = delegate_signing(
        workspace,
        role=SignerRole.VALIDATOR,
        delegate=people.carol,
        starts_at=now,
        ends_at=now + timedelta(days=1),
        reason="I am on leave.",
        password=PASSWORD,
        is_interactive=True,
        actor=people.bob,
    )
    withdraw_delegation(given, actor=people.bob)
    return given


def webhook(
    workspace: Workspace,
    people: Cast,
    *,
    url: str = "https://localhost/hook",
    event_types: Sequence[str] = tuple(NotificationType.values),
) -> Webhook:
    """Return a webhook; where it leads is internal, so that nothing is sent."""
    return create_webhook(
        workspace, url=url, event_types=event_types, actor=people.ada
    )[0]


def row_in_every_table(workspace: Workspace, people: Cast) -> ModelVersion:
    """Promote a version, report on it and log everything: one row a table and more."""
    policy(workspace, people, WAIVABLE)
    other = run(workspace, people.alice, "other")
    everything_logged(other, people.alice)
    for author in ("alice", "nobody"):
        log_batch(other, tags=[("attestry.git.author", author)], actor=people.alice)
    for parent in ("0" * 32, "1" * 32):
        log_batch(other, tags=[("mlflow.parentRunId", parent)], actor=people.alice)
    sensitive = other.dataset_inputs.get().dataset
    card(sensitive, people.alice)
    use_dataset(run(workspace, people.alice, "sensitive"), people.alice)
    acknowledge_sensitive_use(
        sensitive.sensitive_uses.earliest("pk"), note="Seen.", actor=people.stella
    )
    logged_model(other, people.alice)
    upload(other, "wrong.txt", b"wrong", people.alice)
    remove_artifacts(other, path="wrong.txt", actor=people.alice)
    ask_for_metadata(other, people)
    rename_model(model(workspace, people, "first"), name="second", actor=people.alice)
    told = webhook(workspace, people, event_types=[NotificationType.VERSION_PROMOTED])
    serving = champion(workspace, people)
    deliver(Delivery.objects.get(webhook=told).pk, jitter=lambda: 0.0)
    set_ticket_template(
        workspace, url_template="https://tickets.example/{ticket}", actor=people.ada
    )
    asked = serving.promotion_requests.get()
    link_request(asked, ticket="RISK-42", actor=people.alice)
    reproduction(serving.linked_run, people.alice)
    report(serving, people.carol)
    waived_attested_and_withdrawn(workspace, people)
    delegation(workspace, people)
    token(people.bot)
    verify_sign_offs()
    what_comes_after(serving, people)
    sequence_pending()
    log = Head.objects.current()
    key = PrivateKey("witness", bytes(32), SignatureType.COSIGNATURE_V1)
    newest = log.checkpoints.latest("size")
    text = Note(Note.parse(bytes(newest.note)).text)
    line = str(text.signed(key, time=1).signatures[0])
    log.cosignatures.create(size=newest.size, key=str(key.verifier_key), line=line)
    log.copies.create(size=newest.size, way="e-mail", sent_at=timezone.now())
    verify_log(log, mode=VerificationMode.FULL)
    return serving
