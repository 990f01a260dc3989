"""A metric point, append-only; and of each metric the latest point, for searches."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

from django.db import connection, models
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from tracking.models.run import Run

# Written by hand, because a run logs a thousand points at once, and saving them through
# the ORM costs ten times what the database takes.
_COLUMNS = ("run_id", "key", "value", "is_nan", "timestamp_ms", "step")
_ARRAYS = "%s::text[], %s::float8[], %s::boolean[], %s::bigint[], %s::bigint[]"
_IF_NEW = "ON CONFLICT DO NOTHING"
_IF_LATER = """
ON CONFLICT (run_id, key) DO UPDATE SET
    value = excluded.value, is_nan = excluded.is_nan,
    timestamp_ms = excluded.timestamp_ms, step = excluded.step
WHERE (excluded.step, excluded.timestamp_ms, excluded.value)
    > (tracking_latestmetric.step, tracking_latestmetric.timestamp_ms,
       tracking_latestmetric.value)
"""


def _insert(
    table: str, run_pk: int, points: Sequence[Sequence[Any]], *, on_conflict: str
) -> None:
    """Insert points `(key, value, is_nan, timestamp_ms, step)` of one run."""
    into = f"INSERT INTO {table} ({', '.join(_COLUMNS)})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = [list(column) for column in zip(*points, strict=True)]
            cursor.execute(
                f"{into} SELECT %s, * FROM unnest({_ARRAYS}) {on_conflict}",  # noqa: S608 - words of this module
                [run_pk, *columns],
            )
        else:
            cursor.executemany(
                f"{into} VALUES (%s, %s, %s, %s, %s, %s) {on_conflict}",
                [(run_pk, *point) for point in points],
            )


class MetricQuerySet(models.QuerySet["Metric"]):
    """Questions about many points."""

    def latest_of_each_key(self) -> Self:
        """Keep one point a key: the latest by step, then timestamp, then value."""
        rank = Window(
            RowNumber(),
            partition_by=[F("run_id"), F("key")],
            order_by=[F("step").desc(), F("timestamp_ms").desc(), F("value").desc()],
        )
        return self.annotate(rank=rank).filter(rank=1).order_by("key")

    def append(self, run: Run, points: Sequence[Sequence[Any]]) -> None:
        """Store points `(key, value, is_nan, timestamp_ms, step)`, each once."""
        _insert("tracking_metric", run.pk, points, on_conflict=_IF_NEW)


class LatestMetricQuerySet(models.QuerySet["LatestMetric"]):
    """Questions about many latest points."""

    def move_on(self, run: Run, points: Iterable[Sequence[Any]]) -> None:
        """Let later points take the place of earlier ones of their key."""
        latest = {point[0]: point for point in sorted(points, key=_rank)}
        # In one order everywhere, so that two batches never wait for each other.
        ordered = [latest[key] for key in sorted(latest)]
        _insert("tracking_latestmetric", run.pk, ordered, on_conflict=_IF_LATER)


def _rank(point: Sequence[Any]) -> tuple[int, int, float]:
    _, value, _, timestamp_ms, step = point
    return step, timestamp_ms, value


class Metric(models.Model):
    """SQLite has no NaN, so a NaN is stored as `is_nan` with the value 0 (as MLflow does)."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="metrics")
    key = models.CharField(max_length=250)
    value = models.FloatField()
    is_nan = models.BooleanField(default=False)
    timestamp_ms = models.BigIntegerField()
    step = models.BigIntegerField(default=0)

    objects = MetricQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "key", "step", "timestamp_ms", "value", "is_nan"],
                name="tracking_an_identical_point_is_stored_once",
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["run", "key", "timestamp_ms", "step", "value"],
                name="tracking_points_in_time_order",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.number}"

    @property
    def number(self) -> float:
        return float("nan") if self.is_nan else self.value


class LatestMetric(models.Model):
    """The latest point of a metric by step, then timestamp, then value.

    Derived from the points and moved on with each of them; `verify_run` compares.
    """

    run = models.ForeignKey(Run, models.PROTECT, related_name="latest_metrics")
    key = models.CharField(max_length=250)
    value = models.FloatField()
    is_nan = models.BooleanField(default=False)
    timestamp_ms = models.BigIntegerField()
    step = models.BigIntegerField(default=0)

    objects = LatestMetricQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "key"], name="tracking_a_metric_has_one_latest_point"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["key", "value"], name="tracking_latest_by_value")
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.number}"

    @property
    def number(self) -> float:
        return float("nan") if self.is_nan else self.value
