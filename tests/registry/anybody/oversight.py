"""What people hold against a model or say about it: findings, tiers, policies, data."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from registry.events import RegistryEvent as Registry
from registry.models import Finding
from registry.models.finding import FindingCause, FindingState, Severity
from registry.models.tier import Tier
from registry.services.findings import accept_risk, move_finding, open_finding
from registry.services.policies import draft_policy, publish_policy
from registry.services.tiers import assess_tier
from tests import factories
from tests.registry.anybody import oracle
from tests.registry.anybody.ledger import (
    BEARERS,
    DATA,
    OWNER,
    Policy,
    Request,
    Trouble,
    pick,
)
from tests.registry.anybody.slots import Slots
from tests.registry.anybody.world import ANYBODY, WHICH, World
from tracking.events import TrackingEvent as Tracking
from tracking.models import Dataset
from tracking.services.datasets import describe_dataset

WANTED = (
    factories.WAIVABLE
    + """
attestations:
  - {kind: rollback_plan, accepts: [human]}
  - {kind: business_impact, accepts: [human]}
"""
)
ONE_SIGNS = factories.WAIVABLE.replace("[validator, owner]", "[validator]")
BOTH = frozenset({"validator", "owner"})
POLICIES: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {
    factories.WAIVABLE: (BOTH, ()),
    WANTED: (BOTH, ("rollback_plan", "business_impact")),
    ONE_SIGNS: (frozenset({"validator"}), ()),
}
DOCUMENTS = st.sampled_from(sorted(POLICIES))
DUE_IN = {"high": timedelta(days=30), "medium": timedelta(days=90)}
STEPS = st.sampled_from(sorted(set(FindingState) - {FindingState.RISK_ACCEPTED}))


class Oversight(Slots):
    """Whoever wants to change what a promotion must come up to tries to."""

    @rule(
        request=World.requests,
        actor=ANYBODY,
        owner=st.sampled_from(["alice", "olivia", "bob"]),
        severity=st.sampled_from([Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM]),
        is_on_version=st.booleans(),
    )
    def open_a_finding(
        self,
        request: Request,
        actor: str,
        owner: str,
        severity: Severity,
        is_on_version: bool,
    ) -> None:
        version = request.version if is_on_version else None
        done = self.attempt(
            Registry.FINDING_OPENED,
            open_finding,
            self.model(),
            severity=severity,
            cause=FindingCause.REVIEW,
            title="Scores drop for the young.",
            description="Seen in the slice below 25.",
            owner=self.person(owner),
            version=self.version(version) if version else None,
            actor=self.person(actor),
        )
        if done is None:
            return
        within = DUE_IN.get(severity)
        due_at = self.now + within if within else None
        found = Trouble(done.pk, severity, version, due_at, {owner})
        self.ledger.troubles.append(found)
        serving = self.ledger.serving(self.now)
        if severity == "critical" and version in {None, serving}:
            self.ledger.calls.append((version, self.now))

    @rule(
        which=WHICH,
        fixer=st.sampled_from(["alice", "olivia"]),
        judge=st.one_of(st.sampled_from(["bob", "eve"]), ANYBODY),
    )
    def mend_a_finding(self, which: int, fixer: str, judge: str) -> None:
        """Take it the whole way, so that not every history ends with one."""
        if found := pick(self.ledger.troubles, which):
            self.move(found, FindingState.FIXED, fixer)
            self.move(found, FindingState.VERIFIED, judge)

    @rule(which=WHICH, to=STEPS, actor=ANYBODY)
    def move_a_finding(self, which: int, to: FindingState, actor: str) -> None:
        if found := pick(self.ledger.troubles, which):
            self.move(found, to, actor)

    def move(self, found: Trouble, to: FindingState, actor: str) -> None:
        if self.attempt(
            Registry.FINDING_MOVED,
            move_finding,
            Finding.objects.with_subject().get(pk=found.pk),
            to=to,
            reason="So it is.",
            actor=self.person(actor),
        ):
            if to in {FindingState.VERIFIED, FindingState.CLOSED}:
                oracle.was_judged_rightly(self.ledger, found, actor)
                before = {FindingState.VERIFIED: "fixed"}.get(to, "verified")
                assert found.state == before
            if to == FindingState.FIXED:
                found.own.add(actor)
            found.state = to
            found.signed.clear()

    @rule(
        which=WHICH,
        actor=st.one_of(st.just("rita"), ANYBODY),
        days=st.sampled_from([20, 60, 91]),
    )
    def bear_a_risk(self, which: int, actor: str, days: int) -> None:
        found, until = (
            pick(self.ledger.troubles, which),
            self.now + timedelta(days=days),
        )
        if found and self.signed(
            Registry.RISK_ACCEPTANCE_SIGNED,
            accept_risk,
            Finding.objects.with_subject().get(pk=found.pk),
            until=until,
            reason="Few loans are concerned.",
            by=actor,
        ):
            people = self.ledger.signs_for(actor, "risk", self.now)
            assert people
            assert not people & found.own
            assert days <= (30 if self.ledger.tier == 1 else 90)
            assert not any(people & before for before, _ in found.bearers(self.now))
            found.signed.append((people, until))
            bearers = found.bearers(self.now)
            if len(bearers) >= BEARERS[self.ledger.tier]:
                found.state = "risk_accepted"
                found.borne_until = min(until for _, until in bearers)
                found.signed.clear()

    @rule(
        tier=st.sampled_from(Tier),
        actor=st.one_of(st.sampled_from(["rita", "rita", "olivia"]), ANYBODY),
    )
    def assess_the_tier(self, tier: Tier, actor: str) -> None:
        if not self.signed(
            Registry.TIER_ASSESSED,
            assess_tier,
            self.model(),
            tier=tier,
            rationale="It decides on small loans only.",
            exposure="Two million a year.",
            by=actor,
        ):
            return
        ledger = self.ledger
        is_risk = ledger.holds(actor, "risk")
        assert is_risk or actor in ledger.signs_for(actor, "owner", self.now)
        if tier > ledger.tier:
            assert is_risk
            assert actor not in {OWNER, "alice"}
        if tier < ledger.tier:
            for found in ledger.troubles:
                if found.state == "risk_accepted":
                    found.state = "open"
                    found.signed.clear()
        if tier != ledger.tier:
            for request in ledger.requests:
                request.is_open = False
        ledger.tier = tier

    @rule(
        document=DOCUMENTS,
        author=st.one_of(st.sampled_from(["paul", "paul", "bob"]), ANYBODY),
        publisher=st.one_of(st.just("rita"), ANYBODY),
    )
    def publish_another_policy(
        self, document: str, author: str, publisher: str
    ) -> None:
        drafted = self.attempt(
            Registry.POLICY_DRAFTED,
            draft_policy,
            self._workspace,
            document=document,
            actor=self.person(author),
        )
        if drafted and self.attempt(
            Registry.POLICY_PUBLISHED,
            publish_policy,
            drafted,
            actor=self.person(publisher),
        ):
            assert self.ledger.holds(publisher, "risk")
            assert publisher != author
            self.bind(document, author)

    def bind(self, document: str, author: str) -> None:
        sign_offs, attestations = POLICIES[document]
        for request in self.ledger.requests:
            request.is_open = False
        self.ledger.policy = Policy(sign_offs, attestations, author, self.now)

    @rule(
        name=st.sampled_from(DATA),
        labeller=st.sampled_from(["", "", "", "bob", "olivia", "eve"]),
        is_sensitive=st.sampled_from([None, False, False, True]),
        actor=st.one_of(st.just("stella"), ANYBODY),
    )
    def describe_data(
        self, name: str, labeller: str, is_sensitive: bool | None, actor: str
    ) -> None:
        described = Dataset.objects.filter(name=name).first()
        if described and self.attempt(
            Tracking.DATASET_DESCRIBED,
            describe_dataset,
            described,
            labellers=[labeller] if labeller else [],
            sensitivity=None if is_sensitive is None else ["pii"] * is_sensitive,
            actor=self.person(actor),
        ):
            self.ledger.cards[name] = self.ledger.cards.get(name, 0) + 1
            labellers = self.ledger.labellers.setdefault(name, set())
            labellers |= {labeller} if labeller else set()
            if name in self.ledger.sensitive and not is_sensitive:
                assert self.ledger.holds(actor, "steward", "ethics")
            self.ledger.sensitive -= {name}
            self.ledger.sensitive |= {name} if is_sensitive else set()
