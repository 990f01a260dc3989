"""Random people do random things; no version serves that the rules would not let serve.

Hypothesis drives the services. What must hold is written here a second time, over the
rows alone, so that a rule which the services forget is missed by somebody.
"""

import os
from dataclasses import fields
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from audit.errors import DomainError
from registry.models import (
    Closing,
    GateRun,
    ModelVersion,
    Promotion,
    PromotionRequest,
    RequestState,
    Slot,
    Waiver,
    WaiverScope,
)
from registry.models.sign_off import SignerRole
from registry.services.closings import reject_request, withdraw_request
from registry.services.evidence_views import open_evidence
from registry.services.gate_runs import run_gate
from registry.services.promotion import evaluate_again, promote, request_promotion
from registry.services.sign_offs import sign_off
from registry.services.timers import end_what_is_over
from registry.services.waivers import withdraw_waiver
from tests import factories
from tests.factories import Cast
from tracking.models import Workspace

EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "8"))
STEPS = 30
MOST_TRIES = 5  # as few examples may all stay away from production
SCORES = {
    "good": factories.predictions(rows=600, strength=1.5),
    "better": factories.predictions(rows=600, strength=2.5, seed=2),
    "bad": factories.predictions(rows=600, strength=0.1, seed=3),
}
ACTORS = st.sampled_from([field.name for field in fields(Cast)])
PASSWORDS = st.sampled_from([factories.PASSWORD] * 4 + ["wrong"])


class AnyPromotion(RuleBasedStateMachine):
    """One model, one policy, everybody of the cast; each history is rolled back."""

    requests: Bundle = Bundle("requests")
    _workspace: Workspace
    _people: Cast

    def __init__(self) -> None:
        super().__init__()
        self._now, self._number = timezone.now(), 0
        self._history = transaction.atomic()
        self._history.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._history.__exit__(None, None, None)

    @initialize()
    def publish(self) -> None:
        with self._clock():
            factories.policy(self._workspace, self._people, factories.WAIVABLE)

    @rule(
        target=requests,
        actor=st.one_of(st.just("alice"), ACTORS),
        scores=st.sampled_from(sorted(SCORES)),
    )
    def ask(self, actor, scores):
        pk = self.register_and_ask(actor, scores)
        return multiple() if pk is None else pk

    def register_and_ask(self, actor, scores):
        self._number += 1
        with self._clock():
            version = factories.version(
                self._workspace,
                self._people,
                content=f"model {self._number}".encode(),
                scores=SCORES[scores],
            )
        opened = self._try(
            request_promotion, version, environment="production", actor=self._who(actor)
        )
        return opened.pk if opened else None

    @rule(pk=requests)
    def run_gates(self, pk):
        with self._clock():
            runs = GateRun.objects.of_attempt(self._request(pk))
            for number in list(runs.values_list("pk", flat=True)):
                run_gate(number)

    @rule(pk=requests, actor=ACTORS)
    def ask_again(self, pk, actor):
        self._try(evaluate_again, self._request(pk), actor=self._who(actor))

    @rule(
        pk=requests,
        actor=ACTORS,
        role=st.sampled_from(SignerRole),
        password=PASSWORDS,
        sees_it=st.sampled_from([True, True, True, False]),
        reads_it=st.sampled_from([True, True, True, False]),
        is_interactive=st.sampled_from([True, True, True, False]),
    )
    def sign_somehow(
        self, pk, actor, role, password, sees_it, reads_it, is_interactive
    ):
        self.sign(pk, actor, role, password, sees_it, reads_it, is_interactive)

    def sign(
        self,
        pk,
        actor,
        role,
        password=factories.PASSWORD,
        sees_it=True,
        reads_it=True,
        is_interactive=True,
    ):
        request = self._request(pk)
        if reads_it:
            self._try(open_evidence, request, actor=self._who(actor))
        self._try(
            sign_off,
            request,
            role=role,
            meaning="I reviewed it.",
            reason="It is good enough.",
            password=password,
            seen_digest=request.subject_digest if sees_it else "sha256:" + "0" * 64,
            is_interactive=is_interactive,
            actor=self._who(actor),
        )

    @rule(
        target=requests,
        scores=st.sampled_from(sorted(SCORES)),
        steps=st.integers(min_value=2, max_value=5),
    )
    def go_some_steps_of_the_way(self, scores, steps):
        """Random people alone would hardly ever complete a quorum."""
        pk = self.register_and_ask("alice", scores)
        if pk is None:
            return multiple()
        way = (
            lambda: self.run_gates(pk),
            lambda: self.sign(pk, "bob", SignerRole.VALIDATOR),
            lambda: self.sign(pk, "olivia", SignerRole.OWNER),
            lambda: self.redeem(pk, "rex"),
        )
        for step in way[: steps - 1]:
            step()
        return pk

    @rule(pk=requests, actor=st.one_of(st.just("rex"), ACTORS))
    def redeem(self, pk, actor):
        self._try(promote, self._request(pk), actor=self._who(actor))

    @rule(
        pk=requests,
        asker=st.one_of(st.just("alice"), ACTORS),
        approver=st.one_of(st.just("rita"), ACTORS),
        gate=st.sampled_from(["auc", "regression"]),
        scope=st.sampled_from(WaiverScope),
        days=st.sampled_from([1, 30, 91]),
    )
    def waive(self, pk, asker, approver, gate, scope, days):
        request = self._request(pk)
        waiver = self._try(
            factories.waiver,
            request,
            self._people,
            gate=gate,
            scope=scope,
            days=days,
            actor=self._who(asker),
        )
        if waiver is not None:
            self._try(factories.waiver_approved, waiver, self._who(approver))

    @rule(pk=requests, actor=ACTORS)
    def withdraw_a_waiver(self, pk, actor):
        waiver = self._request(pk).waivers.last()
        if waiver is not None:
            self._try(withdraw_waiver, waiver, reason="No.", actor=self._who(actor))

    @rule(pk=requests, actor=ACTORS, role=st.sampled_from(SignerRole))
    def reject(self, pk, actor, role):
        request = self._request(pk)
        self._try(
            reject_request,
            request,
            role=role,
            reason="No.",
            password=factories.PASSWORD,
            seen_digest=request.subject_digest,
            is_interactive=True,
            actor=self._who(actor),
        )

    @rule(pk=requests, actor=ACTORS)
    def take_back(self, pk, actor):
        request = self._request(pk)
        self._try(withdraw_request, request, reason="No.", actor=self._who(actor))

    @rule()
    def let_the_timer_run(self):
        with self._clock():
            end_what_is_over()

    @rule(days=st.sampled_from([1, 20, 40]))
    def wait(self, days):
        self._now += timedelta(days=days)

    @rule(pk=consumes(requests))
    def forget(self, pk):
        """Leave a request as it is."""

    @invariant()
    def whatever_serves_was_let_in_by_the_rules(self) -> None:
        for slot in Slot.objects.exclude(champion=None):
            promotion = slot.promotions.latest("promoted_at", "pk")
            assert promotion.request.model_version_id == slot.champion_id
        for promotion in Promotion.objects.select_related("request__policy"):
            _was_let_in(promotion)

    @invariant()
    def whatever_ended_says_how(self) -> None:
        ended = {RequestState.REJECTED, RequestState.WITHDRAWN, RequestState.EXPIRED}
        requests = PromotionRequest.objects.filter(state__in=ended)
        assert {request.pk: request.closing.state for request in requests} == {
            request.pk: request.state for request in requests
        }
        assert Closing.objects.count() == requests.count()

    def _who(self, name):
        return getattr(self._people, name)

    def _request(self, pk) -> PromotionRequest:
        return factories.fresh(PromotionRequest(pk=pk))

    def _clock(self):
        self._now += timedelta(minutes=1)
        return time_machine.travel(self._now, tick=True)

    def _try(self, act, *arguments, **named):
        """Do it or be refused; anything else that is raised is a defect."""
        with self._clock():
            try:
                return act(*arguments, **named)
            except DomainError:
                return None


