"""Calls around what serves: slots, emergencies, findings, the end; and who is told."""

from datetime import timedelta

from django.utils import timezone

from registry.events import RegistryEvent as E
from registry.models import Delivery, ModelVersion, NotificationType, Slot
from registry.models.finding import Severity
from registry.services import slots
from registry.services.deliveries import deliver
from registry.services.notifications import announce
from registry.services.webhooks import disable_webhook
from tests import factories
from tests.every_route.asking import Ask, Table, signing
from tests.every_route.promotion import API, FIRST, SERVING
from tests.registry.receiver import internal, receiver
from tracking.events import TrackingEvent

TABLE = Table()
SECOND = SERVING | {"version": 2, "reason": "It is better."}


def serving(workspace, people) -> ModelVersion:
    factories.policy(workspace, people)
    return factories.champion(workspace, people)


def second_beside_champion(workspace, people) -> ModelVersion:
    serving(workspace, people)
    return factories.version(workspace, people, content=b"second")


def two_champions(workspace, people) -> tuple[ModelVersion, Slot]:
    """Have one version follow another; return the first and the slot."""
    first = serving(workspace, people)
    factories.champion(workspace, people, content=b"second")
    return first, Slot.objects.get()


@TABLE.call("POST", f"{API}challengers/", E.CHALLENGER_ADDED)
def add_challenger(workspace, people):
    second_beside_champion(workspace, people)
    return Ask(people.alice, SECOND)


@TABLE.call("POST", f"{API}challenger-removals/", E.CHALLENGER_REMOVED)
def remove_challenger(workspace, people):
    version = second_beside_champion(workspace, people)
    slots.add_challenger(
        version, environment="production", reason="To compare.", actor=people.alice
    )
    return Ask(people.alice, SECOND)


@TABLE.call(
    "POST", f"{API}rollbacks/", E.FINDING_OPENED, E.MODEL_FAULTED, E.VERSION_ROLLED_BACK
)
def roll_back(workspace, people):
    two_champions(workspace, people)
    return Ask(people.rex, SERVING | {"reason": "The second crashes."})


@TABLE.call("POST", f"{API}freezes/<int:pk>/lifting/", E.FREEZE_LIFTED)
def lift_freeze(workspace, people):
    first, slot = two_champions(workspace, people)
    freeze = factories.rollback(slot, first, people).freeze
    return signing(people.bob, {"conclusion": "Data were missing."}, pk=freeze.pk)


@TABLE.call("POST", f"{API}break-glass/", TrackingEvent.RUN_FROZEN, E.BREAK_GLASS_ASKED)
def ask_to_break_glass(workspace, people):
    second_beside_champion(workspace, people)
    return signing(people.olivia, SECOND | {"hours": 24, "role": "owner"})


@TABLE.call(
    "POST",
    f"{API}break-glass/<int:pk>/confirmation/",
    E.FINDING_OPENED,
    E.MODEL_FAULTED,
    E.BREAK_GLASS_CONFIRMED,
)
def confirm_break_glass(workspace, people):
    asked = factories.emergency_asked(second_beside_champion(workspace, people), people)
    return signing(people.rita, {"role": "risk"}, pk=asked.pk)


@TABLE.call("POST", f"{API}revalidation-triggers/", E.REVALIDATION_TRIGGERED)
def trigger_revalidation(workspace, people):
    serving(workspace, people)
    drift = {"kind": "drift_breach", "detail": "PSI 0.3"}
    return Ask(people.bot, {"registered_model": "credit"} | drift)


@TABLE.call("POST", f"{API}revalidations/", E.REVALIDATION_SIGNED)
def revalidate(workspace, people):
    serving(workspace, people)
    return signing(people.bob, SERVING | {"conclusion": "It errs as before."})


@TABLE.call("POST", f"{API}retirements/", E.RETIREMENT_SIGNED)
def retire(workspace, people):
    serving(workspace, people)
    return signing(people.olivia, FIRST | {"reason": "Nobody asks it any more."})


def low_finding(workspace, people):
    model = factories.model(workspace, people)
    return factories.finding(model, people, Severity.LOW)


@TABLE.call("POST", f"{API}findings/", E.FINDING_OPENED, E.MODEL_FAULTED)
def open_finding(workspace, people):
    factories.model(workspace, people)
    stated = {"severity": "low", "title": "It drops.", "owner": "alice"}
    return Ask(people.bob, {"registered_model": "credit"} | stated)


@TABLE.call("POST", f"{API}findings/<int:pk>/moves/", E.FINDING_MOVED)
def move_finding(workspace, people):
    finding = low_finding(workspace, people)
    body = {"to": "planned", "reason": "Next quarter."}
    return Ask(people.alice, body, {"pk": finding.pk})


@TABLE.call(
    "POST",
    f"{API}findings/<int:pk>/risk-acceptances/",
    E.RISK_ACCEPTANCE_SIGNED,
    E.FINDING_MOVED,
)
def accept_risk(workspace, people):
    until = timezone.now() + timedelta(days=10)
    stated = {"until": until.isoformat(), "reason": "It is small."}
    return signing(people.rita, stated, pk=low_finding(workspace, people).pk)


@TABLE.call("POST", f"{API}findings/<int:pk>/tickets/", E.TICKET_LINKED)
def link_finding(workspace, people):
    finding = low_finding(workspace, people)
    return Ask(people.alice, {"ticket": "RISK-43"}, {"pk": finding.pk})


# Who is told


@TABLE.call("POST", f"{API}webhooks/", E.WEBHOOK_CREATED)
def create_webhook(workspace, people):
    url, kinds = "https://localhost/hook", [NotificationType.VERSION_PROMOTED]
    return Ask(people.ada, {"url": url, "event_types": kinds})


@TABLE.call("POST", f"{API}webhooks/<int:pk>/disabling/", E.WEBHOOK_DISABLED)
def disable(workspace, people):
    return Ask(people.ada, path={"pk": factories.webhook(workspace, people).pk})


@TABLE.call("POST", f"{API}webhooks/<int:pk>/enabling/", E.WEBHOOK_ENABLED)
def enable_webhook(workspace, people):
    webhook = factories.webhook(workspace, people)
    disable_webhook(webhook, actor=people.ada)
    return Ask(people.ada, path={"pk": webhook.pk})


@TABLE.call("POST", f"{API}webhooks/<int:pk>/key-rotations/", E.WEBHOOK_KEY_ROTATED)
def rotate_key(workspace, people):
    return Ask(people.ada, path={"pk": factories.webhook(workspace, people).pk})


@TABLE.call("POST", f"{API}deliveries/<int:pk>/replays/", E.DELIVERY_REPLAYED)
def replay(workspace, people):
    with internal("127.0.0.0/8"), receiver() as there:
        there.answers = [410]
        factories.webhook(workspace, people, url=there.url)
        kind = NotificationType.REQUEST_APPROVED
        announce(kind, workspace=workspace, subject="request/1", data={})
        given_up = Delivery.objects.get()
        deliver(given_up.pk, jitter=lambda: 0.0)
    # Nobody enables a webhook whose receiver said that it is gone but a person.
    return Ask(people.ada, path={"pk": given_up.pk})
