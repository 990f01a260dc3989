"""MLflow's view types: which lifecycle stages a search is about."""

from enum import StrEnum
from typing import TypeVar

from django.db.models import Model, QuerySet

from tracking.models.experiment import Lifecycle

Row = TypeVar("Row", bound=Model)


class ViewType(StrEnum):
    """The active ones, the archived ones, or all."""

    ACTIVE_ONLY = "ACTIVE_ONLY"
    DELETED_ONLY = "DELETED_ONLY"
    ALL = "ALL"


_STAGE = {
    ViewType.ACTIVE_ONLY: Lifecycle.ACTIVE,
    ViewType.DELETED_ONLY: Lifecycle.DELETED,
}


def in_view(rows: "QuerySet[Row]", view: ViewType) -> "QuerySet[Row]":
    return rows if view == ViewType.ALL else rows.filter(lifecycle_stage=_STAGE[view])
