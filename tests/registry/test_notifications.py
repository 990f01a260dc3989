"""Who is told of what, in the transaction of what happened."""

import json
from datetime import datetime

import pytest
import time_machine
from django.core import mail
from django.db import transaction

from audit.errors import ConflictError
from audit.services import system_account
from registry.jobs import DELIVER
from registry.models import (
    Delivery,
    DeliveryState,
    GateRun,
    Notification,
    NotificationType,
    RequestState,
    TicketSubject,
)
from registry.models.sign_off import SignerRole
from registry.services.closings import invalidate_request, reject_request
from registry.services.deliveries import deliver
from registry.services.dispatch import unfinished_work
from registry.services.evidence_views import open_evidence
from registry.services.gate_runs import run_gate
from registry.services.notifications import announce
from registry.services.promotion import promote
from registry.services.recipients import holders_of
from registry.services.tickets import link_ticket
from registry.services.timers import end_what_is_over
from registry.services.webhooks import disable_webhook
from tests import factories
from tests.registry.receiver import internal, receiver
from tracking.permissions import WORKSPACE_GRANTS, Role
from tracking.services.accounts import change_email, deactivate_account
from tracking.services.roles import revoke_role
from tracking.services.workspaces import create_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture(autouse=True)
def _address(settings):
    settings.ATTESTRY_URL = "https://attestry.example.org"


@pytest.fixture
def mailboxes(settings, cast):
    """Give everybody an address, and let mail be sent."""
    settings.ATTESTRY_SENDS_MAIL = True
    for name in ("alice", "olivia", "bob", "rita", "stella", "carol", "rex", "ada"):
        user = getattr(cast, name)
        change_email(user, email=f"{name}@example.org", actor=cast.ada)


def deliver_all():
    for pk in Delivery.objects.values_list("pk", flat=True):
        deliver(pk, jitter=lambda: 0.0)


def told():
    return [
        (NotificationType(item.type).name, json.loads(item.document)["data"]["state"])
        for item in Notification.objects.order_by("pk")
    ]


def test_whole_way_into_production_is_told_step_by_step(workspace, cast):
    factories.webhook(workspace, cast)

    factories.policy(workspace, cast)
    factories.champion(workspace, cast)

    assert told() == [
        ("REQUEST_OPENED", "evaluating"),
        ("GATES_FINISHED", "in_review"),
        ("SIGN_OFF_WANTED", "in_review"),
        ("REQUEST_APPROVED", "approved"),
        ("VERSION_PROMOTED", "promoted"),
    ]


def test_blocked_request_wants_no_signature(workspace, cast):
    factories.webhook(workspace, cast)
    factories.policy(workspace, cast)
    scores = factories.predictions(rows=300, strength=3)

    factories.evaluated(factories.version(workspace, cast, scores=scores), cast)

    assert told() == [("REQUEST_OPENED", "evaluating"), ("GATES_FINISHED", "blocked")]


def test_message_is_a_cloud_event_without_personal_values(workspace, cast):
    factories.webhook(workspace, cast, event_types=[NotificationType.SIGN_OFF_WANTED])
    factories.policy(workspace, cast)
    request = factories.evaluated(factories.version(workspace, cast), cast)

    [notification] = Notification.objects.all()
    event = json.loads(notification.document)
    assert datetime.fromisoformat(event.pop("time")).utcoffset() is not None
    assert event == {
        "specversion": "1.0",
        "id": notification.message_id,
        "source": "https://attestry.example.org/w/default",
        "type": "dev.attestry.sign_off.wanted.v1",
        "subject": f"request/{request.pk}",
        "datacontenttype": "application/json",
        "data": {
            "request": request.pk,
            "registered_model": "credit",
            "version": 1,
            "environment": "production",
            "state": "in_review",
            "attempt": 1,
            "subject_digest": request.subject_digest,
            "missing_roles": ["validator", "owner"],
            "tickets": [],
            "url": "https://attestry.example.org/admin/registry/promotionrequest/"
            f"{request.pk}/change/",
        },
    }


