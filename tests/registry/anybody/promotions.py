"""The way into production and off it: asked, evaluated, signed, redeemed, closed."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import multiple, precondition, rule

from audit.errors import DomainError
from audit.models import Event
from registry.events import RegistryEvent as Registry
from registry.models import AttestationKind, GateRun
from registry.models.sign_off import SignerRole
from registry.services.closings import (
    invalidate_request,
    reject_request,
    withdraw_request,
)
from registry.services.decisions import Answer, decide
from registry.services.evidence_views import open_evidence
from registry.services.gate_runs import run_gate
from registry.services.promotion import evaluate_again, promote, request_promotion
from registry.services.sign_offs import sign_off
from registry.verdict import Outcome
from tests import factories
from tests.registry.anybody import oracle
from tests.registry.anybody.ledger import (
    APPROVAL_DAYS,
    DATA,
    POLICY_DAYS,
    Request,
    Signature,
    Version,
)
from tests.registry.anybody.statements import Statements
from tests.registry.anybody.world import ANYBODY, MOSTLY, PASSWORDS, World
from tracking.services.logging import log_batch

# So far apart that each is told from the others.
SCORES = {
    "good": factories.predictions(rows=600, strength=0.9),
    "better": factories.predictions(rows=600, strength=2.5, seed=2),
    "bad": factories.predictions(rows=600, strength=0.1, seed=3),
}
NOT_THIS = "sha256:" + "0" * 64
ANY_SCORES = st.sampled_from(["good", "better", "better", "better", "bad"])
ASKERS = st.sampled_from(["alice", "alice", "alice", "olivia", "bot"])
HELPERS = st.sampled_from(["", "", "", "", "bob", "olivia", "rita"])
LEFT_OUT = st.sampled_from(["", "", "", "", "gates", "validator", "owner", "reading"])
BETWEEN = st.sampled_from(["", "", "", "evaluation", "attestation"])
MANY = 3
WHO_SIGNS = {"validator": "bob", "owner": "olivia", "risk": "rita", "ethics": "eve"}


class Promotions(Statements):
    """Whoever wants to promote does so, step by step or the whole way."""

    @rule(
        target=World.requests,
        actor=st.one_of(ASKERS, ANYBODY),
        scores=ANY_SCORES,
        helper=HELPERS,
        data=st.sampled_from(DATA),
    )
    def ask(self, actor, scores, helper, data):
        asked = self.register_and_ask(actor, scores, helper, data)
        return multiple() if asked is None else asked

    @rule(target=World.requests, request=World.requests, actor=ANYBODY)
    def ask_for_it_anew(self, request, actor):
        asked = self.ask_for(request.version, actor)
        return multiple() if asked is None else asked

    @rule(request=World.requests)
    def run_gates(self, request: Request) -> None:
        with self.clock():
            runs = GateRun.objects.of_attempt(self.row(request))
            for number in list(runs.values_list("pk", flat=True)):
                run_gate(number)
        if request.is_open and not request.has_run:
            request.has_run, request.settled_at = True, self.now
            assert self.failed(request) == request.open_gates

    def failed(self, request: Request) -> set[str]:
        runs = GateRun.objects.of_attempt(self.row(request))
        failed = runs.filter(verdict__outcome=Outcome.FAIL)
        return set(failed.values_list("gate", flat=True))

    @rule(request=World.requests, actor=ANYBODY)
    def ask_again(self, request: Request, actor: str) -> None:
        if self.attempt(
            Registry.EVALUATION_STARTED,
            evaluate_again,
            self.row(request),
            actor=self.person(actor),
        ):
            assert self.ledger.holds(
                actor, "developer", "owner", "validator", "risk", "bot"
            )
            request.attempt += 1
            request.rival, request.has_run = self.ledger.last_put, False
            request.cards = self.ledger.cards.get(request.version.data, 0)

    @rule(
        request=World.requests,
        actor=ANYBODY,
        role=st.sampled_from(SignerRole),
        password=PASSWORDS,
        sees_it=MOSTLY,
        reads_it=MOSTLY,
        is_interactive=MOSTLY,
    )
    def sign_somehow(
        self, request, actor, role, password, sees_it, reads_it, is_interactive
    ):
        self.sign(
            request,
            actor,
            role,
            sees_it=sees_it,
            reads_it=reads_it,
            password=password,
            is_interactive=is_interactive,
        )

    @rule(
        target=World.requests,
        asker=ASKERS,
        scores=ANY_SCORES,
        helper=HELPERS,
        data=st.sampled_from(DATA),
        validator=st.sampled_from(["bob", "bob", "bob", "carol", "olivia"]),
        left_out=LEFT_OUT,
        between=BETWEEN,
        is_redeemed=MOSTLY,
    )
    def go_the_way(
        self, asker, scores, helper, data, validator, left_out, between, is_redeemed
    ):
        """Random people alone would hardly ever complete a quorum."""
        request = self.register_and_ask(asker, scores, helper, data)
        if request is None:
            return multiple()
        if left_out != "gates":
            self.run_gates(request)
        self.attest_all(request)
        reads_it = left_out != "reading"
        if left_out != "validator":
            self.sign(request, validator, SignerRole.VALIDATOR, reads_it=reads_it)
        if between == "evaluation":
            self.ask_again(request, "bob")
            self.run_gates(request)
        if between == "attestation":
            self.attest_all(request)
        if left_out != "owner":
            self.sign(request, "olivia", SignerRole.OWNER)
        for role in {"risk", "ethics"} & self.ledger.wanted(request):
            self.sign(request, WHO_SIGNS[role], SignerRole(role))
        if is_redeemed:
            self.redeem(request, "rex")
        return request

    # The simplest history is the first rule without arguments, over and over.
    @precondition(lambda self: len(self.ledger.served) < MANY)
    @rule()
    def go_straight(self) -> None:
        """Do all that it takes, by whom it takes."""
        request = self.register_and_ask("alice", "better", "", DATA[-1])
        if request is None:
            return
        self.run_gates(request)
        self.attest_all(request)
        for role in sorted(self.ledger.wanted(request)):
            self.sign(request, WHO_SIGNS[role], SignerRole(role))
        self.redeem(request, "rex")

    def ask_in_vain(self) -> None:
        request = self.register_and_ask("alice", "bad", "", DATA[-1])
        assert request is not None
        self.run_gates(request)
        self.reached.add(self.row(request).state)

    @rule(request=World.requests, actor=st.one_of(st.just("rex"), ANYBODY))
    def redeem(self, request: Request, actor: str) -> None:
        self.promoted_by(promote, self.row(request), by=actor, request=request)

    @rule(
        request=World.requests,
        actor=ANYBODY,
        role=st.sampled_from(SignerRole),
    )
    def reject(self, request: Request, actor: str, role: SignerRole) -> None:
        row = self.row(request)
        if self.signed(
            Registry.REQUEST_REJECTED,
            reject_request,
            row,
            role=role,
            reason="No.",
            seen_digest=row.subject_digest,
            by=actor,
        ):
            people = self.ledger.signs_for(actor, role, self.now)
            assert people
            assert not people & self.ledger.duties_at(request, self.now)
            self.close(request)

    @rule(request=World.requests, actor=ANYBODY)
    def take_back(self, request: Request, actor: str) -> None:
        if self.attempt(
            Registry.REQUEST_WITHDRAWN,
            withdraw_request,
            self.row(request),
            reason="No.",
            actor=self.person(actor),
        ):
            assert self.ledger.holds(actor, "developer", "owner", "bot")
            self.close(request)

    @rule(request=World.requests, actor=ANYBODY)
    def revoke_evidence(self, request: Request, actor: str) -> None:
        if self.signed(
            Registry.REQUEST_INVALIDATED,
            invalidate_request,
            self.row(request),
            reason="It was made up.",
            by=actor,
        ):
            assert self.ledger.holds(actor, "owner", "validator", "risk", "ethics")
            self.close(request)

    def close(self, request: Request) -> None:
        assert request.is_open
        request.is_open = False

    def register(
        self, scores: str, helper: str = "", data: str = DATA[0]
    ) -> Version | None:
        """Register what Alice made, of some data and maybe by somebody else's commit."""
        number = len(self.ledger.versions) + 1
        alice = self.person("alice")
        with self.clock():
            try:
                run = factories.run(self._workspace, alice)
                factories.use_dataset(run, alice, data)
                if helper:
                    tags = [("attestry.git.author", helper)]
                    log_batch(run, tags=tags, actor=alice)
                made = factories.version(
                    self._workspace,
                    self._people,
                    source=run,
                    content=f"model {number}".encode(),
                    scores=SCORES[scores],
                )
            except DomainError:  # of an archived model
                return None
        hands = {"alice", *filter(None, [helper])}
        version = Version(made.pk, made.number, scores, data, hands)
        self.ledger.versions.append(version)
        return version

    def register_and_ask(
        self, actor: str, scores: str, helper: str, data: str
    ) -> Request | None:
        version = self.register(scores, helper, data)
        return self.ask_for(version, actor) if version else None

    def ask_for(self, version: Version, actor: str) -> Request | None:
        opened = self.attempt(
            Registry.REQUEST_OPENED,
            request_promotion,
            self.version(version),
            environment="production",
            actor=self.person(actor),
        )
        if opened is None:
            return None
        ledger = self.ledger
        assert ledger.holds(actor, "developer", "owner", "bot")
        assert not ledger.is_retired
        assert not version.is_retired
        assert ledger.hindered(version, self.now) == []
        version.askers.add(actor)
        request = Request(
            *(opened.pk, version, actor, ledger.policy, ledger.last_put, self.now),
            cards=ledger.cards.get(version.data, 0),
        )
        days = min(POLICY_DAYS, APPROVAL_DAYS[ledger.tier])
        request.life = timedelta(days=days)
        ledger.requests.append(request)
        return request

    def read(self, request: Request, person: str) -> None:
        row = self.row(request)
        with self.clock():
            open_evidence(row, actor=self.person(person))
        request.read.add((person, row.subject_digest))

    def sign(
        self,
        request: Request,
        person: str,
        role: SignerRole,
        *,
        sees_it: bool = True,
        reads_it: bool = True,
        password: str = factories.PASSWORD,
        is_interactive: bool = True,
    ) -> None:
        if reads_it:
            self.read(request, person)
        row = self.row(request)
        seen = row.subject_digest if sees_it else NOT_THIS
        if self.signed(
            Registry.SIGN_OFF_GIVEN,
            sign_off,
            row,
            role=role,
            meaning="I reviewed it.",
            reason="It is good enough.",
            seen_digest=seen,
            password=password,
            is_interactive=is_interactive,
            by=person,
        ):
            ledger = self.ledger
            given = Signature(
                role=role,
                people=ledger.signs_for(person, role, self.now),
                duties=ledger.duties_at(request, self.now),
                digest=seen,
                basis=ledger.basis(request, self.now),
                at=self.now,
                was_read=(person, seen) in request.read,
                was_proven=is_interactive and password == factories.PASSWORD,
                by_code=self.by_code(person),
            )
            oracle.was_signed_rightly(ledger, request, given)
            request.signatures.append(given)

    def attest_all(self, request: Request) -> None:
        for kind in request.policy.attestations:
            judge = "rita" if kind == AttestationKind.BUSINESS_IMPACT else "rex"
            self.attest_to(request.version, kind, judge)

    def promoted_by(
        self, act: Any, *subjects: Any, by: str, request: Request | None, **named: Any
    ) -> None:
        """Let a door redeem an approval, and judge whoever came in by that."""
        before = self.digest_and_answer(request) if request else None
        newest = _last_of(Registry.VERSION_PROMOTED)
        self.attempt(None, act, *subjects, actor=self.person(by), **named)
        if _last_of(Registry.VERSION_PROMOTED) == newest:
            return
        assert request is not None
        assert before is not None
        digest, answer = before
        assert answer != Answer.DENY, "what is denied was let in"
        oracle.was_promoted_rightly(self.ledger, request, digest, by, self.now)
        self.take_slot(request, digest)
        with self.clock():
            told = decide(
                self.version(request.version), environment="production", now=self.now
            )
        assert told.answer == Answer.ALLOW, told.reasons

    def digest_and_answer(self, request: Request) -> tuple[str, Answer]:
        with self.clock():
            version = self.version(request.version)
            told = decide(version, environment="production", now=self.now)
        return self.row(request).subject_digest, told.answer

    def take_slot(self, request: Request, digest: str) -> None:
        ledger, version = self.ledger, request.version
        signed = oracle.quorum_of(ledger, request, digest)
        request.is_open, request.is_promoted = False, True
        request.approved_at = max([request.settled_at, *(each.at for each in signed)])
        if ledger.champion:
            ledger.champion.left_at = self.now
        ledger.champion = ledger.last_put = version
        ledger.emergency = None
        version.left_at, version.validated_at = None, request.approved_at
        self.reached.add("promoted")

    def open_request(self, version: Version) -> Request | None:
        """Return the one that a stage or an alias would redeem."""
        asked = [r for r in self.ledger.requests if r.version is version and r.is_open]
        return asked[-1] if asked else None


def _last_of(kind: str) -> int:
    found = Event.objects.filter(kind=kind).order_by("-id")
    return found.values_list("id", flat=True).first() or 0
