"""Gates run once, survive their workers, and never pass by accident."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.models import GateRun, RequestState, Verdict, WorkState
from registry.services.dispatch import redispatch, unfinished_work
from registry.services.gate_runs import run_gate
from tests import factories
from tracking import storage

pytestmark = pytest.mark.django_db

LEASE = timedelta(seconds=30)


@pytest.fixture
def gate_run(workspace, cast) -> GateRun:
    factories.policy(workspace, cast)
    request = factories.request(factories.version(workspace, cast), cast)
    return GateRun.objects.get(request=request, gate="auc")


def test_verdict_keeps_estimate_bounds_threshold_n_and_evidence_level(gate_run):
    run_gate(gate_run.pk)

    verdict = Verdict.objects.get()
    assert (verdict.outcome, verdict.comparator, verdict.threshold, verdict.n) == (
        "pass",
        ">=",
        0.7,
        2000,
    )
    assert 0.7 < (verdict.lower or 0) < (verdict.estimate or 0) < (verdict.upper or 0)
    assert verdict.evidence_level == "E2"
    answer = verdict.content["answer"]
    assert float.fromhex(answer["details"]["exact"]["estimate"]) == verdict.estimate


def test_message_that_comes_twice_runs_the_gate_once(gate_run):
    run_gate(gate_run.pk)
    run_gate(gate_run.pk)

    assert Verdict.objects.count() == 1
    gate_run.refresh_from_db()
    assert (gate_run.work_state, gate_run.claims) == (WorkState.DONE, 1)


def test_work_of_a_dead_worker_is_found_again_when_its_lease_has_run_out(gate_run):
    now = timezone.now()
    claim = GateRun.objects.claim(gate_run.pk, now=now - 2 * LEASE, lease=LEASE)
    assert claim == 1

    sent = []
    redispatch(lambda task, pk: sent.append((task, pk)))
    run_gate(gate_run.pk)

    assert ("registry.run_gate", gate_run.pk) in sent
    gate_run.refresh_from_db()
    assert (gate_run.work_state, gate_run.claims) == (WorkState.DONE, 2)


def test_work_under_a_living_lease_is_left_alone(gate_run):
    GateRun.objects.claim(gate_run.pk, now=timezone.now(), lease=LEASE)

    run_gate(gate_run.pk)

    assert not Verdict.objects.exists()
    assert ("registry.run_gate", gate_run.pk) not in set(unfinished_work())


def test_worker_that_lost_its_claim_cannot_finish(gate_run):
    now = timezone.now()
    first = GateRun.objects.claim(gate_run.pk, now=now - 2 * LEASE, lease=LEASE)
    second = GateRun.objects.claim(gate_run.pk, now=now, lease=LEASE)

    assert (first, second) == (1, 2)
    assert not GateRun.objects.finish(gate_run.pk, claim=1)
    assert not GateRun.objects.renew(gate_run.pk, claim=1, until=now)
    assert GateRun.objects.finish(gate_run.pk, claim=2)


def test_evidence_that_disappears_gives_an_error_and_blocks(gate_run):
    request = gate_run.request
    for artifact in request.model_version.source_run.artifacts.all():
        storage.path_of(artifact.sha256).unlink()

    for pk in GateRun.objects.of_attempt(request).values_list("pk", flat=True):
        run_gate(pk)

    outcomes = set(Verdict.objects.values_list("outcome", "reason_code"))
    assert ("error", "artifact_missing") in outcomes
    assert factories.fresh(request).state == RequestState.BLOCKED


def test_too_few_rows_are_inconclusive_and_block(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.version(
        workspace, cast, scores=factories.predictions(rows=300, strength=3)
    )

    request = factories.evaluated(version, cast)

    verdict = Verdict.objects.get(gate_run__gate="auc")
    assert (verdict.outcome, verdict.reason_code) == ("inconclusive", "too_few_rows")
    assert request.state == RequestState.BLOCKED