def test_message_names_the_tickets_of_the_request(workspace, cast):
    factories.webhook(workspace, cast, event_types=[NotificationType.GATES_FINISHED])
    factories.policy(workspace, cast)
    request = factories.request(factories.version(workspace, cast), cast)
    link_ticket(
        TicketSubject.REQUEST,
        request.pk,
        workspace=workspace,
        ticket="RISK-42",
        actor=cast.alice,
    )
    for pk in GateRun.objects.values_list("pk", flat=True):
        run_gate(pk)

    [notification] = Notification.objects.all()
    assert json.loads(notification.document)["data"]["tickets"] == ["RISK-42"]


def test_webhook_gets_only_the_kinds_it_wants_of_its_own_workspace(workspace, cast):
    approvals = factories.webhook(
        workspace, cast, event_types=[NotificationType.REQUEST_APPROVED]
    )
    elsewhere = create_workspace("elsewhere", actor=cast.ada)
    factories.grant(cast.ada, Role.ADMINISTRATOR, elsewhere)
    factories.webhook(elsewhere, cast)
    disabled = factories.webhook(workspace, cast)
    disable_webhook(disabled, actor=cast.ada)

    factories.policy(workspace, cast)
    factories.champion(workspace, cast)

    [delivery] = Delivery.objects.all()
    assert delivery.webhook == approvals


def test_nothing_is_written_when_nobody_listens(workspace, cast):
    factories.policy(workspace, cast)
    factories.champion(workspace, cast)

    assert not Notification.objects.exists()


def test_change_that_is_rolled_back_tells_nobody(workspace, cast):
    factories.webhook(workspace, cast)
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)

    with transaction.atomic():
        factories.request(version, cast)
        assert Notification.objects.count() == 1
        transaction.set_rollback(True)

    assert not Notification.objects.exists()


@pytest.mark.usefixtures("mailboxes")
def test_sign_off_is_asked_of_those_who_can_give_it(workspace, cast):
    factories.policy(workspace, cast)
    factories.evaluated(factories.version(workspace, cast), cast)
    deliver_all()

    asked = [m for m in mail.outbox if "Sign-off wanted" in m.subject]
    # The policy wants a validator and the owner; Rita's risk role is not among them.
    assert sorted(message.to[0] for message in asked) == [
        "bob@example.org",
        "olivia@example.org",
    ]
    assert asked[0].subject == ("[Attestry] Sign-off wanted: credit v1 to production")
    assert "https://attestry.example.org/admin/registry/promotion" in asked[0].body


@pytest.mark.usefixtures("mailboxes")
def test_each_step_is_mailed_to_whoever_can_act_on_it(workspace, cast):
    factories.policy(workspace, cast)
    factories.champion(workspace, cast)
    deliver_all()

    found = sorted((m.subject.split("] ")[1].split(":")[0], *m.to) for m in mail.outbox)
    assert found == [
        ("Gates finished", "alice@example.org"),
        ("Request approved", "rex@example.org"),
        ("Sign-off wanted", "bob@example.org"),
        ("Sign-off wanted", "olivia@example.org"),
        ("Version promoted", "alice@example.org"),
        ("Version promoted", "olivia@example.org"),
    ]


def reject(request, cast):
    open_evidence(request, actor=cast.bob)
    reject_request(
        request,
        role=SignerRole.VALIDATOR,
        reason="The test set is a year old.",
        password=factories.PASSWORD,
        seen_digest=request.subject_digest,
        is_interactive=True,
        actor=cast.bob,
    )


def withdraw(request, cast):
    factories.withdrawn(request, cast)


def invalidate(request, cast):
    invalidate_request(
        request,
        reason="The labels were wrong.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=cast.bob,
    )


def let_expire(request, _cast):
    with time_machine.travel(request.expires_at, tick=False):
        end_what_is_over()


