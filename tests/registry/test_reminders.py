"""What time brings is told once, to who has to act on it."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from audit.sequencer import sequence_pending
from registry.models import Delivery, Notification, Slot
from registry.models.finding import Severity
from registry.services.decisions import Answer, decide
from registry.services.deliveries import deliver
from registry.services.due_dates import due_dates
from registry.services.reminders import remind
from registry.services.timers import end_what_is_over
from tests import factories
from tracking.services.accounts import change_email
from tracking.services.log_ins import count_failed_try
from tracking.services.sensitive_data import acknowledge_sensitive_use

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mailboxes(settings, cast):
    """Give everybody an address, and let mail be sent."""
    settings.ATTESTRY_SENDS_MAIL = True
    settings.ATTESTRY_URL = "https://attestry.example.org"
    for name in ("alice", "olivia", "bob", "rita", "stella", "eve", "carol"):
        user = getattr(cast, name)
        change_email(user, email=f"{name}@example.org", actor=cast.ada)


def told() -> list[tuple[str, dict[str, Any]]]:
    documents = [
        json.loads(item.document)
        for item in Notification.objects.filter(
            type__regex="expiring|overdue|sensitive"
        ).order_by("pk")
    ]
    return [(document["type"], document["data"]) for document in documents]


def readers() -> set[str]:
    people = Delivery.objects.filter(
        notification__type__regex="expiring|overdue|sensitive"
    )
    return set(people.values_list("recipient__username", flat=True))


def test_waiver_is_told_once_a_week_before_its_day(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    waiver = factories.waived(blocked, cast, days=10)

    with time_machine.travel(waiver.expires_at - timedelta(days=8), tick=False):
        end_what_is_over()
        assert told() == []
    with time_machine.travel(waiver.expires_at - timedelta(days=6), tick=False):
        end_what_is_over()
        end_what_is_over()

    page = f"/admin/registry/promotionrequest/{blocked.pk}/change/"
    assert told() == [
        (
            "dev.attestry.waiver.expiring.v1",
            {
                "waiver": waiver.pk,
                "gate": "auc",
                "expires_at": waiver.expires_at.isoformat(),
                "request": blocked.pk,
                "registered_model": "credit",
                "version": 1,
                "environment": "production",
                "url": f"https://attestry.example.org{page}",
            },
        )
    ]
    assert readers() == {"alice", "olivia"}


def test_waiver_that_nobody_rests_on_is_not_told(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    factories.waived(blocked, cast, days=3)
    factories.withdrawn(blocked, cast)

    assert remind() == 0


def test_finding_is_told_once_when_it_is_overdue(workspace, cast):
    model = factories.model(workspace, cast)
    finding = factories.finding(model, cast, Severity.HIGH)

    assert remind() == 0
    with time_machine.travel(finding.due_at, tick=False):
        assert [remind(), remind()] == [1, 0]
        deliver(Delivery.objects.latest("pk").pk, jitter=lambda: 0.0)

    assert told() == [
        (
            "dev.attestry.finding.overdue.v1",
            {
                "finding": finding.pk,
                "severity": "high",
                "due_at": finding.due_at and finding.due_at.isoformat(),
                "registered_model": "credit",
                "version": None,
                "tickets": [],
                "url": "https://attestry.example.org/admin/registry/finding/"
                f"{finding.pk}/change/",
            },
        )
    ]
    assert readers() == {"alice", "olivia"}
    assert "A finding is overdue. Have it mended and verified." in mail.outbox[-1].body


def test_rollback_that_nobody_reviews_in_time_is_told_once(
    workspace, cast, first, second
):
    freeze = factories.rollback(Slot.objects.get(), first, cast).freeze
    due = freeze.review_due_at

    with time_machine.travel(due - timedelta(minutes=1), tick=False):
        assert remind() == 0
    with time_machine.travel(due, tick=False):
        assert [remind(), remind()] == [1, 0]

    page = f"/admin/registry/freeze/{freeze.pk}/change/"
    assert told() == [
        (
            "dev.attestry.freeze.overdue.v1",
            {
                "freeze": freeze.pk,
                "registered_model": "credit",
                "version": second.number,
                "environment": "production",
                "review_due_at": due.isoformat(),
                "url": f"https://attestry.example.org{page}",
            },
        )
    ]
    assert readers() == {"olivia", "bob", "rita"}


def test_rollback_that_was_reviewed_in_time_is_not_told(workspace, cast, first, second):
    freeze = factories.rollback(Slot.objects.get(), first, cast).freeze
    factories.lifting(freeze, cast)

    with time_machine.travel(freeze.review_due_at, tick=False):
        assert remind() == 0


def test_end_of_an_interval_is_told_once_while_decisions_allow_still(
    workspace, cast, champion
):
    slot = Slot.objects.with_champion().get()
    due = due_dates([slot], timezone.now())[slot.pk].at
    assert due is not None
    before = Notification.objects.count()
    sequence_pending()

    with time_machine.travel(due - timedelta(minutes=1), tick=False):
        assert remind() == 0
    with time_machine.travel(due, tick=False):
        assert [remind(), remind()] == [1, 0]
        decided = decide(champion, environment="production", now=timezone.now())
    with time_machine.travel(due + timedelta(days=40), tick=False):
        assert remind() == 0

    assert decided.answer == Answer.ALLOW
    assert Notification.objects.count() == before + 1
    news = Notification.objects.latest("pk")
    told = json.loads(news.document)
    assert (told["type"], told["subject"]) == (
        "dev.attestry.revalidation.wanted.v1",
        f"interval/{slot.pk}/{due.isoformat()}",
    )
    assert told["data"] == {
        "registered_model": "credit",
        "version": 1,
        "environments": ["production"],
        "kind": "interval_end",
        "url": f"https://attestry.example.org/admin/registry/slot/{slot.pk}/change/",
    }
    people = news.deliveries.values_list("recipient__username", flat=True)
    assert sorted(people) == ["bob", "olivia"]


def test_whose_account_is_locked_is_told_once_each_time(workspace, cast):
    def lock_and_remind() -> int:
        for _ in range(5):
            count_failed_try(cast.bob)
        return remind() + remind()

    later = timezone.now() + timedelta(hours=1)
    assert lock_and_remind() == 1
    with time_machine.travel(later, tick=False):
        assert remind() == 0
        assert lock_and_remind() == 1

    locked = Notification.objects.filter(type="dev.attestry.account.locked.v1")
    documents = [json.loads(item.document) for item in locked.order_by("pk")]
    until = (later + timedelta(minutes=15)).isoformat()
    assert documents[-1]["data"] == {
        "account": f"user/{cast.bob.pk}",
        "locked_until": until,
    }
    deliveries = Delivery.objects.order_by("pk")
    assert [delivery.recipient for delivery in deliveries] == [cast.bob, cast.bob]
    deliver(deliveries[0].pk, jitter=lambda: 0.0)
    told_first = documents[0]["data"]["locked_until"]
    assert [sent.subject for sent in mail.outbox] == [
        f"[Attestry] Account locked: until {told_first}"
    ]


def test_stewards_and_ethics_are_told_once_that_a_run_used_sensitive_data(
    workspace, cast
):
    factories.card(factories.dataset(workspace, cast.alice), cast.alice)
    run = factories.run(workspace, cast.alice)
    factories.use_dataset(run, cast.alice)

    assert [remind(), remind()] == [1, 0]

    use = run.sensitive_uses.get()
    assert told() == [
        (
            "dev.attestry.dataset.sensitive_used.v1",
            {
                "use": use.pk,
                "uses": 1,
                "dataset": "loans",
                "digest": "abc123",
                "labels": ["pii"],
                "run": run.run_id,
                "acknowledge_by": use.acknowledge_by.isoformat(),
            },
        )
    ]
    assert readers() == {"stella", "eve"}


def test_card_that_calls_data_sensitive_later_is_told_once_for_all_runs(
    workspace, cast
):
    runs = [factories.run(workspace, cast.alice) for _ in range(3)]
    dataset, *_ = [factories.use_dataset(run, cast.alice) for run in runs]
    assert remind() == 0

    factories.card(dataset, cast.stella)

    assert [remind(), remind()] == [1, 0]
    [(kind, data)] = told()
    assert kind == "dev.attestry.dataset.sensitive_used.v1"
    assert (data["uses"], data["run"]) == (3, runs[0].run_id)
    assert readers() == {"stella", "eve"}
    acknowledge_sensitive_use(
        runs[0].sensitive_uses.get(), note="Seen.", actor=cast.stella
    )
    assert remind() == 0


def test_use_that_is_long_past_is_not_told(workspace, cast):
    factories.card(factories.dataset(workspace, cast.alice), cast.alice)
    factories.use_dataset(factories.run(workspace, cast.alice), cast.alice)

    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False):
        assert remind() == 0


@pytest.mark.any_database
def test_what_was_told_costs_the_next_look_nothing(
    workspace, cast, django_assert_num_queries
):
    model = factories.model(workspace, cast)
    findings = [factories.finding(model, cast, Severity.HIGH) for _ in range(10)]
    factories.card(factories.dataset(workspace, cast.alice), cast.alice)
    factories.use_dataset(factories.run(workspace, cast.alice), cast.alice)
    assert remind() == 1

    with time_machine.travel(findings[-1].due_at, tick=False):
        assert remind() == 10
        for _ in range(5):
            count_failed_try(cast.bob)
        assert remind() == 1
        with django_assert_num_queries(7):
            assert remind() == 0
