"""What people and programs are told, and the work of telling each of them."""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q
from guardian.shortcuts import get_objects_for_user

from registry.models.leased_work import LeasedWork, LeasedWorkQuerySet, WorkState
from registry.models.webhook import Webhook
from tracking.models import Workspace


class NotificationType(models.TextChoices):
    """CloudEvents types; `docs/how-to/get-notified.md` says who is told and what."""

    REQUEST_OPENED = "dev.attestry.request.opened.v1", "Promotion requested"
    GATES_FINISHED = "dev.attestry.gate.completed.v1", "Gates finished"
    SIGN_OFF_WANTED = "dev.attestry.sign_off.wanted.v1", "Sign-off wanted"
    REQUEST_APPROVED = "dev.attestry.request.approved.v1", "Request approved"
    REQUEST_REJECTED = "dev.attestry.request.rejected.v1", "Request rejected"
    REQUEST_WITHDRAWN = "dev.attestry.request.withdrawn.v1", "Request withdrawn"
    REQUEST_INVALIDATED = (
        "dev.attestry.request.invalidated.v1",
        "Request invalidated",
    )
    REQUEST_EXPIRED = "dev.attestry.request.expired.v1", "Request expired"
    VERSION_PROMOTED = "dev.attestry.version.promoted.v1", "Version promoted"
    WAIVER_EXPIRING = "dev.attestry.waiver.expiring.v1", "Waiver expires soon"
    FINDING_OVERDUE = "dev.attestry.finding.overdue.v1", "Finding overdue"
    REVALIDATION_WANTED = "dev.attestry.revalidation.wanted.v1", "Validation wanted"
    RETIREMENT_SIGNED = "dev.attestry.retirement.signed.v1", "Retired"
    FREEZE_OVERDUE = "dev.attestry.freeze.overdue.v1", "Rollback not reviewed"
    ACCOUNT_LOCKED = "dev.attestry.account.locked.v1", "Account locked"
    SENSITIVE_DATASET_USED = (
        "dev.attestry.dataset.sensitive_used.v1",
        "Sensitive dataset used",
    )


class DeliveryState(models.TextChoices):
    """Waiting leads to delivered or dead; either leads back by a replay."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class Notification(models.Model):
    """One happening, as the exact CloudEvent that every receiver gets; append-only.

    `message_id` is the CloudEvent's `id` and the `webhook-id`: the same in every attempt
    and replay, so that a receiver can leave out what it has.
    """

    workspace = models.ForeignKey(
        Workspace, models.PROTECT, related_name="notifications"
    )
    message_id = models.CharField(max_length=40, unique=True)
    type = models.CharField(max_length=60, choices=NotificationType)
    subject = models.CharField(max_length=400)
    document = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["subject"], name="registry_notifications_about")
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()}: {self.subject}"


class DeliveryQuerySet(LeasedWorkQuerySet):
    """The moves of a delivery; like those of all leased work, each is one UPDATE."""

    def claimable(self, now: datetime) -> Self:
        """Leave out what is to be tried again later; no join, which would race."""
        return super().claimable(now).filter(due_at__lte=now)

    def visible_to(self, user: User) -> Self:
        """Return those of the workspaces whose webhooks the user may manage."""
        managed = get_objects_for_user(user, "tracking.connect_systems", Workspace)
        return self.filter(notification__workspace__in=managed.values("pk"))

    def with_message(self) -> Self:
        return self.select_related(
            "notification__workspace", "webhook__workspace", "recipient"
        )

    def conclude(self, pk: int, *, claim: int, to: DeliveryState) -> bool:
        """Close the work as delivered or dead; False: another claim has taken it over."""
        held = self._held(pk, claim)
        return bool(held.update(work_state=WorkState.DONE, state=to))

    def postpone(self, pk: int, *, claim: int, due_at: datetime) -> bool:
        """Give the work back after a failure, for another try at that time."""
        held = self._held(pk, claim)
        return bool(
            held.update(
                work_state=WorkState.PENDING, due_at=due_at, failures=F("failures") + 1
            )
        )

    def reopen(self, pk: int, *, due_at: datetime) -> bool:
        """Start over; False says that it is still being tried."""
        finished = self.filter(pk=pk, work_state=WorkState.DONE)
        return bool(
            finished.update(
                work_state=WorkState.PENDING,
                state=DeliveryState.WAITING,
                due_at=due_at,
                failures=0,
            )
        )

    def give_up_waiting_for(self, webhook: Webhook) -> int:
        """Close what nobody is sending right now; return how many those are."""
        waiting = self.filter(webhook=webhook, work_state=WorkState.PENDING)
        return waiting.update(work_state=WorkState.DONE, state=DeliveryState.DEAD)


class Delivery(LeasedWork):
    """Tell one webhook, or one person by e-mail, of one notification."""

    notification = models.ForeignKey(
        Notification, models.PROTECT, related_name="deliveries"
    )
    webhook = models.ForeignKey(
        Webhook, models.PROTECT, null=True, related_name="deliveries"
    )
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    state = models.CharField(
        max_length=9, choices=DeliveryState, default=DeliveryState.WAITING
    )
    due_at = models.DateTimeField()
    failures = models.PositiveSmallIntegerField(default=0)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(webhook=None) ^ Q(recipient=None),
                name="registry_a_delivery_goes_to_a_webhook_or_a_person",
            ),
            models.CheckConstraint(
                condition=Q(
                    work_state=WorkState.DONE,
                    state__in=[DeliveryState.DELIVERED, DeliveryState.DEAD],
                )
                | (~Q(work_state=WorkState.DONE) & Q(state=DeliveryState.WAITING)),
                name="registry_a_delivery_waits_until_its_work_is_done",
            ),
            models.UniqueConstraint(
                fields=["notification", "webhook"],
                condition=Q(recipient=None),
                name="registry_a_webhook_is_told_once",
            ),
            models.UniqueConstraint(
                fields=["notification", "recipient"],
                condition=Q(webhook=None),
                name="registry_a_person_is_told_once",
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"

    @property
    def subject(self) -> str:
        return f"delivery/{self.pk}"


class DeliveryAttempt(models.Model):
    """One try: the status that came back, or why none did; append-only."""

    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="attempts")
    claim = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    failure = models.CharField(max_length=300, blank=True)
    took = models.DurationField()
    attempted_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["delivery", "claim"],
                name="registry_a_claim_is_one_attempt",
            )
        ]

    def __str__(self) -> str:
        return f"attempt {self.claim} of {self.delivery}"

    @property
    def took_seconds(self) -> float:
        return self.took.total_seconds()
