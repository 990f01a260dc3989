"""Holds docs/events.md against the enums and against what is really recorded."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.errors import DomainError
from audit.events import AuditEvent
from audit.models import Event, Head, VerificationMode
from audit.services import pseudonym, system_account
from audit.services.log import (
    declare_log_key_compromised,
    retire_old_log_key,
    rotate_log_key,
)
from audit.services.verification import verify_log
from registry.events import RegistryEvent
from registry.models import (
    AttestationKind,
    BreakGlass,
    Delegation,
    Delivery,
    Freeze,
    PromotionRequest,
    ReportOrder,
    SignOff,
    Stage,
    Webhook,
)
from registry.models.finding import FindingState, Severity
from registry.models.revalidation import TriggerKind
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.aliases import remove_alias, set_alias
from registry.services.archiving import archive_model, archive_version
from registry.services.closings import invalidate_request, reject_request
from registry.services.delegations import delegate_signing, withdraw_delegation
from registry.services.deliveries import WAITS, deliver, replay
from registry.services.due_dates import add_months
from registry.services.evidence_views import open_evidence
from registry.services.findings import move_finding
from registry.services.model_versions import register_version, version_of_source
from registry.services.policies import draft_policy, publish_policy
from registry.services.promotion import evaluate_again, promote, request_promotion
from registry.services.registered_models import describe_model
from registry.services.reports import fail_report, order_report
from registry.services.revalidations import trigger_revalidation
from registry.services.sample_reviews import draw_sample_reviews
from registry.services.sign_off_verification import verify_sign_offs
from registry.services.slots import add_challenger
from registry.services.stages import move_version
from registry.services.tags import remove_model_tag as remove_registered_tag
from registry.services.tags import remove_version_tag, tag_model, tag_version
from registry.services.timers import end_what_is_over
from registry.services.version_content import Source
from registry.services.version_listings import describe_version
from registry.services.webhooks import (
    create_webhook,
    disable_webhook,
    enable_webhook,
    rotate_key,
)
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking.events import TrackingEvent
from tracking.models import Dataset
from tracking.permissions import Role
from tracking.services.accounts import (
    change_email,
    change_password,
    deactivate_account,
    reactivate_account,
)
from tracking.services.erasure import erase_subject
from tracking.services.experiments import (
    archive_experiment,
    create_experiment,
    remove_experiment_tag,
    rename_experiment,
    restore_experiment,
    tag_experiment,
)
from tracking.services.log_ins import count_failed_try, record_failed_log_in
from tracking.services.logged_models import (
    archive_logged_model,
    log_model_params,
    remove_model_tag,
    tag_logged_model,
)
from tracking.services.logging import log_batch, remove_tag
from tracking.services.role_grants import approve_role, ask_for_role
from tracking.services.roles import revoke_grant
from tracking.services.runs import archive_run, restore_run
from tracking.services.second_factors import remove_second_factor

pytestmark = [pytest.mark.docs, pytest.mark.any_database]

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
KINDS = {"The log": AuditEvent, "Tracking": TrackingEvent, "Registry": RegistryEvent}
INSTALLATION = "the installation"


@dataclass(frozen=True)
class Told:
    """What the page says of one kind."""

    subjects: frozenset[str]
    actor: str
    payload: frozenset[str]
    private: frozenset[str]


@dataclass
class Recorded:
    """What the log holds of one kind."""

    subjects: set[str] = field(default_factory=set)
    actors: set[str] = field(default_factory=set)
    payloads: set[frozenset[str]] = field(default_factory=set)
    privates: set[frozenset[str]] = field(default_factory=set)


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(section: str) -> dict[str, Told]:
    row = re.compile(
        r"^\| `([a-z_.]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$",
        re.MULTILINE,
    )
    return {
        kind: Told(
            subjects=frozenset(re.findall(r"`([a-z-]+)/", subject)),
            actor=actor,
            payload=frozenset(re.findall(r"`(\w+)`", payload)),
            private=frozenset(re.findall(r"`(\w+)`", private)),
        )
        for kind, subject, actor, payload, private in row.findall(sections()[section])
    }


@pytest.mark.parametrize("section", KINDS)
def test_page_tells_of_every_kind_and_of_no_other(section):
    assert rows(section).keys() == set(KINDS[section])


def test_envelope_on_the_page_is_that_of_an_entry(db):
    body = json.loads(bytes(Event.objects.earliest("id").body))
    told = re.findall(
        r"^\| `(\w+)` \|", sections()["What every entry holds"], re.MULTILINE
    )
    assert set(told) == body.keys()


def test_page_tells_subject_actor_and_fields_as_they_are_recorded(workspace, cast):
    record_every_kind(workspace, cast)
    recorded = recorded_kinds()
    told = {kind: row for section in KINDS for kind, row in rows(section).items()}

    assert recorded.keys() == told.keys()
    assert {kind: seen.payloads for kind, seen in recorded.items()} == {
        kind: {row.payload} for kind, row in told.items()
    }
    assert {kind: seen.privates for kind, seen in recorded.items()} == {
        kind: {row.private} for kind, row in told.items()
    }
    assert {kind: seen.subjects for kind, seen in recorded.items()} == {
        kind: row.subjects for kind, row in told.items()
    }
    installation = {pseudonym(system_account())}
    for kind in RegistryEvent:
        is_told = told[kind].actor == INSTALLATION
        assert (recorded[kind].actors == installation) is is_told, kind


def recorded_kinds() -> dict[str, Recorded]:
    found: dict[str, Recorded] = defaultdict(Recorded)
    for event in Event.objects.all():
        body = json.loads(bytes(event.body))
        seen = found[event.kind]
        seen.subjects.add(event.subject.partition("/")[0])
        seen.actors.add(event.actor)
        seen.payloads.add(frozenset(body["payload"]))
        seen.privates.add(frozenset(body["private"]))
    return dict(found)


def record_every_kind(workspace, cast) -> None:
    """Promote a version, report on it, and have every governed act refused once."""
    factories.token(cast.alice)
    change_email(cast.mallory, email="mallory@example.org", actor=cast.ada)
    deactivate_account(cast.mallory, actor=cast.ada)
    reactivate_account(cast.mallory, actor=cast.ada)
    change_password(cast.mallory, password="another long passphrase")
    fail_to_log_in(cast.mallory)
    grant_and_refuse(workspace, cast)
    factories.second_factor(cast.stella)
    remove_second_factor(cast.stella, reason="lost", actor=cast.ada)
    write_and_take_back(workspace, cast.alice)
    edit_the_catalogue(workspace, cast)
    draft = factories.policy(workspace, cast, published=False)
    refused(publish_policy, draft, actor=cast.paul)
    promoted = factories.row_in_every_table(workspace, cast)
    refused(archive_version, promoted, actor=cast.alice)
    refused(archive_model, promoted.registered_model, actor=cast.alice)
    request = promoted.promotion_requests.get()
    refused(request_promotion, promoted, environment="production", actor=cast.mallory)
    refused(evaluate_again, request, actor=cast.mallory)
    refused(factories.signed, request, cast.alice, SignerRole.VALIDATOR)
    refused(promote, request, actor=cast.alice)
    refused_afterwards(promoted, cast)
    refused_beside(workspace, promoted, cast)
    end_every_other_way(workspace, cast)
    delegate_and_take_back(workspace, cast)
    order = order_report(promoted, actor=cast.carol)
    claim = ReportOrder.objects.claim(
        order.pk, now=timezone.now(), lease=timedelta(minutes=1)
    )
    assert claim is not None
    fail_report(order, failure="no fonts", claim=claim)
    switch_webhook(workspace, cast)
    draw_a_sample(workspace, cast)
    find_altered_and_intact_again()
    find_sign_offs_altered_and_intact_again()
    factories.token(cast.paul)
    erase_subject(cast.paul, reason="asked for it", kept=(), actor=cast.ada)
    rotate_log_key()
    retire_old_log_key()
    declare_log_key_compromised(new_origin="attestry.localhost/log-2", reason="stolen")


def refused_afterwards(promoted, cast) -> None:
    """Have every governed act that comes after a promotion refused once."""
    model = promoted.registered_model
    finding = model.findings.earliest("pk")
    slot, freeze = promoted.slots.get(), Freeze.objects.get()
    refused(factories.tier, model, cast, Tier.HIGH, actor=cast.mallory)
    refused(factories.rollback, slot, promoted, cast, actor=cast.mallory)
    refused(factories.lifting, freeze, cast, actor=cast.mallory)
    refused(factories.emergency_asked, promoted, cast, actor=cast.mallory)
    refused(factories.revalidated, slot, promoted, cast, actor=cast.mallory)
    for version in (promoted, None):
        refused(factories.retired, model, cast, version, actor=cast.mallory)
    asked = BreakGlass.objects.latest("pk")
    refused(factories.emergency, asked, cast, actor=cast.mallory)
    refused(
        move_finding, finding, to=FindingState.CLOSED, reason="No.", actor=cast.alice
    )


def refused_beside(workspace, promoted, cast) -> None:
    """Have what is drafted, described, ordered and connected refused once."""
    model, actor = promoted.registered_model, cast.mallory
    run = promoted.linked_run
    refused(draft_policy, workspace, document=factories.POLICY, actor=actor)
    refused(factories.finding, model, cast, Severity.LOW, actor=actor)
    kind = TriggerKind.DRIFT_BREACH
    refused(trigger_revalidation, model, kind=kind, detail="PSI 0.3", actor=actor)
    refused(
        register_version,
        model,
        source_run=run,
        artifact_path=factories.MODEL,
        artifact_sha256=promoted.linked_sha256,
        actor=actor,
    )
    challenge = {"environment": "production", "reason": "To compare."}
    refused(add_challenger, promoted, **challenge, actor=actor)
    refused(order_report, promoted, actor=actor)
    webhook = Webhook.objects.get()
    refused(disable_webhook, webhook, actor=actor)
    refused(create_webhook, workspace, url=webhook.url, event_types=(), actor=actor)
    refused(withdraw_delegation, Delegation.objects.earliest("pk"), actor=actor)
    refused(factories.card, Dataset.objects.earliest("pk"), actor)


def end_every_other_way(workspace, cast) -> None:
    """End requests in the ways that are left, and be refused to waive and to attest."""
    rejected, invalidated, expired = (
        factories.evaluated(factories.version(workspace, cast, content=content), cast)
        for content in (b"rejected", b"invalidated", b"expired")
    )
    refused(factories.waiver, rejected, cast, actor=cast.bob)
    kind = AttestationKind.CANARY
    refused(factories.attested, rejected.model_version, cast.alice, kind)
    signed: dict[str, Any] = {
        "password": factories.PASSWORD,
        "is_interactive": True,
        "reason": "The test set is old.",
    }
    by_bob = signed | {
        "role": SignerRole.VALIDATOR,
        "seen_digest": rejected.subject_digest,
    }
    open_evidence(rejected, actor=cast.bob)
    refused(reject_request, rejected, **by_bob, actor=cast.alice)
    reject_request(rejected, **by_bob, actor=cast.bob)
    invalidate_request(invalidated, **signed, actor=cast.rita)
    now = timezone.now()
    with triggers_switched_off("registry_promotionrequest"):
        PromotionRequest.objects.filter(pk=expired.pk).update(expires_at=now)
    assert end_what_is_over() == 1


def draw_a_sample(workspace, cast) -> None:
    factories.unsigned(workspace, cast)
    assert draw_sample_reviews(add_months(timezone.now(), 1)) == 1


def grant_and_refuse(workspace, cast) -> None:
    asked = ask_for_role(
        cast.mallory,
        role=Role.AUDITOR,
        workspace=workspace,
        reason="joins",
        actor=cast.ada,
    )
    refused(approve_role, asked, actor=cast.ada)
    revoke_grant(approve_role(asked, actor=cast.rita), actor=cast.ada)


def delegate_and_take_back(workspace, cast) -> None:
    now = timezone.now()
    terms = {
        "role": SignerRole.VALIDATOR,
        "delegate": cast.carol,
        "starts_at": now,
        "ends_at": now + timedelta(days=1),
        "reason": "leave",
        "password": factories.PASSWORD,
        "is_interactive": True,
    }
    refused(delegate_signing, workspace, **terms, actor=cast.alice)
    given = delegate_signing(workspace, **terms, actor=cast.bob)
    withdraw_delegation(given, actor=cast.bob)


def write_and_take_back(workspace, actor) -> None:
    """Do in tracking what a promotion does not need."""
    run = factories.run(workspace, actor, "taken back")
    log_batch(run, tags=[("team", "credit")], actor=actor)
    remove_tag(run, key="team", actor=actor)
    archive_run(run, actor=actor)
    restore_run(run, actor=actor)
    model = factories.logged_model(run, actor)
    log_model_params(model, params={"width": "4"}, actor=actor)
    tag_logged_model(model, tags={"stage": "test"}, actor=actor)
    remove_model_tag(model, key="stage", actor=actor)
    archive_logged_model(model, actor=actor)
    experiment = create_experiment(workspace, name="other", actor=actor)
    rename_experiment(experiment, name="another", actor=actor)
    tag_experiment(experiment, key="team", value="credit", actor=actor)
    factories.dataset(workspace, actor, "registered")
    remove_experiment_tag(experiment, key="team", actor=actor)
    archive_experiment(experiment, actor=actor)
    restore_experiment(experiment, actor=actor)


def edit_the_catalogue(workspace, cast) -> None:
    """Do with a model and a version what no governance minds."""
    model = factories.model(workspace, cast, "edited")
    model = describe_model(model, description="Tells good from bad.", actor=cast.alice)
    tag_model(model, key="team", value="credit", actor=cast.alice)
    remove_registered_tag(model, key="team", actor=cast.alice)
    run = factories.run(workspace, cast.alice, "edited")
    factories.upload(run, "model/MLmodel", b"flavors: {}", cast.alice)
    version, _ = version_of_source(
        model,
        source=Source(f"runs:/{run.run_id}/model", run, path="model"),
        description="",
        tags={},
        run_link="",
        actor=cast.alice,
    )
    describe_version(version, description="The first.", actor=cast.alice)
    tag_version(version, key="team", value="credit", actor=cast.alice)
    remove_version_tag(version, key="team", actor=cast.alice)
    set_alias(version, name="best", actor=cast.alice)
    remove_alias(model, name="best", actor=cast.alice)
    move_version(version, to=Stage.STAGING, archives_others=True, actor=cast.alice)
    archive_version(version, actor=cast.alice)
    archive_model(model, actor=cast.alice)


def switch_webhook(workspace, cast) -> None:
    """Rotate, disable and enable a webhook, and have a delivery given up and replayed."""
    webhook = Webhook.objects.get()
    rotate_key(webhook, overlap=timedelta(hours=1), actor=cast.ada)
    disable_webhook(webhook, actor=cast.ada)
    enable_webhook(webhook, actor=cast.ada)
    delivery = webhook.deliveries.get()
    replay(delivery, actor=cast.ada)
    Delivery.objects.filter(pk=delivery.pk).update(failures=len(WAITS))
    deliver(delivery.pk, jitter=lambda: 0.0)


def fail_to_log_in(user) -> None:
    record_failed_log_in(user, door="password", code="invalid_login")
    record_failed_log_in(None, door="token", code="token_unknown")
    for _ in range(5):
        count_failed_try(user)


def find_sign_offs_altered_and_intact_again() -> None:
    signed = SignOff.objects.latest("pk")
    for meant in ("another", signed.subject_digest):
        with triggers_switched_off("registry_signoff"):
            SignOff.objects.filter(pk=signed.pk).update(subject_digest=meant)
        verify_sign_offs()


def find_altered_and_intact_again() -> None:
    root = Head.objects.current().root
    for stored in (bytes(32), root):
        Head.objects.update(root=stored)
        verify_log(Head.objects.current(), mode=VerificationMode.FULL)


def refused(act, *arguments, **options) -> None:
    with pytest.raises(DomainError):
        act(*arguments, **options)
