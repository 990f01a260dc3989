"""MLflow's view types: which lifecycle stages a search is about."""

from enum import StrEnum
from typing import Annotated, TypeVar

from django.db.models import Model, QuerySet
from msgspec import Meta

from tracking.models.experiment import Lifecycle

Row = TypeVar("Row", bound=Model)


class ViewType(StrEnum):
    """The active ones, the archived ones, or all.

    In any letter case, or by its number in MLflow's protocol.
    """

    ACTIVE_ONLY = "ACTIVE_ONLY"
    DELETED_ONLY = "DELETED_ONLY"
    ALL = "ALL"

    @classmethod
    def _missing_(cls, value: object) -> "ViewType | None":
        word = str(value).upper()
        named = {str(number): view for number, view in enumerate(cls, start=1)}
        return named.get(word) or cls.__members__.get(word)


Number = Annotated[int, Meta(ge=1, le=len(ViewType))]


_STAGE = {
    ViewType.ACTIVE_ONLY: Lifecycle.ACTIVE,
    ViewType.DELETED_ONLY: Lifecycle.DELETED,
}


def in_view(rows: "QuerySet[Row]", view: ViewType | int) -> "QuerySet[Row]":
    view = ViewType(str(view))
    return rows if view == ViewType.ALL else rows.filter(lifecycle_stage=_STAGE[view])
