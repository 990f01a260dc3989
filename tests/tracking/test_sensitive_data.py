"""Whoever keeps sensitive data hears of their use, and takes note of it in time."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.utils import timezone

from audit.errors import ConflictError, PermissionDeniedError
from audit.proofs import trail
from audit.sequencer import sequence_pending
from tests import factories
from tracking.models import Acknowledgement, SensitiveUse
from tracking.models.dataset import Sensitivity
from tracking.services.sensitive_data import acknowledge_sensitive_use

pytestmark = pytest.mark.django_db


@pytest.fixture
def use(workspace, cast) -> SensitiveUse:
    dataset = factories.dataset(workspace, cast.alice)
    labels = [Sensitivity.PII, Sensitivity.MINORS]
    factories.card(dataset, cast.stella, labellers=[], sensitivity=labels)
    factories.use_dataset(factories.run(workspace, cast.alice), cast.alice)
    return SensitiveUse.objects.get()


def test_sensitive_use_is_noticed_when_it_is_logged_and_starts_a_clock(use, cast):
    assert use.acknowledge_by == use.noticed_at + timedelta(hours=72)
    entry = trail([use.dataset.subject])[-1]
    assert (entry.kind, entry.actor, entry.payload) == (
        "tracking.sensitive_dataset.used",
        f"user/{cast.alice.pk}",
        {
            "use": use.pk,
            "run": use.run.run_id,
            "labels": ["pii", "minors"],
            "acknowledge_by": use.acknowledge_by.isoformat(),
        },
    )


def test_same_use_is_noticed_once_and_another_run_is_another_use(use, workspace, cast):
    factories.use_dataset(use.run, cast.alice)
    assert SensitiveUse.objects.count() == 1

    factories.use_dataset(factories.run(workspace, cast.alice), cast.alice)
    assert SensitiveUse.objects.count() == 2


def test_card_that_comes_after_the_use_starts_the_clocks_of_all_runs(workspace, cast):
    runs = [factories.run(workspace, cast.alice) for _ in range(2)]
    dataset, *_ = [factories.use_dataset(run, cast.alice) for run in runs]
    factories.card(dataset, cast.stella, labellers=[], sensitivity=[])
    assert not SensitiveUse.objects.exists()

    factories.card(dataset, cast.stella, labellers=[], sensitivity=[Sensitivity.PHI])
    factories.card(dataset, cast.stella, labellers=[], sensitivity=[Sensitivity.PII])

    uses = SensitiveUse.objects.order_by("pk")
    assert [(use.run, use.labels) for use in uses] == [
        (runs[0], ["phi"]),
        (runs[1], ["phi"]),
    ]
    entries = trail([dataset.subject])
    assert [(entry.kind, entry.actor) for entry in entries[1:]] == [
        ("tracking.dataset.described", f"user/{cast.stella.pk}"),
        ("tracking.sensitive_dataset.used", f"user/{cast.stella.pk}"),
        ("tracking.sensitive_dataset.used", f"user/{cast.stella.pk}"),
        ("tracking.dataset.described", f"user/{cast.stella.pk}"),
    ]


def test_card_starts_the_clocks_of_runs_that_used_the_data_by_another_name(
    workspace, cast
):
    run = factories.run(workspace, cast.alice)
    known = factories.dataset(workspace, cast.alice)
    factories.use_dataset(run, cast.alice, "alias", content_digest=known.digest)

    factories.card(known, cast.stella, labellers=[], sensitivity=[Sensitivity.PHI])

    assert known.sensitive_uses.get().run == run


@pytest.mark.parametrize("sensitivity", [[], None])
def test_use_of_data_that_are_not_stated_to_be_sensitive_is_not_noticed(
    workspace, cast, sensitivity
):
    dataset = factories.dataset(workspace, cast.alice)
    factories.card(dataset, cast.stella, labellers=[], sensitivity=sensitivity)

    factories.use_dataset(factories.run(workspace, cast.alice), cast.alice)

    assert not SensitiveUse.objects.exists()


@pytest.mark.parametrize("name", ["stella", "eve"])
def test_steward_and_ethics_take_note_once(use, cast, name):
    acknowledge_sensitive_use(use, note="Secret remark", actor=getattr(cast, name))

    entry = trail([use.dataset.subject])[-1]
    assert entry.kind == "tracking.sensitive_dataset.acknowledged"
    assert entry.payload == {"use": use.pk, "run": use.run.run_id, "is_late": False}
    with pytest.raises(ConflictError) as refusal:
        acknowledge_sensitive_use(use, note="Again.", actor=cast.stella)
    assert refusal.value.code == "acknowledged_already"


@pytest.mark.parametrize("name", ["alice", "olivia", "bob", "bot", "ada", "mallory"])
def test_nobody_else_takes_note(use, cast, name):
    with pytest.raises(PermissionDeniedError) as refusal:
        acknowledge_sensitive_use(use, note="Seen.", actor=getattr(cast, name))

    assert refusal.value.code == "may_not_acknowledge"


@pytest.mark.parametrize("role", ["steward", "ethics"])
def test_nobody_takes_note_by_a_role_of_which_the_log_does_not_tell(use, cast, role):
    cast.mallory.groups.add(Group.objects.get(name=f"default:{role}"))

    with pytest.raises(ConflictError) as refusal:
        acknowledge_sensitive_use(use, note="Seen.", actor=cast.mallory)

    assert refusal.value.code == "records_altered"
    assert not Acknowledgement.objects.exists()


def test_late_note_is_told_as_late(use, cast):
    sequence_pending()
    with time_machine.travel(timezone.now() + timedelta(hours=73), tick=False):
        acknowledge_sensitive_use(use, note="Seen.", actor=cast.stella)

    assert trail([use.dataset.subject])[-1].payload["is_late"] is True


def test_uses_are_listed_and_acknowledged_over_http(use, cast, as_token):
    stella, path = as_token(cast.stella), "/api/v1/sensitive-uses/"
    (shown,) = stella.get(f"{path}?open=true").json()["results"]
    assert (shown["run_id"], shown["dataset"], shown["acknowledged_by"]) == (
        use.run.run_id,
        "loans",
        None,
    )

    done = stella.post(
        f"{path}{use.pk}/acknowledgement/",
        {"note": "Seen."},
        content_type="application/json",
    )

    assert (done.status_code, done.json()["acknowledged_by"]) == (201, "stella")
    assert stella.get(f"{path}?open=true").json()["count"] == 0
    assert stella.get(path).json()["count"] == 1
    assert as_token(cast.oscar).get(path).json()["count"] == 0
