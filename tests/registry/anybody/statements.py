"""What people say for a version beside its gates: waivers and attestations."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from registry.events import RegistryEvent as Registry
from registry.models import (
    Attestation,
    AttestationKind,
    AttestationSource,
    WaiverScope,
)
from registry.models import Waiver as WaiverRow
from registry.services.attestations import attest, withdraw_attestation
from registry.services.waivers import approve_waiver, request_waiver, withdraw_waiver
from tests.registry.anybody.ledger import Attested, Request, Version, Waiver, pick
from tests.registry.anybody.world import ANYBODY, WHICH, World

KINDS = st.sampled_from(
    [AttestationKind.ROLLBACK_PLAN, AttestationKind.BUSINESS_IMPACT]
)


class Statements(World):
    """Whoever wants to waive or to attest tries to, and to take it back."""

    @rule(
        request=World.requests,
        asker=st.one_of(st.just("alice"), ANYBODY),
        approver=st.one_of(st.just("rita"), ANYBODY),
        gate=st.sampled_from(["auc", "regression"]),
        scope=st.sampled_from(WaiverScope),
        days=st.sampled_from([1, 30, 91]),
    )
    def waive(
        self,
        request: Request,
        asker: str,
        approver: str,
        gate: str,
        scope: WaiverScope,
        days: int,
    ) -> None:
        row = self.attempt(
            Registry.WAIVER_REQUESTED,
            request_waiver,
            self.row(request),
            gate=gate,
            scope=scope,
            reason="The old model is worse.",
            compensating_control="Every decision is looked at by a person.",
            residual_risk="Some are decided later than today.",
            days=days,
            actor=self.person(asker),
        )
        if row is None:
            return
        assert self.ledger.holds(asker, "developer", "owner")
        assert gate in request.open_gates
        ends_at = self.now + timedelta(days=days)
        waiver = Waiver(
            *(row.pk, request, gate, scope, asker, self.now, ends_at),
            evidence=request.evidence,
        )
        self.ledger.waivers.append(waiver)
        self.approve(waiver, approver)

    @rule(which=WHICH, approver=ANYBODY)
    def approve_a_waiver(self, which: int, approver: str) -> None:
        waiver = pick(self.ledger.waivers, which)
        if waiver:
            self.approve(waiver, approver)

    def approve(self, waiver: Waiver, approver: str) -> None:
        if self.signed(
            Registry.WAIVER_APPROVED,
            approve_waiver,
            WaiverRow.objects.with_people().get(pk=waiver.pk),
            reason="The control is in place.",
            by=approver,
        ):
            ledger, request = self.ledger, waiver.request
            assert ledger.holds(approver, "validator", "risk", "ethics")
            assert approver != waiver.asker
            assert approver not in ledger.duties_at(request, self.now)
            assert not waiver.is_withdrawn
            assert waiver.covers(request)
            waiver.approvers.add(approver)
            self.settle(request.version)
            self.reached.add("waived")

    @rule(which=WHICH, actor=ANYBODY)
    def withdraw_a_waiver(self, which: int, actor: str) -> None:
        waiver = pick(self.ledger.waivers, which)
        if waiver and self.attempt(
            Registry.WAIVER_WITHDRAWN,
            withdraw_waiver,
            WaiverRow.objects.with_people().get(pk=waiver.pk),
            reason="No.",
            actor=self.person(actor),
        ):
            judges = ("validator", "risk", "ethics")
            assert actor == waiver.asker or self.ledger.holds(actor, *judges)
            waiver.is_withdrawn = True
            self.settle(waiver.request.version)

    @rule(request=World.requests, kind=KINDS, person=ANYBODY)
    def attest_something(self, request: Request, kind: str, person: str) -> None:
        self.attest_to(request.version, kind, person)

    def attest_to(self, version: Version, kind: str, person: str) -> None:
        row = self.signed(
            Registry.ATTESTATION_GIVEN,
            attest,
            self.version(version),
            environment="production",
            kind=AttestationKind(kind),
            source=AttestationSource.HUMAN,
            statement="Done, and looked at.",
            days=60,
            by=person,
        )
        if row is None:
            return
        ledger, people = self.ledger, frozenset({person})
        assert ledger.holds(person, "owner", "validator", "risk", "ethics", "release")
        if kind == AttestationKind.BUSINESS_IMPACT:
            held = [
                ledger.signs_for(person, role, self.now) for role in ("owner", "risk")
            ]
            assert any(held)
            assert any(each and not each & ledger.duties(version) for each in held)
            people = frozenset().union(*held)
        ends_at = self.now + timedelta(days=60)
        ledger.attested.append(Attested(row.pk, version, kind, people, ends_at))
        self.settle(version)

    @rule(which=WHICH, actor=ANYBODY)
    def withdraw_an_attestation(self, which: int, actor: str) -> None:
        given = pick(self.ledger.attested, which)
        if given and self.attempt(
            Registry.ATTESTATION_WITHDRAWN,
            withdraw_attestation,
            Attestation.objects.with_people().get(pk=given.pk),
            reason="It alarmed.",
            actor=self.person(actor),
        ):
            reviewers = ("owner", "validator", "risk", "ethics")
            assert actor in given.people or self.ledger.holds(actor, *reviewers)
            given.withdrawn_at = self.now
            self.settle(given.version)

    def settle(self, version: Version) -> None:
        """Note from when on the open requests of a version may be approved anew."""
        for request in self.ledger.requests:
            if request.version is version and request.is_open:
                request.settled_at = self.now
