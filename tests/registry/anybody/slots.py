"""The special paths into and out of a slot: rollback, emergency, retirement."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from registry.events import RegistryEvent as Registry
from registry.models import BreakGlass, Freeze
from registry.models.revalidation import TriggerKind
from registry.models.sign_off import SignerRole
from registry.services.break_glass import ask_to_break_glass, confirm_break_glass
from registry.services.retirements import retire
from registry.services.revalidations import revalidate, trigger_revalidation
from registry.services.rollbacks import lift_freeze, roll_back
from tests.registry.anybody import oracle
from tests.registry.anybody.ledger import (
    OWNER,
    Emergency,
    Frozen,
    Request,
    Trouble,
    Version,
    pick,
)
from tests.registry.anybody.promotions import ANY_SCORES, HELPERS, Promotions
from tests.registry.anybody.world import ANYBODY, WHICH, World

OF_TWO = st.sampled_from([SignerRole.OWNER, SignerRole.RISK, SignerRole.RISK])
PAIRS = st.sampled_from(
    [
        *[("olivia", "owner", "rita", "risk"), ("rita", "risk", "olivia", "owner")] * 3,
        ("olivia", "owner", "olivia", "risk"),
        ("rita", "risk", "rita", "owner"),
        ("rita", "risk", "rita", "risk"),
        ("olivia", "owner", "carol", "risk"),
        ("bob", "owner", "rita", "risk"),
    ]
)
HIGH_IS_DUE = timedelta(days=30)


class Slots(Promotions):
    """Whoever wants to serve otherwise than by a promotion tries to."""

    @rule(
        request=World.requests,
        actor=st.one_of(st.sampled_from(["rex", "rita", "olivia"]), ANYBODY),
    )
    def roll_back(self, request: Request, actor: str) -> None:
        self.back_to(request.version, actor)

    @rule(actor=st.sampled_from(["rex", "rita", "olivia", "bot", "alice"]))
    def serve_and_roll_back(self, actor: str) -> None:
        """Two must have served before there is one to go back to."""
        for _ in range(2):
            if len(self.ledger.served) < 2:
                self.go_straight()
        if version := pick(self.ledger.served, 1):
            self.back_to(version, actor)

    def back_to(self, to: Version, actor: str) -> None:
        slot = self.slot()
        if slot is None:
            return
        ledger = self.ledger
        done = self.attempt(
            Registry.VERSION_ROLLED_BACK,
            roll_back,
            slot,
            to=self.version(to),
            reason="It refuses everybody.",
            actor=self.person(actor),
        )
        if done is None:
            return
        oracle.was_rolled_back_rightly(ledger, to, actor, self.now)
        former = ledger.serving(self.now)
        assert former is not None
        assert former is not to
        former.left_at = self.now
        for request in ledger.requests:
            if request.version is former:
                request.is_promoted = False
        ledger.champion = ledger.last_put = to
        ledger.emergency = None
        ledger.freezes.append(Frozen(done.freeze.pk, actor))
        self.trouble(done.finding_id, former)
        self.reached.add("rolled back")

    @rule(which=WHICH, actor=st.one_of(st.sampled_from(["bob", "rita"]), ANYBODY))
    def lift_a_freeze(self, which: int, actor: str) -> None:
        frozen = pick(self.ledger.freezes, which)
        if frozen and self.signed(
            Registry.FREEZE_LIFTED,
            lift_freeze,
            Freeze.objects.get(pk=frozen.pk),
            conclusion="The data of one year were missing.",
            by=actor,
        ):
            oracle.was_lifted_rightly(self.ledger, frozen, actor, self.now)
            frozen.is_lifted = True

    @rule(
        scores=ANY_SCORES,
        helper=HELPERS,
        pair=PAIRS,
        hours=st.sampled_from([1, 24, 24, 24, 25]),
    )
    def break_the_glass(
        self, scores: str, helper: str, pair: tuple[str, str, str, str], hours: int
    ) -> None:
        """Let one ask and another confirm at once, as few would find each other."""
        asker, role, confirmer, other = pair
        version = self.register(scores, helper)
        asked = version and self.ask_to_break(version, asker, SignerRole(role), hours)
        if asked:
            self.confirm(asked, confirmer, SignerRole(other))

    @rule(request=World.requests, actor=ANYBODY, role=OF_TWO)
    def ask_to_break_the_glass(
        self, request: Request, actor: str, role: SignerRole
    ) -> None:
        self.ask_to_break(request.version, actor, role, 24)

    @rule(
        which=WHICH,
        actor=st.one_of(st.sampled_from(["rita", "olivia"]), ANYBODY),
        role=OF_TWO,
    )
    def confirm_an_emergency(self, which: int, actor: str, role: SignerRole) -> None:
        if asked := pick(self.ledger.emergencies, which):
            self.confirm(asked, actor, role)

    def ask_to_break(
        self, version: Version, actor: str, role: SignerRole, hours: int
    ) -> Emergency | None:
        done = self.signed(
            Registry.BREAK_GLASS_ASKED,
            ask_to_break_glass,
            self.version(version),
            environment="production",
            hours=hours,
            reason="The champion crashes.",
            role=role,
            by=actor,
        )
        if done is None:
            return None
        asked = self.half(done.pk, version, actor, role, hours)
        oracle.was_asked_rightly(self.ledger, asked)
        self.ledger.emergencies.append(asked)
        return asked

    def confirm(self, asked: Emergency, actor: str, role: SignerRole) -> None:
        row = BreakGlass.objects.select_related(
            "slot__registered_model__workspace",
            "model_version__registered_model__workspace",
            "model_version__registered_model__owner",
            "model_version__source_run__experiment",
        ).get(pk=asked.pk)
        done = self.signed(
            Registry.BREAK_GLASS_CONFIRMED,
            confirm_break_glass,
            row,
            role=role,
            by=actor,
        )
        if done is None:
            return
        ledger = self.ledger
        half = self.half(asked.pk, asked.version, actor, role, asked.hours)
        oracle.was_confirmed_rightly(ledger, asked, half)
        lasting = ledger.lasting(self.now)
        ends_at = self.now + timedelta(hours=asked.hours)
        if lasting and lasting.ends_at:
            ends_at = min(ends_at, lasting.ends_at)
        if ledger.champion:
            ledger.champion.left_at = self.now
        asked.ends_at, ledger.emergency = ends_at, asked
        asked.trouble = self.trouble(
            done.finding_id, asked.version, own=asked.people | half.people
        )
        self.reached.add("emergency")

    def half(
        self, pk: int, version: Version, actor: str, role: SignerRole, hours: int
    ) -> Emergency:
        people = self.ledger.signs_for(actor, role, self.now)
        duties = self.ledger.duties(version)
        by_code = self.by_code(actor)
        return Emergency(
            pk, version, role, people, duties, hours, self.now, by_code=by_code
        )

    def trouble(
        self, pk: int, version: Version, own: frozenset[str] = frozenset()
    ) -> Trouble:
        due_at = self.now + HIGH_IS_DUE
        found = Trouble(pk, "high", version, due_at, {OWNER, *own})
        self.ledger.troubles.append(found)
        return found

    @precondition(lambda self: len(self.ledger.requests) > 3)
    @rule(
        request=World.requests,
        actor=st.one_of(st.just(OWNER), ANYBODY),
        is_whole=st.sampled_from([False, False, False, True]),
    )
    def retire(self, request: Request, actor: str, is_whole: bool) -> None:
        version, ledger = request.version, self.ledger
        if not self.signed(
            Registry.RETIREMENT_SIGNED,
            retire,
            self.model(),
            version=None if is_whole else self.version(version),
            reason="Nobody asks it any more.",
            by=actor,
        ):
            return
        assert actor in ledger.signs_for(actor, "owner", self.now)
        assert actor == OWNER
        lasting = ledger.lasting(self.now)
        serving = lasting.version if lasting else ledger.champion
        if is_whole:
            ledger.is_retired = True
        else:
            version.is_retired = True
        if is_whole or serving is version:
            ledger.emergency = None
            if lasting is None:
                ledger.champion = None

    @rule(request=World.requests, actor=st.one_of(st.just("bob"), ANYBODY))
    def revalidate(self, request: Request, actor: str) -> None:
        slot, version = self.slot(), self.ledger.serving(self.now) or request.version
        if slot and self.signed(
            Registry.REVALIDATION_SIGNED,
            revalidate,
            slot,
            version=self.version(version),
            conclusion="Its errors are what they were.",
            by=actor,
        ):
            people = self.ledger.signs_for(actor, "validator", self.now)
            assert people
            assert not people & self.ledger.duties(version)
            assert self.ledger.lasting(self.now) is None
            assert self.ledger.champion is version
            assert self.ledger.hindered(version, self.now) == []
            version.validated_at = self.now

    @rule(actor=ANYBODY, kind=st.sampled_from(TriggerKind))
    def call_for_a_validation(self, actor: str, kind: TriggerKind) -> None:
        if self.attempt(
            Registry.REVALIDATION_TRIGGERED,
            trigger_revalidation,
            self.model(),
            kind=kind,
            detail="PSI 0.3",
            actor=self.person(actor),
        ):
            self.ledger.calls.append((None, self.now))
