"""Random people do random things; no version serves that the rules would not let serve.

Hypothesis drives the services. What must hold is kept a second time, by what the test saw
people do, so that a rule which the services forget is missed by somebody.
"""

import os
from dataclasses import fields

import pytest
from hypothesis import settings as effort
from hypothesis.stateful import initialize, invariant, run_state_machine_as_test

from registry.models import Closing, PromotionRequest, RequestState
from registry.services.decisions import Answer, decide
from registry.services.standing import CHAMPION, standing_of
from tests import factories
from tests.factories import Cast
from tests.registry.anybody import oracle
from tests.registry.anybody.catalogue import Catalogue
from tests.registry.anybody.ledger import Ledger, Policy, Version
from tests.registry.anybody.oversight import DOCUMENTS
from tests.registry.anybody.world import SIGNERS
from tracking.permissions import Role

# The first of all examples is the simplest, which does next to nothing.
EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "3"))
STEPS = 15
# As few examples may all stay away from what is to be looked at.
BEGINNINGS = ("blocked", "rolled back", "emergency")
ROLES = {
    "alice": Role.DEVELOPER,
    "olivia": Role.OWNER,
    "bob": Role.VALIDATOR,
    "rita": Role.RISK,
    "eve": Role.ETHICS,
    "stella": Role.STEWARD,
    "paul": Role.POLICY_AUTHOR,
    "carol": Role.AUDITOR,
    "rex": Role.RELEASE,
    "ada": Role.ADMINISTRATOR,
    "oscar": Role.OPERATOR,
    "bot": Role.BOT,
}


class AnyHistory(Catalogue):
    """One model, one slot, everybody of the cast."""

    served: Version | None = None
    _beginning: str

    @initialize(document=DOCUMENTS)
    def begin(self, document: str) -> None:
        with self.clock():
            factories.policy(self._workspace, self._people, document)
        nobody = Policy(frozenset(), (), "", self.now)
        roles = {field.name: set[str]() for field in fields(Cast)}
        for name, role in ROLES.items():
            roles[name].add(role)
        self.ledger = Ledger(nobody, roles)
        self.bind(document, "paul")
        self._go_as_far_as_that()
        assert self._beginning in self.reached

    def _go_as_far_as_that(self) -> None:
        pair = ("olivia", "owner", "rita", "risk")
        ways = {
            "blocked": self.ask_in_vain,
            "rolled back": lambda: self.serve_and_roll_back("rex"),
            "emergency": lambda: self.break_the_glass("better", "", pair, 24),
        }
        ways[self._beginning]()

    @invariant()
    def whoever_serves_was_let_in_by_the_rules(self) -> None:
        with self.clock():
            self._look_at_the_slot()

    def _look_at_the_slot(self) -> None:
        now, ledger = self.now, self.ledger
        serving = ledger.serving(now)
        slot = self.slot()
        told = slot.serving(now) if slot else None
        assert (told and told.pk) == (serving and serving.pk)
        standing = standing_of(self.model())
        number = serving and serving.number
        assert standing.aliases().get(CHAMPION) == number
        assert standing.aliases().get("production") == number
        assert set(standing.staged) == ({serving.pk} if serving else set())
        has_moved, self.served = serving is not self.served, serving
        for version in ledger.versions:
            if not (has_moved or version in {serving, ledger.versions[-1]}):
                continue
            decided = decide(self.version(version), environment="production", now=now)
            if decided.answer == Answer.ALLOW:
                oracle.may_serve(ledger, version, now)

    @invariant()
    def whatever_ended_says_how(self) -> None:
        ended = {
            *(RequestState.REJECTED, RequestState.WITHDRAWN),
            *(RequestState.EXPIRED, RequestState.INVALIDATED),
        }
        requests = PromotionRequest.objects.filter(state__in=ended)
        assert {request.pk: request.closing.state for request in requests} == {
            request.pk: request.state for request in requests
        }
        assert Closing.objects.count() == requests.count()


@pytest.mark.any_database
@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_no_history_puts_a_version_into_service_that_the_rules_keep_out(
    workspace, cast, settings, beginning
):
    # Histories are rolled back and so never sequenced.
    settings.ATTESTRY_LOG_LAG_REFUSES_SECONDS = 0
    factories.model(workspace, cast)
    apps = {name: factories.second_factor(getattr(cast, name)) for name in SIGNERS}

    class Watched(AnyHistory):
        _workspace, _people, _apps = workspace, cast, apps
        _beginning = beginning

    run_state_machine_as_test(
        Watched,
        settings=effort(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None
        ),
    )
