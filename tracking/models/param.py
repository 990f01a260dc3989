"""A param: one input of a run, immutable from the first write."""

from collections.abc import Iterable
from typing import ClassVar

from django.db import models

from tracking.models.pairs import by_value, insert_pairs
from tracking.models.run import Run


class ParamQuerySet(models.QuerySet["Param"]):
    """Questions about many params."""

    def append(self, run: Run, pairs: Iterable[tuple[str, str]]) -> None:
        """Store `(key, value)` for keys that have no value yet."""
        insert_pairs("tracking_param", run, pairs)


class Param(models.Model):
    """Append-only by trigger; another value for the same key is refused."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="params", db_index=False)
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=6000)

    objects = ParamQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "key"], name="tracking_a_param_has_one_value"
            )
        ]
        indexes: ClassVar = [by_value("tracking_params_by_value")]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"