@pytest.mark.usefixtures("mailboxes")
@pytest.mark.parametrize(
    ("act", "state", "title"),
    [
        (reject, "rejected", "Request rejected"),
        (withdraw, "withdrawn", "Request withdrawn"),
        (invalidate, "invalidated", "Request invalidated"),
        (let_expire, "expired", "Request expired"),
    ],
)
def test_end_of_a_request_is_told_to_who_asked_and_who_owns(
    workspace, cast, act, state, title
):
    kind = NotificationType(f"dev.attestry.request.{state}.v1")
    factories.webhook(workspace, cast, event_types=[kind])
    factories.policy(workspace, cast)
    request = factories.evaluated(factories.version(workspace, cast), cast)

    act(request, cast)

    [notification] = Notification.objects.filter(type=kind)
    event = json.loads(notification.document)
    assert (event["subject"], event["data"]["state"]) == (request.subject, state)
    assert "year old" not in notification.document
    assert set(
        notification.deliveries.values_list("webhook__url", "recipient__username")
    ) == {("https://localhost/hook", None), (None, "alice"), (None, "olivia")}
    with time_machine.travel(notification.created_at, tick=False):
        for delivery in notification.deliveries.filter(webhook=None):
            deliver(delivery.pk, jitter=lambda: 0.0)
    assert {message.subject for message in mail.outbox} == {
        f"[Attestry] {title}: credit v1 to production"
    }


@pytest.mark.usefixtures("mailboxes")
def test_request_that_another_policy_ends_is_not_told_as_worth_nothing(workspace, cast):
    factories.policy(workspace, cast)
    request = factories.evaluated(factories.version(workspace, cast), cast)

    factories.policy(workspace, cast)

    notification = Notification.objects.get(
        type=NotificationType.REQUEST_INVALIDATED, subject=request.subject
    )
    with time_machine.travel(notification.created_at, tick=False):
        for delivery in notification.deliveries.filter(webhook=None):
            deliver(delivery.pk, jitter=lambda: 0.0)
    title, what, *_ = mail.outbox[-1].body.split("\n\n")
    assert title == "Request invalidated: credit v1 to production."
    assert what == (
        "It has ended: its evidence was revoked, or another policy or risk tier governs "
        "it now. Its page says which. If that is not the evidence, ask again."
    )


def test_end_that_is_refused_is_not_told(workspace, cast):
    factories.webhook(workspace, cast, event_types=[NotificationType.REQUEST_WITHDRAWN])
    factories.policy(workspace, cast)
    request = factories.withdrawn(
        factories.request(factories.version(workspace, cast), cast), cast
    )

    with pytest.raises(ConflictError):
        withdraw(request, cast)

    assert Notification.objects.count() == 1


