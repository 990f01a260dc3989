"""The machine that the rules are rules of: its clock, its people, and what was recorded."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import time_machine
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine

from audit.errors import ConflictError, DomainError, PermissionDeniedError
from audit.models import Event
from registry.events import RegistryEvent as Registry
from registry.models import ModelVersion, PromotionRequest, RegisteredModel, Slot
from tests import factories
from tests.factories import AuthenticatorApp, Cast
from tests.registry.anybody.ledger import Ledger, Request, Version
from tracking.events import TrackingEvent as Tracking
from tracking.models import Workspace

PEOPLE = (
    *("alice", "olivia", "bob", "rita", "eve", "stella", "paul", "carol", "rex"),
    *("ada", "oscar", "mallory", "bot"),
)
SIGNERS = ("bob", "olivia", "rita", "eve", "carol")
ANYBODY = st.sampled_from(PEOPLE)
PASSWORDS = st.sampled_from([factories.PASSWORD] * 4 + ["wrong"])
MOSTLY = st.sampled_from([True, True, True, False])
WHICH = st.integers(min_value=0, max_value=3)

# What an accepted act may record beside its own entry, as docs/events.md has it.
ALONGSIDE: dict[str, set[str]] = {
    Registry.REQUEST_OPENED: {
        Registry.EVALUATION_STARTED,
        Registry.REQUEST_EXPIRED,
        Tracking.RUN_FROZEN,
    },
    Registry.SIGN_OFF_GIVEN: {Registry.REQUEST_APPROVED},
    Registry.WAIVER_APPROVED: {
        Registry.REQUEST_RECONSIDERED,
        Registry.REQUEST_APPROVED,
    },
    Registry.VERSION_PROMOTED: {Registry.BREAK_GLASS_ENDED},
    Registry.VERSION_ROLLED_BACK: {
        Registry.BREAK_GLASS_ENDED,
        Registry.FINDING_OPENED,
        Registry.MODEL_FAULTED,
        Registry.REVALIDATION_TRIGGERED,
    },
    Registry.BREAK_GLASS_ASKED: {Registry.BREAK_GLASS_ENDED, Tracking.RUN_FROZEN},
    Registry.BREAK_GLASS_CONFIRMED: {
        Registry.BREAK_GLASS_ENDED,
        Registry.FINDING_OPENED,
        Registry.MODEL_FAULTED,
        Tracking.RUN_FROZEN,
    },
    Registry.FREEZE_LIFTED: {Registry.BREAK_GLASS_ENDED},
    Registry.RETIREMENT_SIGNED: {Registry.BREAK_GLASS_ENDED},
    Registry.REVALIDATION_SIGNED: {Registry.BREAK_GLASS_ENDED},
    Registry.RISK_ACCEPTANCE_SIGNED: {Registry.FINDING_MOVED},
    Registry.FINDING_OPENED: {Registry.MODEL_FAULTED, Registry.REVALIDATION_TRIGGERED},
    Registry.POLICY_PUBLISHED: {
        Registry.REQUEST_EXPIRED,
        Registry.REQUEST_INVALIDATED,
        Registry.REVALIDATION_TRIGGERED,
    },
    Registry.TIER_ASSESSED: {
        Registry.FINDING_MOVED,
        Registry.REQUEST_EXPIRED,
        Registry.REQUEST_INVALIDATED,
        Registry.REVALIDATION_TRIGGERED,
    },
    Tracking.DATASET_DESCRIBED: {Tracking.SENSITIVE_DATASET_USED},
    Tracking.ACCOUNT_DEACTIVATED: {Tracking.TOKEN_REVOKED},
}
for same in (
    *(Registry.WAIVER_WITHDRAWN, Registry.ATTESTATION_GIVEN),
    Registry.ATTESTATION_WITHDRAWN,
):
    ALONGSIDE[same] = ALONGSIDE[Registry.WAIVER_APPROVED]
# By which nothing is decided about a model, so that refusals of it leave no entry.
UNRECORDED = {Tracking.ROLE_REVOKED, Tracking.ACCOUNT_DEACTIVATED}


class World(RuleBasedStateMachine):
    """One model, one environment, everybody of the cast; each history is rolled back."""

    requests: Bundle[Request] = Bundle("requests")
    ledger: Ledger
    _workspace: Workspace
    _people: Cast
    _apps: dict[str, AuthenticatorApp]

    def __init__(self) -> None:
        super().__init__()
        self.now = timezone.now()
        self.reached: set[str] = set()
        self._history = transaction.atomic()
        self._history.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._history.__exit__(None, None, None)

    def clock(self) -> time_machine.travel:
        self.now += timedelta(minutes=1)
        return time_machine.travel(self.now, tick=True)

    def person(self, name: str) -> User:
        """Return somebody as the database has them, as each HTTP request does."""
        return User.objects.get(username=name)

    def model(self) -> RegisteredModel:
        return RegisteredModel.objects.select_related("workspace", "owner").get()

    def row(self, request: Request) -> PromotionRequest:
        return factories.fresh(PromotionRequest(pk=request.pk))

    def version(self, version: Version) -> ModelVersion:
        return ModelVersion.objects.with_lineage().get(pk=version.pk)

    def slot(self) -> Slot | None:
        return Slot.objects.with_champion().filter(environment="production").first()

    def attempt(
        self, kind: str | None, act: Callable[..., Any], /, *subjects: Any, **named: Any
    ) -> Any:
        """Do it and return what it returns, or True; None: it was refused.

        What is raised otherwise is a defect, and so is an entry too many or too few.
        """
        with self.clock():
            before = _newest_entry()
            try:
                done = act(*subjects, **named)
            except DomainError as refusal:
                _refused(kind, refusal, _entries_since(before))
                return None
            if kind is not None:
                _accepted(kind, _entries_since(before))
            return True if done is None else done

    def signed(
        self,
        kind: str,
        act: Callable[..., Any],
        /,
        *subjects: Any,
        by: str,
        **named: Any,
    ) -> Any:
        """Do what takes a password, and a code while the model's tier asks for one."""
        named = {"password": factories.PASSWORD, "is_interactive": True} | named
        named["actor"] = self.person(by)

        def with_code(*subjects: Any, **named: Any) -> Any:
            code = self._apps[by].code() if self.by_code(by) else ""
            return act(*subjects, code=code, **named)

        return self.attempt(kind, with_code, *subjects, **named)

    def by_code(self, person: str) -> bool:
        return self.ledger.wants_two_factors and person in self._apps


def _newest_entry() -> int:
    return Event.objects.order_by("-id").values_list("id", flat=True).first() or 0


def _entries_since(pk: int) -> list[str]:
    since = Event.objects.filter(id__gt=pk).order_by("id")
    return list(since.values_list("kind", flat=True))


def _accepted(kind: str, entries: list[str]) -> None:
    assert entries.count(kind) == 1, (kind, entries)
    others = {entry for entry in entries if entry != kind}
    assert others <= ALONGSIDE.get(kind, set()), (kind, entries)


def _refused(kind: str | None, refusal: DomainError, entries: list[str]) -> None:
    told = [entry for entry in entries if entry != Tracking.ACCOUNT_LOCKED]
    is_governed = isinstance(refusal, (PermissionDeniedError, ConflictError))
    if kind in UNRECORDED or not is_governed:
        assert told == [], (kind, refusal.code, entries)
        return
    assert len(told) == 1, (kind, refusal.code, entries)
    assert told[0].endswith("refused"), (kind, refusal.code, entries)
