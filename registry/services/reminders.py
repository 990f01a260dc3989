"""What time brings is told of here, each thing once.

Waivers that end, findings and reviews of rollbacks that are overdue, champions whose
interval is over, locked accounts and uses of sensitive data.

The worker that keeps the time calls it. Uses of sensitive data are noticed in the floor
below, which knows nothing of webhooks; they are found here some seconds later.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import (
    CharField,
    Count,
    Exists,
    Min,
    OuterRef,
    Q,
    Value,
)
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from audit.services import pseudonym
from registry.models import (
    Finding,
    Freeze,
    Notification,
    NotificationType,
    PromotionRequest,
    Slot,
    TicketLink,
    TicketSubject,
    Waiver,
)
from registry.models.sign_off import SignerRole
from registry.services.due_dates import INTERVAL_END, due_dates
from registry.services.notifications import announce, page_url
from registry.services.recipients import holders_of, signers_of, validators_of
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
        *_of_intervals(now),
        *_of_locked_accounts(now),
        *_of_sensitive_uses(now),
    ]
    return sum(_told_now(reminder) for reminder in due)


def _is_told(kind: NotificationType, *, named: str) -> Exists:
    """Ask of rows whether it was told of them, by the name before their number.

    What is overdue stays so for long, and is looked at every few seconds.
    """
    subject = Concat(Value(named), Cast(OuterRef("pk"), CharField()))
    return Exists(Notification.objects.filter(type=kind, subject=subject))


def _told(kind: NotificationType, subjects: list[str]) -> set[str]:
    told = Notification.objects.filter(type=kind, subject__in=subjects)
    return set(told.values_list("subject", flat=True))


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
    untold = ending.exclude(_is_told(NotificationType.WAIVER_EXPIRING, named="waiver/"))
    for waiver in untold.with_people().order_by("pk"):
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
    told = _is_told(NotificationType.FINDING_OVERDUE, named="finding/")
    untold = overdue.exclude(told)
    for finding in untold.select_related("registered_model__owner").order_by("pk"):
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
    untold = overdue.exclude(_is_told(NotificationType.FREEZE_OVERDUE, named="freeze/"))
    for freeze in untold.with_subject().order_by("pk"):
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


def _of_intervals(now: datetime) -> Iterator[Reminder]:
    """Return one for each end of an interval; other calls are told when they come."""
    serving = Slot.objects.with_champion().filter(champion__isnull=False)
    slots = serving.select_related("registered_model__owner").in_bulk()
    ended = {
        f"interval/{pk}/{due.at.isoformat()}": slots[pk]
        for pk, due in due_dates(slots.values(), now).items()
        if due.at and due.why == INTERVAL_END and due.is_due(now)
    }
    kind = NotificationType.REVALIDATION_WANTED
    told = _told(kind, list(ended)) if ended else set()
    for subject in (subject for subject in ended if subject not in told):
        slot = ended[subject]
        model, version = slot.registered_model, slot.serving(now)
        yield Reminder(
            kind,
            model.workspace,
            subject,
            {
                "registered_model": model.name,
                "version": version.number if version else None,
                "environments": [slot.environment],
                "kind": INTERVAL_END,
                "url": page_url(slot),
            },
            _each_once(model.owner, *validators_of(model, version)),
        )


def _of_locked_accounts(now: datetime) -> Iterator[Reminder]:
    """Tell whose account it is: at log-in they are told no more than a stranger.

    An account belongs to no workspace, so it is told of in the first that they see.
    """
    found = FailedTries.objects.filter(locked_until__gt=now).select_related("user")
    locked = {
        f"{pseudonym(tries.user)}/locked/{tries.locked_until.isoformat()}": tries
        for tries in found.order_by("pk")
        if tries.locked_until
    }
    told = _told(NotificationType.ACCOUNT_LOCKED, list(locked)) if locked else set()
    for subject in (subject for subject in locked if subject not in told):
        user, until = locked[subject].user, subject.rpartition("/")[2]
        workspace = Workspace.objects.visible_to(user).order_by("pk").first()
        if workspace is not None:
            yield Reminder(
                NotificationType.ACCOUNT_LOCKED,
                workspace,
                subject,
                {"account": pseudonym(user), "locked_until": until},
                (user,),
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
    firsts = SensitiveUse.objects.filter(pk__in=counted)
    kind = NotificationType.SENSITIVE_DATASET_USED
    untold = firsts.exclude(_is_told(kind, named="sensitive-use/"))
    for use in untold.with_people().order_by("pk"):
        workspace = use.dataset.workspace
        keepers = (
            person
            for role in (Role.STEWARD, Role.ETHICS)
            for person in holders_of(role, workspace)
        )
        yield Reminder(
            kind,
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
