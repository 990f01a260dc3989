"""The tables of the log; `audit.services.record()` is the only way in.

An event stands or falls with the change that it tells of. The sequencer gives it its
index afterwards: entry and tiles, then head, then a signed checkpoint.
"""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q


class EventQuerySet(models.QuerySet["Event"]):
    """Questions about many events."""

    def about(self, subjects: list[str]) -> "EventQuerySet":
        return self.filter(subject__in=subjects)

    def unaccounted(self) -> "EventQuerySet":
        """Return events that are neither in the tree nor waiting to get there."""
        return self.filter(entry=None, pending=None)


class Event(models.Model):
    """What happened, as canonical bytes; the columns beside them are only for search."""

    uid = models.UUIDField(unique=True, editable=False)
    kind = models.CharField(max_length=100, db_index=True)
    actor = models.CharField(max_length=100, db_index=True)
    subject = models.CharField(max_length=500, db_index=True)
    recorded_at = models.DateTimeField()
    body = models.BinaryField(max_length=65535)
    leaf_hash = models.BinaryField(max_length=32)
    # None only for entries that stood in the tree before events had one.
    mac = models.BinaryField(max_length=32, null=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class PrivateField(models.Model):
    """A personal value that an entry only commits to; erasable with its salt."""

    event = models.ForeignKey(Event, models.PROTECT, related_name="private_fields")
    field = models.CharField(max_length=100)
    salt = models.BinaryField(max_length=32)
    value = models.TextField()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["event", "field"], name="audit_one_opening_per_event_and_field"
            )
        ]

    def __str__(self) -> str:
        return f"{self.field} of event {self.event_id}"


class Pending(models.Model):
    """An event that has no index yet; taken in the order of event ids."""

    event = models.OneToOneField(
        Event, models.PROTECT, primary_key=True, related_name="pending"
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"event {self.event_id} awaits its index"


class HeadQuerySet(models.QuerySet["Head"]):
    """Questions about the logs of an installation; one of them is current."""

    def current(self) -> "Head":
        """Return the log that grows; Head.DoesNotExist says that none was started."""
        return self.get(is_current=True)

    def locked(self) -> "Head":
        """Return the current log; who holds this lock is alone in changing it."""
        return self.select_for_update().current()


class Head(models.Model):
    """A log: its origin, and the size, root and right edge of its tree.

    A second one is started only when a key was compromised; the first then stays as it
    was. A missing row is an error, never a new log.
    """

    origin = models.CharField(max_length=200, unique=True)
    size = models.PositiveBigIntegerField(default=0)
    root = models.BinaryField(max_length=32)
    edge = models.BinaryField()
    is_current = models.BooleanField(default=True)
    moved_at = models.DateTimeField(auto_now=True)

    objects = HeadQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_current"],
                condition=Q(is_current=True),
                name="audit_one_log_is_current",
            )
        ]

    def __str__(self) -> str:
        return f"{self.origin} at {self.size}"


class Entry(models.Model):
    """An event at its index in the tree of a log."""

    event = models.OneToOneField(
        Event, models.PROTECT, primary_key=True, related_name="entry"
    )
    log = models.ForeignKey(
        Head, models.PROTECT, related_name="entries", db_index=False
    )
    index = models.PositiveBigIntegerField()
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["log", "index"], name="audit_one_entry_per_index"
            )
        ]

    def __str__(self) -> str:
        return f"entry {self.index}"


class StoredTile(models.Model):
    """A full tile, 256 hashes; partial ones are in the edge of the head."""

    log = models.ForeignKey(Head, models.PROTECT, related_name="tiles", db_index=False)
    level = models.PositiveSmallIntegerField()
    index = models.PositiveBigIntegerField()
    hashes = models.BinaryField(max_length=8192)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["log", "level", "index"], name="audit_one_tile_per_place"
            )
        ]

    def __str__(self) -> str:
        return f"tile {self.level}/{self.index}"


