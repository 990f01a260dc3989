"""Several want the same delivery or webhook at once; each on a connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction

from audit.errors import ConflictError
from audit.models import Event
from registry.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    Notification,
    NotificationType,
    Webhook,
    WebhookKey,
)
from registry.services.deliveries import deliver, replay
from registry.services.notifications import announce
from registry.services.webhooks import create_webhook, disable_webhook, rotate_key
from tests.registry.receiver import Receiver, internal, receiver
from tracking.models import Workspace

KIND = NotificationType.FINDING_OVERDUE


@pytest.fixture
def ada(real_commits) -> User:
    return User.objects.get(username="ada")


@pytest.fixture
def there(ada):
    with internal("127.0.0.0/8"), receiver() as found:
        yield found


@pytest.fixture
def webhook(there: Receiver, ada: User) -> Webhook:
    workspace = Workspace.objects.get(name="default")
    return create_webhook(workspace, url=there.url, event_types=[KIND], actor=ada)[0]


def announced(webhook: Webhook) -> Delivery:
    with transaction.atomic():
        announce(
            KIND, workspace=webhook.workspace, subject="finding/1", data={"finding": 1}
        )
    return Delivery.objects.latest("pk")


def at_once(*calls: Callable[[], object]) -> list[str]:
    """Let calls begin together; return the code of each one's refusal, or ''."""
    start = threading.Barrier(len(calls))

    def code_of(call: Callable[[], object]) -> str:
        try:
            start.wait(timeout=30)
            call()
        except ConflictError as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return ""

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(code_of, calls))


def test_several_workers_with_one_message_send_it_once(there, webhook):
    delivery = announced(webhook)

    at_once(*[lambda: deliver(delivery.pk, jitter=lambda: 0.0)] * 4)

    assert len(there.calls) == 1
    assert DeliveryAttempt.objects.count() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.claims) == (DeliveryState.DELIVERED, 1)


def test_two_replays_at_once_are_one(ada, there, webhook):
    delivery = announced(webhook)
    deliver(delivery.pk, jitter=lambda: 0.0)

    codes = at_once(*[lambda: replay(delivery, actor=ada)] * 2)

    assert codes == ["", "delivery_waits"]
    assert Event.objects.filter(kind="registry.delivery.replayed").count() == 1


def test_two_rotations_at_once_leave_one_newest_key(ada, webhook):
    day = timedelta(days=1)
    codes = at_once(*[lambda: rotate_key(webhook, overlap=day, actor=ada)] * 3)

    assert codes == ["", "", ""]
    assert WebhookKey.objects.count() == 4
    assert WebhookKey.objects.filter(retires_at=None).count() == 1


def test_webhook_is_disabled_once_however_many_do_it(ada, webhook):
    announced(webhook)

    codes = at_once(*[lambda: disable_webhook(webhook, actor=ada)] * 3)

    assert codes == ["", "webhook_disabled", "webhook_disabled"]
    assert Delivery.objects.get().state == DeliveryState.DEAD
    assert Event.objects.filter(kind="registry.webhook.disabled").count() == 1


def test_nothing_is_announced_outside_a_transaction(webhook):
    with pytest.raises(RuntimeError) as refusal:
        announce(KIND, workspace=webhook.workspace, subject="finding/1", data={})

    assert str(refusal.value) == (
        "announce() needs the transaction of what it tells of."
    )
    assert not Notification.objects.exists()
