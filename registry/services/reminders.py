"""What time brings is told of here, each thing once.

Waivers that end, findings and reviews of rollbacks that are overdue, locked accounts and
uses of sensitive data.

The worker that keeps the time calls it. Uses of sensitive data are noticed in the floor
below, which knows nothing of webhooks; they are found here some seconds later.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from audit.services import pseudonym
from registry.models import (
    Finding,
    Freeze,
    Notification,
    NotificationType,
    PromotionRequest,
    TicketLink,
    TicketSubject,
    Waiver,
)
from registry.models.sign_off import SignerRole
from registry.services.notifications import announce, page_url
from registry.services.recipients import holders_of, signers_of
from tracking.models import FailedTries, SensitiveUse, Workspace
from tracking.permissions import Role

WAIVERS_ARE_TOLD_BEFORE = timedelta(days=7)
# A receiver that is set up later does not hear of what is long past.
USES_ARE_TOLD_WITHIN = timedelta(days=1)


@dataclass(frozen=True)
class Reminder:
    """One thing to tell; its kind and subject say whether it was told already."""

    kind: NotificationType
    workspace: Workspace
    subject: str
    data: Mapping[str, Any]
    people: tuple[User, ...]


def remind() -> int:
    """Tell whatever is due and was not told; safe to call any number of times."""
    now = timezone.now()
    due = [
        *_of_waivers(now),
        *_of_findings(now),
        *_of_freezes(now),
        *_of_locked_accounts(now),
        *_of_sensitive_uses(now),
    ]
    return sum(_told_now(reminder) for reminder in _untold(due))


def _untold(due: Iterable[Reminder]) -> list[Reminder]:
    by_subject: dict[NotificationType, dict[str, Reminder]] = defaultdict(dict)
    for reminder in due:
        by_subject[reminder.kind][reminder.subject] = reminder
    for kind, reminders in by_subject.items():
        for subject in _told(kind, list(reminders)):
            del reminders[subject]
    return [one for reminders in by_subject.values() for one in reminders.values()]


def _told(kind: NotificationType, subjects: list[str]) -> list[str]:
    told = Notification.objects.filter(type=kind, subject__in=subjects)
    return list(told.values_list("subject", flat=True).distinct())


def _told_now(reminder: Reminder) -> bool:
    with transaction.atomic():
        # Two workers may look at once, and rows of append-only tables are not locked.
        Workspace.objects.select_for_update().get(pk=reminder.workspace.pk)
        if _told(reminder.kind, [reminder.subject]):
            return False
        announce(
            reminder.kind,
            workspace=reminder.workspace,
            subject=reminder.subject,
            data=reminder.data,
            people=reminder.people,
        )
    return True


def _of_waivers(now: datetime) -> Iterator[Reminder]:
    """Return those that somebody rests on still and that nothing renews."""
    in_force = Waiver.objects.in_force(now).values("pk")
    ending = Waiver.objects.filter(
        pk__in=in_force,
        expires_at__lte=now + WAIVERS_ARE_TOLD_BEFORE,
        request__in=PromotionRequest.objects.open_or_promoted(),
    ).exclude(renewals__in=in_force)
    for waiver in ending.with_people().order_by("pk"):
        request = waiver.request
        version = request.model_version
        model = version.registered_model
        yield Reminder(
            NotificationType.WAIVER_EXPIRING,
            model.workspace,
            f"waiver/{waiver.pk}",
            {
                "waiver": waiver.pk,
                "gate": waiver.gate,
                "expires_at": waiver.expires_at.isoformat(),
                "request": request.pk,
                "registered_model": model.name,
                "version": version.number,
                "environment": request.environment,
                "url": page_url(request),
            },
            _each_once(waiver.requested_by, model.owner),
        )


def _of_findings(now: datetime) -> Iterator[Reminder]:
    overdue = Finding.objects.overdue(now).with_subject()
    for finding in overdue.select_related("registered_model__owner").order_by("pk"):
        model, version = finding.registered_model, finding.model_version
        tickets = TicketLink.objects.about(TicketSubject.FINDING, finding.pk)
        yield Reminder(
            NotificationType.FINDING_OVERDUE,
            model.workspace,
            finding.subject,
            {
                "finding": finding.pk,
                "severity": finding.severity,
                "due_at": finding.due_at.isoformat() if finding.due_at else None,
                "registered_model": model.name,
                "version": version.number if version else None,
                "tickets": list(tickets.values_list("ticket", flat=True)),
                "url": page_url(finding),
            },
            _each_once(finding.owner, model.owner),
        )


def _of_freezes(now: datetime) -> Iterator[Reminder]:
    overdue = Freeze.objects.in_force().filter(review_due_at__lte=now)
    for freeze in overdue.with_subject().order_by("pk"):
        slot = freeze.slot
        model = slot.registered_model
        yield Reminder(
            NotificationType.FREEZE_OVERDUE,
            model.workspace,
            freeze.subject,
            {
                "freeze": freeze.pk,
                "registered_model": model.name,
                "version": freeze.rollback.rolled_back.number,
                "environment": slot.environment,
                "review_due_at": freeze.review_due_at.isoformat(),
                "url": page_url(freeze),
            },
            _each_once(
                model.owner,
                *signers_of(model, SignerRole.VALIDATOR, SignerRole.RISK),
            ),
        )


def _of_locked_accounts(now: datetime) -> Iterator[Reminder]:
    """Tell whose account it is: at log-in they are told no more than a stranger.

    An account belongs to no workspace, so it is told of in the first that they see.
    """
    locked = FailedTries.objects.filter(locked_until__gt=now).select_related("user")
    for tries in locked.order_by("pk"):
        workspace = Workspace.objects.visible_to(tries.user).order_by("pk").first()
        if workspace is None or tries.locked_until is None:
            continue
        account, until = pseudonym(tries.user), tries.locked_until.isoformat()
        yield Reminder(
            NotificationType.ACCOUNT_LOCKED,
            workspace,
            f"{account}/locked/{until}",
            {"account": account, "locked_until": until},
            (tries.user,),
        )


def _of_sensitive_uses(now: datetime) -> Iterator[Reminder]:
    """Return one for what was noticed at once: a card may bring many runs to light."""
    lately = SensitiveUse.objects.filter(noticed_at__gt=now - USES_ARE_TOLD_WITHIN)
    together = lately.values("dataset", "noticed_at").annotate(
        first=Min("pk"),
        uses=Count("pk"),
        unacknowledged=Count("pk", filter=Q(acknowledgement=None)),
    )
    counted = {
        found["first"]: found["uses"] for found in together.filter(unacknowledged__gt=0)
    }
    firsts = SensitiveUse.objects.filter(pk__in=counted).with_people()
    for use in firsts.order_by("pk"):
        workspace = use.dataset.workspace
        keepers = (
            person
            for role in (Role.STEWARD, Role.ETHICS)
            for person in holders_of(role, workspace)
        )
        yield Reminder(
            NotificationType.SENSITIVE_DATASET_USED,
            workspace,
            f"sensitive-use/{use.pk}",
            {
                "use": use.pk,
                "uses": counted[use.pk],
                "dataset": use.dataset.name,
                "digest": use.dataset.digest,
                "labels": use.labels,
                "run": use.run.run_id,
                "acknowledge_by": use.acknowledge_by.isoformat(),
            },
            _each_once(*keepers),
        )


def _each_once(*people: User | None) -> tuple[User, ...]:
    return tuple(dict.fromkeys(person for person in people if person))
