"""Accounts, workspaces and runs in the Django admin: to read, never to change.

Accounts and roles change by services, which write an entry; Django's own forms would
change them without one.
"""

from collections.abc import Iterable

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from audit.admin import ReadOnlyAdmin, Row
from tracking.models import Experiment, Run

admin.site.unregister(Group)
admin.site.unregister(User)


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


@admin.register(User)
class UserAdmin(ReadOnlyAdmin[User]):
    """Who has an account, in which roles."""

    list_display = ("username", "get_full_name", "roles", "is_active", "is_superuser")
    search_fields = ("username", "first_name", "last_name")
    fields = (
        "username",
        "first_name",
        "last_name",
        "roles",
        "is_active",
        "is_superuser",
        "last_login",
        "date_joined",
    )
    readonly_fields = ("roles",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all())) or "none"


@admin.register(Experiment)
class ExperimentAdmin(VisibleRowsAdmin[Experiment]):
    """Experiments of the workspaces that one sees."""

    list_display = ("name", "workspace", "lifecycle_stage", "created_by", "created_at")
    list_select_related = ("workspace", "created_by")
    search_fields = ("name",)


@admin.register(Run)
class RunAdmin(VisibleRowsAdmin[Run]):
    """Runs with their params, latest metrics and artifacts."""

    list_display = ("name", "run_id", "experiment", "status", "created_by", "ended_at")
    list_select_related = ("experiment", "created_by")
    list_filter = ("status",)
    search_fields = ("name", "run_id")
    ordering = ("-started_at",)
    fields = (
        "name",
        "run_id",
        "experiment",
        "status",
        "created_by",
        "started_at",
        "ended_at",
        "frozen_at",
        "params",
        "metrics",
        "artifacts",
    )
    readonly_fields = fields

    @admin.display(description="params")
    def params(self, run: Run) -> SafeString:
        return _lines(run.params.order_by("key").values_list("key", "value"))

    @admin.display(description="latest metrics")
    def metrics(self, run: Run) -> SafeString:
        latest = run.metrics.latest_of_each_key()
        return _lines((point.key, f"{point.number:.6g}") for point in latest)

    @admin.display(description="artifacts")
    def artifacts(self, run: Run) -> SafeString:
        return _lines(run.artifacts.current().values_list("path", "sha256"))


def _lines(pairs: Iterable[tuple[str, str]]) -> SafeString:
    return format_html_join("", "<div>{}: <code>{}</code></div>", pairs) or SafeString(
        "none"
    )
