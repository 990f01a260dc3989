"""Who may do what, which changes as well: lent, given, taken away; and time goes by."""

from datetime import timedelta

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from registry.events import RegistryEvent as Registry
from registry.models import Delegation
from registry.models.sign_off import SignerRole
from registry.services.delegations import delegate_signing, withdraw_delegation
from registry.services.timers import end_what_is_over
from tests import factories
from tests.registry.anybody.ledger import Lending, pick
from tests.registry.anybody.oversight import Oversight
from tests.registry.anybody.world import ANYBODY, WHICH
from tracking.events import TrackingEvent as Tracking
from tracking.permissions import Role
from tracking.services.accounts import deactivate_account
from tracking.services.roles import revoke_role

LENDERS = (
    ("bob", "validator"),
    ("rita", "risk"),
    ("eve", "ethics"),
    ("olivia", "owner"),
)
HIRED = (("carol", Role.VALIDATOR), ("eve", Role.RISK), ("mallory", Role.RELEASE))
PASSING = [
    *(timedelta(hours=1), timedelta(hours=5), timedelta(hours=25)),
    *(timedelta(days=8), timedelta(days=40), timedelta(days=400)),
]


class People(Oversight):
    """Whoever wants to give rights or take them tries to."""

    @rule(
        lender=st.one_of(
            st.sampled_from(LENDERS), st.tuples(ANYBODY, st.sampled_from(SignerRole))
        ),
        taker=st.one_of(st.sampled_from(["carol", "olivia", "bob"]), ANYBODY),
        days=st.sampled_from([2, 29, 31]),
    )
    def lend(self, lender: tuple[str, str], taker: str, days: int) -> None:
        giver, role = lender
        starts_at, ends_at = self.now, self.now + timedelta(days=days)
        done = self.signed(
            Registry.DELEGATION_GIVEN,
            delegate_signing,
            self._workspace,
            role=SignerRole(role),
            delegate=self.person(taker),
            starts_at=starts_at,
            ends_at=ends_at,
            reason="I am on leave.",
            by=giver,
        )
        if done is None:
            return
        assert self.ledger.holds(giver, role), "who lends holds it in their own right"
        assert days <= 30
        code = self.by_code(giver)
        self.ledger.lendings.append(
            Lending(done.pk, role, giver, taker, starts_at, ends_at, by_code=code)
        )
        self.reached.add("lent")

    @rule(which=WHICH, actor=ANYBODY, is_own=st.booleans())
    def end_a_lending(self, which: int, actor: str, is_own: bool) -> None:
        lent = pick(self.ledger.lendings, which)
        if lent is None:
            return
        by = lent.giver if is_own else actor
        if self.attempt(
            Registry.DELEGATION_WITHDRAWN,
            withdraw_delegation,
            Delegation.objects.get(pk=lent.pk),
            actor=self.person(by),
        ):
            assert by in {lent.giver, lent.taker}
            lent.is_withdrawn = True

    @precondition(lambda self: len(self.ledger.requests) > 3)
    @rule(
        whom=st.sampled_from(["bob", "olivia", "rita", "rex", "carol"]),
        actor=st.one_of(st.just("ada"), ANYBODY),
    )
    def take_a_role_away(self, whom: str, actor: str) -> None:
        held = sorted(self.ledger.roles[whom])
        if held and self.attempt(
            Tracking.ROLE_REVOKED,
            revoke_role,
            self.person(whom),
            role=Role(held[0]),
            workspace=self._workspace,
            actor=self.person(actor),
        ):
            assert actor == whom or self.ledger.holds(actor, "administrator", "risk")
            self.ledger.roles[whom].remove(held[0])

    @rule(hired=st.sampled_from(HIRED))
    def hire(self, hired: tuple[str, Role]) -> None:
        name, role = hired
        if role not in self.ledger.roles[name] and name not in self.ledger.closed:
            with self.clock():
                factories.grant(self.person(name), role, self._workspace)
            self.ledger.roles[name].add(role)

    @precondition(lambda self: len(self.ledger.requests) > 3)
    @rule(
        whom=st.sampled_from(["bob", "olivia", "rita", "rex", "carol", "mallory"]),
        actor=st.sampled_from(["ada", "rita", "mallory", "oscar"]),
    )
    def close_an_account(self, whom: str, actor: str) -> None:
        if whom not in self.ledger.closed and self.attempt(
            Tracking.ACCOUNT_DEACTIVATED,
            deactivate_account,
            self.person(whom),
            actor=self.person(actor),
        ):
            assert actor == "ada"
            self.ledger.closed.add(whom)

    @rule(passing=st.sampled_from(PASSING))
    def wait(self, passing: timedelta) -> None:
        self.now += passing

    @rule()
    def let_the_timer_run(self) -> None:
        with self.clock():
            end_what_is_over()
            now = timezone.now()
        for request in self.ledger.requests:
            if request.is_open:
                request.settled_at = now
