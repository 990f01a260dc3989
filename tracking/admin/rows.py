"""What every table of the admin shares that shows each person rows of their own."""

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from audit.admin import Cell, ReadOnlyAdmin, Row, link


def person(field: str, words: str) -> Cell:
    """Return a column with the full name of somebody, as a link to their account."""

    @admin.display(description=words, ordering=f"{field}__username")
    def shown(row: Model) -> str:
        return link_to_person(getattr(row, field))

    return shown


def link_to_person(user: User | None) -> str:
    return link(user, user and (user.get_full_name() or user.get_username()))


class VisibleRowsAdmin(ReadOnlyAdmin[Row]):
    """Shows each person the rows that they may see (`visible_to`) and no others."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Row]:
        rows: QuerySet[Row] = super().get_queryset(request)
        return rows.visible_to(request.user)  # type: ignore[attr-defined,no-any-return]  # every model here has it

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_view_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return self.has_module_permission(request)


def person_asking(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets nobody else in
    return request.user
