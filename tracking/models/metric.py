"""A metric point, append-only; and of each metric the latest point, for searches."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from tracking.models.run import Run


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