def _was_let_in(promotion: Promotion) -> None:
    request = promotion.request
    version = ModelVersion.objects.select_related("source_run").get(
        pk=request.model_version_id
    )
    assert request.state == RequestState.PROMOTED
    runs = request.gate_runs.filter(attempt=request.attempt)
    for run in runs:
        allowed = {"pass"} if run.gate == "auc" else {"pass", "not_applicable"}
        assert run.verdict.outcome in allowed or _was_waived(run, promotion)
    signed = list(
        request.sign_offs.filter(subject_digest=request.subject_digest).order_by("role")
    )
    assert [each.role for each in signed] == ["owner", "validator"]
    assert len({each.signer_id for each in signed}) == 2
    makers = {
        version.created_by_id,
        version.linked_run.created_by_id,
        request.requested_by_id,
        request.policy.author_id,
        *version.linked_run.artifacts.values_list("uploaded_by", flat=True),
    }
    for each in signed:
        assert each.signer_id not in makers
        assert not each.signer.is_superuser
        assert f"default:{each.role}" in each.signer.groups.values_list(
            "name", flat=True
        )
        assert max(run.verdict.given_at for run in runs) <= each.signed_at
        opened = request.evidence_views.get(
            viewer=each.signer, subject_digest=each.subject_digest
        )
        assert opened.viewed_at <= each.signed_at
        assert each.signed_at <= promotion.promoted_at
    assert request.approval_expires_at is not None
    assert promotion.promoted_at < request.approval_expires_at
    snapshot = request.snapshots.get(attempt=request.attempt)
    assert snapshot.champion_id == promotion.superseded_id


def _was_waived(run: GateRun, promotion: Promotion) -> bool:
    """Say whether somebody independent had waived the gate when it was promoted."""
    if run.verdict.outcome not in {"fail", "inconclusive"}:
        return False
    at = promotion.promoted_at
    waivers = Waiver.objects.filter(
        Q(request=run.request)
        | Q(scope="version", request__model_version=run.request.model_version),
        gate=run.gate,
        starts_at__lte=at,
        expires_at__gt=at,
        expires_at__lte=F("starts_at") + timedelta(days=90),
        approvals__approved_at__lte=at,
    ).exclude(withdrawal__withdrawn_at__lte=at)
    makers = {run.request.requested_by_id, run.request.model_version.created_by_id}
    return any(
        given.approver_id not in makers | {waiver.requested_by_id}
        for waiver in waivers
        for given in waiver.approvals.all()
    )


@pytest.mark.slow
@pytest.mark.django_db
def test_no_history_puts_a_version_into_service_that_the_rules_keep_out(
    workspace, cast, settings
):
    # Histories are rolled back and so never sequenced.
    settings.ATTESTRY_LOG_LAG_REFUSES_SECONDS = 0
    reached: set[str] = set()

    class Watched(AnyPromotion):
        _workspace, _people = workspace, cast

        def teardown(self):
            reached.update(PromotionRequest.objects.values_list("state", flat=True))
            super().teardown()

    # A machine that never gets anywhere would prove nothing.
    wanted = {RequestState.PROMOTED, RequestState.BLOCKED}
    for _ in range(MOST_TRIES):
        run_state_machine_as_test(
            Watched,
            settings=effort(
                max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None
            ),
        )
        if wanted <= reached:
            break
    assert wanted <= reached
