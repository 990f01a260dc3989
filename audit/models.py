"""The tables of the log; `audit.services.record()` is the only way in.

An event stands or falls with the change that it tells of. The sequencer gives it its
index afterwards: entry, then head.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q


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


class Entry(models.Model):
    """An event at its index in the tree."""

    index = models.PositiveBigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, models.PROTECT, related_name="entry")
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"entry {self.index}"


class Head(models.Model):
    """The size and root of the tree: one row for one log; a missing row is an error."""

    origin = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField(default=0)
    root = models.BinaryField(max_length=32)
    frontier = models.BinaryField(max_length=64 * 32)
    moved_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="audit_there_is_one_head")
        ]

    def __str__(self) -> str:
        return f"{self.origin} at {self.size}"