class StoredCheckpoint(models.Model):
    """What was signed over the log at one size, as the exact bytes of the note."""

    log = models.ForeignKey(
        Head, models.PROTECT, related_name="checkpoints", db_index=False
    )
    size = models.PositiveBigIntegerField()
    note = models.BinaryField()
    signed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["log", "size"], name="audit_one_checkpoint_per_size"
            )
        ]

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Cosignature(models.Model):
    """What a witness answered about one size of a log: its signature line, verified."""

    log = models.ForeignKey(
        Head, models.PROTECT, related_name="cosignatures", db_index=False
    )
    size = models.PositiveBigIntegerField()
    key = models.CharField(max_length=500)
    line = models.TextField()
    stored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["log", "size", "key"],
                name="audit_one_cosignature_per_size_and_witness",
            )
        ]

    def __str__(self) -> str:
        return f"cosignature at {self.size} by {self.key.partition('+')[0]}"


class CheckpointCopy(models.Model):
    """A checkpoint that was sent where this installation cannot take it back."""

    class Way(models.TextChoices):
        EMAIL = "e-mail"
        WEBHOOK = "webhook"
        TIMESTAMP = "timestamp"

    log = models.ForeignKey(Head, models.PROTECT, related_name="copies")
    size = models.PositiveBigIntegerField()
    way = models.CharField(max_length=10, choices=Way)
    sent_at = models.DateTimeField()
    # What a time-stamping authority answered (RFC 3161), verified.
    answer = models.BinaryField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"checkpoint {self.size} by {self.way}"


class WitnessedLog(models.Model):
    """Somebody else's log, as this installation has last cosigned it; it only grows."""

    origin = models.CharField(max_length=200, unique=True)
    size = models.PositiveBigIntegerField(default=0)
    root = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.origin} at {self.size}"


class VerificationMode(models.TextChoices):
    """How much of the log a verification reads."""

    FULL = "full"
    INCREMENTAL = "incremental"
    SCRUB = "scrub"


class VerificationQuerySet(models.QuerySet["Verification"]):
    """Questions about what verifications found."""

    def open_findings(self) -> Self:
        """Keep what was found altered and is not refuted.

        Only a later full verification of the same log refutes it, and only one that
        saw the guard if the finding one saw it.
        """
        refuting = Verification.objects.filter(
            Q(saw_guard=True) | Q(saw_guard=OuterRef("saw_guard")),
            log=OuterRef("log"),
            pk__gt=OuterRef("pk"),
            mode=VerificationMode.FULL,
            is_intact=True,
        )
        return self.filter(~Exists(refuting), is_intact=False).order_by("-pk")


class Verification(models.Model):
    """What one verification of the log found: every full one, and every bad one."""

    log = models.ForeignKey(Head, models.PROTECT, related_name="verifications")
    mode = models.CharField(max_length=11, choices=VerificationMode)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    size = models.PositiveBigIntegerField()
    saw_guard = models.BooleanField()
    is_intact = models.BooleanField()
    first_bad_index = models.PositiveBigIntegerField(null=True)
    faults = models.TextField(blank=True)

    objects = VerificationQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        found = "intact" if self.is_intact else "NOT intact"
        return f"{self.mode} verification at {self.size}: {found}"


class VerificationTurnQuerySet(models.QuerySet["VerificationTurn"]):
    """Who takes a turn does the verification; nobody else does it as well."""

    def take(self, mode: str, *, now: datetime, period: timedelta) -> bool:
        """Take the turn of a mode if its period has passed; say whether it was taken."""
        _, is_first = self.get_or_create(mode=mode, defaults={"taken_at": now})
        due = self.filter(mode=mode, taken_at__lte=now - period)
        return is_first or due.update(taken_at=now) == 1


class VerificationTurn(models.Model):
    """When the installation last began a verification by itself.

    `mode` is one of the log's, or what another floor verifies against the log.
    """

    mode = models.CharField(max_length=11, primary_key=True)
    taken_at = models.DateTimeField()

    objects = VerificationTurnQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.mode} at {self.taken_at}"
