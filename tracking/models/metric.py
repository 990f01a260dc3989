"""A metric point, append-only; and of each metric the latest point, for searches."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import msgspec
from django.db import connection, models
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from tracking.models.run import Run

POINT_FIELDS = ("key", "value", "is_nan", "timestamp_ms", "step")
_INTO = """
INSERT INTO {table} (run_id, key, value, is_nan, timestamp_ms, step)
"""
_ONE = "VALUES (%s, %s, %s, %s, %s, %s)"
_POINTS = _INTO.format(table="tracking_metric")
_LATEST = _INTO.format(table="tracking_latestmetric")
_IF_NEW = "ON CONFLICT DO NOTHING"
_IF_LATER = """
ON CONFLICT (run_id, key) DO UPDATE SET
    value = excluded.value, is_nan = excluded.is_nan,
    timestamp_ms = excluded.timestamp_ms, step = excluded.step
WHERE (excluded.step, excluded.timestamp_ms, excluded.value)
    > (tracking_latestmetric.step, tracking_latestmetric.timestamp_ms,
       tracking_latestmetric.value)
"""
# By hand and all at once, because a run logs a thousand points at a time, and saving
# them through the ORM costs ten times what the database takes. In the order of the keys,
# so that two batches never wait for each other. What comes before defines `run`.
POINTS_OF_RUN = f"""
point AS (
    SELECT run.id AS run_id, p.*
    FROM run, json_to_recordset(%s::json) AS p(
        key text, value float8, is_nan boolean, timestamp_ms bigint, step bigint)
), stored AS ({_POINTS} SELECT * FROM point {_IF_NEW}
), latest AS ({_LATEST}
SELECT DISTINCT ON (key) * FROM point
ORDER BY key, step DESC, timestamp_ms DESC, value DESC
{_IF_LATER})
"""  # noqa: S608 - words of this module
_BOTH_AT_ONCE = f"WITH run AS (SELECT %s::bigint AS id), {POINTS_OF_RUN} SELECT 1"


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

    def append(self, run: Run, points: Sequence[tuple[Any, ...]]) -> None:
        """Store points (`POINT_FIELDS`), each once, and of each metric the latest."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(_BOTH_AT_ONCE, [run.pk, points_as_json(points)])
                return
            rows = [(run.pk, *point) for point in points]
            cursor.executemany(f"{_POINTS} {_ONE} {_IF_NEW}", rows)
            cursor.executemany(f"{_LATEST} {_ONE} {_IF_LATER}", rows)


def points_as_json(points: Sequence[tuple[Any, ...]]) -> str:
    """Return points as JSON objects; what JSON cannot say is the text that it casts."""
    named = [dict(zip(POINT_FIELDS, point, strict=True)) for point in points]
    for point in named:
        if math.isinf(point["value"]):
            point["value"] = str(point["value"])
    return msgspec.json.encode(named).decode()


class Metric(models.Model):
    """SQLite has no NaN, so a NaN is stored as `is_nan` with the value 0 (as MLflow does).

    Points are written by the thousand, so one index does for all: in order of time.
    """

    run = models.ForeignKey(Run, models.PROTECT, related_name="metrics", db_index=False)
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
                fields=["run", "key", "timestamp_ms", "step", "value", "is_nan"],
                name="tracking_an_identical_point_is_stored_once",
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

    run = models.ForeignKey(
        Run, models.PROTECT, related_name="latest_metrics", db_index=False
    )
    key = models.CharField(max_length=250)
    value = models.FloatField()
    is_nan = models.BooleanField(default=False)
    timestamp_ms = models.BigIntegerField()
    step = models.BigIntegerField(default=0)

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
