"""Deliveries arrive, are tried again, are given up, and are replayed."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from itertools import pairwise

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.errors import ConflictError, PermissionDeniedError
from audit.models import Event
from registry.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    NotificationType,
    WorkState,
)
from registry.models.webhook import Scheme
from registry.services.deliveries import WAITS, deliver, replay
from registry.services.dispatch import redispatch
from registry.services.notifications import announce
from registry.services.webhooks import create_webhook, disable_webhook, rotate_key
from tests.registry.receiver import hosts, internal, receiver
from tracking.services.accounts import change_email

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
LEASE = timedelta(seconds=30)
KIND = NotificationType.FINDING_OVERDUE


@pytest.fixture
def there(settings):
    """A receiver that the installation is allowed to reach."""
    settings.ATTESTRY_WEBHOOK_INTERNAL_HOSTS = hosts("127.0.0.0/8")
    with receiver() as found:
        yield found


@pytest.fixture
def connected(workspace, cast, there):
    """A webhook to the receiver, and its secret."""
    return create_webhook(workspace, url=there.url, event_types=[KIND], actor=cast.ada)


def announced(workspace, **changes) -> Delivery:
    announce(KIND, workspace=workspace, subject="finding/1", data={"n": 1}, **changes)
    return Delivery.objects.latest("pk")


def attempt(delivery: Delivery, *, jitter: float = 0.0) -> Delivery:
    deliver(delivery.pk, jitter=lambda: jitter)
    delivery.refresh_from_db()
    return delivery


def attempt_when_due(delivery: Delivery) -> Delivery:
    with time_machine.travel(delivery.due_at + timedelta(seconds=1), tick=False):
        return attempt(delivery)


def entries(kind):
    return [
        json.loads(bytes(event.body))
        for event in Event.objects.filter(kind=kind).order_by("id")
    ]


def macs(call, *secrets: str) -> str:
    """Sign what came as a receiver would, to compare with the header."""
    name, stamp = call.headers["webhook-id"], call.headers["webhook-timestamp"]
    signed = f"{name}.{stamp}.".encode() + call.body
    return " ".join(
        "v1,"
        + base64.b64encode(
            hmac.digest(
                base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256
            )
        ).decode()
        for secret in secrets
    )


def test_message_arrives_signed_under_its_id(workspace, there, connected):
    delivery = attempt(announced(workspace))

    [call] = there.calls
    assert call.headers["webhook-id"] == delivery.notification.message_id
    assert call.headers["webhook-signature"] == macs(call, connected[1])
    assert abs(int(call.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    assert call.headers["content-type"].startswith("application/cloudevents+json")
    assert json.loads(call.body)["id"] == call.headers["webhook-id"]
    assert (delivery.state, delivery.work_state) == ("delivered", WorkState.DONE)
    assert delivery.attempts.get().status == 204


def test_former_and_new_key_sign_side_by_side_until_the_former_retires(
    workspace, cast, there, connected
):
    webhook, old = connected
    new = rotate_key(webhook, overlap=timedelta(hours=24), actor=cast.ada)
    attempt(announced(workspace))
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        attempt(announced(workspace))

    during, after = there.calls
    assert during.headers["webhook-signature"] == macs(during, new, old)
    assert after.headers["webhook-signature"] == macs(after, new)


def test_leaked_key_signs_no_more_when_it_is_rotated_without_overlap(
    workspace, cast, there, connected
):
    webhook, _ = connected
    rotate_key(webhook, overlap=timedelta(hours=24), actor=cast.ada)
    newest = rotate_key(webhook, overlap=timedelta(0), actor=cast.ada)
    attempt(announced(workspace))

    assert there.calls[0].headers["webhook-signature"] == macs(there.calls[0], newest)


def test_key_pair_signs_beside_a_secret_while_one_replaces_the_other(
    workspace, cast, there, connected
):
    webhook, _ = connected
    shown = rotate_key(
        webhook, overlap=timedelta(days=1), scheme=Scheme.ED25519, actor=cast.ada
    )
    attempt(announced(workspace))

    assert shown.startswith("whpk_")
    signatures = there.calls[0].headers["webhook-signature"].split(" ")
    assert [signature.partition(",")[0] for signature in signatures] == ["v1a", "v1"]


def test_failure_is_tried_again_later_with_the_same_id_and_body(
    workspace, there, connected
):
    there.answers = [500, 503]
    delivery = announced(workspace)
    began = timezone.now()
    attempt(delivery, jitter=1.0)

    assert (delivery.state, delivery.work_state) == ("waiting", WorkState.PENDING)
    assert delivery.failures == 1
    wait = delivery.due_at - began
    assert WAITS[0] * 1.2 <= wait <= WAITS[0] * 1.2 + timedelta(seconds=20)
    attempt_when_due(delivery)
    attempt_when_due(delivery)

    assert delivery.state == DeliveryState.DELIVERED
    assert len({(call.headers["webhook-id"], call.body) for call in there.calls}) == 1
    assert list(delivery.attempts.order_by("pk").values_list("status", "failure")) == [
        (500, "The receiver answered with status 500."),
        (503, "The receiver answered with status 503."),
        (204, ""),
    ]


def test_nothing_is_sent_before_it_is_due(workspace, there, connected):
    there.answers = [500]
    delivery = attempt(announced(workspace))
    sent = []
    redispatch(lambda task, pk: sent.append((task, pk)))

    attempt(delivery)

    assert len(there.calls) == 1
    assert ("registry.deliver", delivery.pk) not in sent


def test_waits_grow_and_end_after_days(workspace):
    assert all(shorter < longer for shorter, longer in pairwise(WAITS))
    assert timedelta(days=2) < sum(WAITS, timedelta()) < timedelta(days=4)


@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_message_is_given_up_after_the_last_wait_and_that_is_an_entry(
    workspace, there, connected, status
):
    there.answers = [status] * 100
    delivery = announced(workspace)
    for _ in range(len(WAITS)):
        assert attempt_when_due(delivery).state == DeliveryState.WAITING
    attempt_when_due(delivery)

    assert delivery.state == DeliveryState.DEAD
    assert len(there.calls) == len(WAITS) + 1
    [entry] = entries("registry.delivery.given_up")
    assert entry["subject"] == f"delivery/{delivery.pk}"
    assert entry["payload"] == {
        "message": delivery.notification.message_id,
        "about": "finding/1",
        "webhook": connected[0].subject,
        "failures": len(WAITS) + 1,
        "status": status,
    }


def test_receiver_that_is_gone_is_not_asked_again(workspace, there, connected):
    there.answers = [410]

    assert attempt(announced(workspace)).state == DeliveryState.DEAD


def test_dead_message_is_replayed_under_its_old_id(workspace, cast, there, connected):
    there.answers = [410]
    delivery = attempt(announced(workspace))

    replayed = replay(delivery, actor=cast.ada)
    assert (replayed.state, replayed.failures) == (DeliveryState.WAITING, 0)
    attempt(delivery)

    assert delivery.state == DeliveryState.DELIVERED
    first, second = there.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    [entry] = entries("registry.delivery.replayed")
    assert entry["actor"] == f"user/{cast.ada.pk}"
    assert delivery.attempts.count() == 2


def test_delivered_message_can_be_replayed_for_a_receiver_that_lost_it(
    workspace, cast, there, connected
):
    delivery = attempt(announced(workspace))

    replay(delivery, actor=cast.ada)
    attempt(delivery)

    assert len(there.calls) == 2


def test_message_that_still_waits_is_not_replayed(workspace, cast, there, connected):
    with pytest.raises(ConflictError) as refusal:
        replay(announced(workspace), actor=cast.ada)
    assert refusal.value.code == "delivery_waits"


def test_nobody_but_an_administrator_replays(workspace, cast, there, connected):
    delivery = attempt(announced(workspace))
    for user in (cast.alice, cast.carol, cast.bot, cast.mallory):
        with pytest.raises(PermissionDeniedError):
            replay(delivery, actor=user)


def test_webhook_that_was_disabled_gets_nothing_that_waited_for_it(
    workspace, cast, there, connected
):
    webhook, _ = connected
    there.answers = [500]
    delivery = attempt(announced(workspace))
    disable_webhook(webhook, actor=cast.ada)

    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DEAD
    [entry] = entries("registry.webhook.disabled")
    assert entry["payload"] == {"given_up": 1}
    with pytest.raises(ConflictError) as refusal:
        replay(delivery, actor=cast.ada)
    assert refusal.value.code == "receiver_wants_nothing"


def test_webhook_that_is_disabled_while_a_message_is_under_way_gets_no_other_try(
    workspace, cast, there, connected
):
    delivery = announced(workspace)
    past = timezone.now() - 2 * LEASE
    Delivery.objects.filter(pk=delivery.pk).update(due_at=past)
    assert Delivery.objects.claim(delivery.pk, now=past, lease=LEASE) == 1
    disable_webhook(connected[0], actor=cast.ada)

    attempt(delivery)

    assert there.calls == []
    assert delivery.state == DeliveryState.DEAD


def test_name_that_leads_inside_is_refused_and_the_attempt_says_so(
    workspace, cast, there
):
    create_webhook(
        workspace,
        url=f"https://localhost:{there.port}/hook",
        event_types=[KIND],
        actor=cast.ada,
    )
    with internal():
        delivery = attempt(announced(workspace))

    assert there.calls == []
    assert delivery.state == DeliveryState.WAITING
    found = delivery.attempts.get()
    assert found.status is None
    assert found.failure.startswith("webhook_address_internal: localhost leads to")


def test_receiver_that_is_down_is_a_failure_like_others(workspace, cast):
    with internal("127.0.0.0/8"):
        create_webhook(
            workspace, url="http://127.0.0.1:1/", event_types=[KIND], actor=cast.ada
        )
        delivery = attempt(announced(workspace))

    assert delivery.failures == 1
    assert "ConnectionRefusedError" in delivery.attempts.get().failure


def test_key_that_does_not_open_is_a_failure_not_a_message_without_signature(
    settings, workspace, there, connected
):
    settings.ATTESTRY_WEBHOOK_KEY = "ab" * 32

    delivery = attempt(announced(workspace))

    assert there.calls == []
    assert "webhook_key_does_not_open" in delivery.attempts.get().failure


def test_message_under_a_living_lease_is_left_alone(workspace, there, connected):
    delivery = announced(workspace)
    Delivery.objects.claim(delivery.pk, now=timezone.now(), lease=LEASE)

    attempt(delivery)

    assert there.calls == []


def test_worker_that_lost_its_claim_stores_nothing(workspace, there, connected):
    delivery = announced(workspace)
    later = timezone.now()
    past = later - 2 * LEASE
    Delivery.objects.filter(pk=delivery.pk).update(due_at=past)
    assert Delivery.objects.claim(delivery.pk, now=past, lease=LEASE) == 1
    attempt(delivery)

    assert delivery.state == DeliveryState.DELIVERED
    assert not Delivery.objects.conclude(delivery.pk, claim=1, to=DeliveryState.DEAD)
    assert not Delivery.objects.postpone(delivery.pk, claim=1, due_at=later)
    assert DeliveryAttempt.objects.get().claim == 2


def test_mail_that_fails_is_tried_again(settings, workspace, cast):
    settings.ATTESTRY_SENDS_MAIL = True
    change_email(cast.bob, email="bob@example.org", actor=cast.ada)
    delivery = announced(workspace, people=[cast.bob])
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    attempt(delivery)
    assert (delivery.state, delivery.failures) == (DeliveryState.WAITING, 1)

    settings.EMAIL_BACKEND = backend
    attempt_when_due(delivery)

    assert delivery.state == DeliveryState.DELIVERED
    assert [message.to for message in mail.outbox] == [["bob@example.org"]]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"state": DeliveryState.DEAD}, id="dead but not done"),
        pytest.param({"work_state": WorkState.DONE}, id="done but waiting"),
        pytest.param({"webhook": None}, id="to nobody"),
    ],
)
def test_delivery_that_contradicts_itself_is_not_stored(
    workspace, there, connected, changes
):
    delivery = announced(workspace)
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(**changes)