@pytest.mark.usefixtures("mailboxes")
def test_somebody_too_close_to_the_version_is_not_asked_to_sign(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    factories.grant(cast.alice, Role.VALIDATOR, workspace)
    factories.evaluated(version, cast)
    deliver_all()

    asked = [m.to[0] for m in mail.outbox if "Sign-off wanted" in m.subject]
    assert "alice@example.org" not in asked


@pytest.mark.usefixtures("mailboxes")
def test_somebody_whose_account_was_closed_meanwhile_gets_no_mail(workspace, cast):
    factories.policy(workspace, cast)
    factories.evaluated(factories.version(workspace, cast), cast)
    deactivate_account(cast.bob, actor=cast.ada)
    deliver_all()

    assert "bob@example.org" not in [message.to[0] for message in mail.outbox]
    assert Delivery.objects.get(recipient=cast.bob).state == DeliveryState.DEAD


def test_no_mail_is_sent_by_an_installation_without_a_mail_server(
    settings, workspace, cast
):
    change_email(cast.bob, email="bob@example.org", actor=cast.ada)
    assert settings.ATTESTRY_SENDS_MAIL is False

    factories.policy(workspace, cast)
    factories.champion(workspace, cast)

    assert not Delivery.objects.exists()


def test_what_other_parts_announce_reaches_webhooks_and_people(
    settings, workspace, cast
):
    settings.ATTESTRY_SENDS_MAIL = True
    change_email(cast.olivia, email="olivia@example.org", actor=cast.ada)
    with internal("127.0.0.0/8"), receiver() as there:
        factories.webhook(workspace, cast, url=there.url)
        for kind in (
            NotificationType.WAIVER_EXPIRING,
            NotificationType.FINDING_OVERDUE,
            NotificationType.SENSITIVE_DATASET_USED,
        ):
            with transaction.atomic():
                announce(
                    kind,
                    workspace=workspace,
                    subject="finding/3",
                    data={"finding": 3},
                    people=[cast.olivia, cast.mallory],
                )
        deliver_all()

    assert [json.loads(call.body)["type"] for call in there.calls] == [
        "dev.attestry.waiver.expiring.v1",
        "dev.attestry.finding.overdue.v1",
        "dev.attestry.dataset.sensitive_used.v1",
    ]
    assert [message.subject for message in mail.outbox] == [
        "[Attestry] Waiver expires soon: finding/3",
        "[Attestry] Finding overdue: finding/3",
        "[Attestry] Sensitive dataset used: finding/3",
    ]


@pytest.mark.usefixtures("mailboxes")
def test_holders_of_a_role_can_be_told(workspace, cast):
    announce(
        NotificationType.SENSITIVE_DATASET_USED,
        workspace=workspace,
        subject="dataset/default/1",
        data={},
        people=holders_of(Role.STEWARD, workspace),
    )
    deliver_all()

    assert [message.to for message in mail.outbox] == [["stella@example.org"]]


def test_line_break_in_a_name_makes_no_header_of_a_mail(settings, workspace, cast):
    settings.ATTESTRY_SENDS_MAIL = True
    change_email(cast.bob, email="bob@example.org", actor=cast.ada)
    announce(
        NotificationType.FINDING_OVERDUE,
        workspace=workspace,
        subject="dataset/a\r\nBcc: mallory@example.org",
        data={},
        people=[cast.bob],
    )
    deliver_all()

    [message] = mail.outbox
    assert message.recipients() == ["bob@example.org"]
    assert message.subject == (
        "[Attestry] Finding overdue: dataset/a Bcc: mallory@example.org"
    )


def test_message_that_tells_too_much_is_refused(workspace, cast):
    factories.webhook(workspace, cast)

    with pytest.raises(ValueError, match="tell less"):
        announce(
            NotificationType.FINDING_OVERDUE,
            workspace=workspace,
            subject="finding/1",
            data={"text": "a" * 20_000},
        )


def test_delivery_is_found_by_whoever_looks_for_work(workspace, cast):
    factories.webhook(workspace, cast)
    factories.policy(workspace, cast)
    factories.request(factories.version(workspace, cast), cast)

    waiting = [pk for task, pk in unfinished_work() if task == DELIVER]
    assert waiting == [Delivery.objects.get().pk]


def test_state_of_a_promoted_request_is_told_as_it_is_then(workspace, cast):
    factories.webhook(workspace, cast, event_types=[NotificationType.VERSION_PROMOTED])
    factories.policy(workspace, cast)
    approved = factories.approved(factories.version(workspace, cast), cast)
    assert approved.state == RequestState.APPROVED
    assert SignerRole.OWNER in approved.sign_offs.values_list("role", flat=True)

    promote(approved, actor=cast.rex)

    assert told() == [("VERSION_PROMOTED", "promoted")]


def test_only_administrators_connect_systems():
    assert WORKSPACE_GRANTS["connect_systems"] == {Role.ADMINISTRATOR}


def test_who_lost_the_role_that_they_asked_in_is_told_no_more(
    workspace, cast, mailboxes
):
    factories.policy(workspace, cast)
    request = factories.request(factories.version(workspace, cast), cast)
    revoke_role(
        cast.alice, role=Role.DEVELOPER, workspace=workspace, actor=system_account()
    )
    for pk in request.gate_runs.values_list("pk", flat=True):
        run_gate(pk)
    finished = Delivery.objects.filter(
        notification__type=NotificationType.GATES_FINISHED
    )
    assert not finished.exists()
    assert Delivery.objects.filter(
        notification__type=NotificationType.SIGN_OFF_WANTED, recipient=cast.bob
    ).exists()
