"""Versions in the admin: what each was made of, and where it went."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from audit.admin import NOTHING, code, link, linked, moment, table, utc
from registry.admin.after_promotion_forms import (
    AddChallengerForm,
    AskToBreakGlassForm,
    RemoveChallengerForm,
    RetireVersionForm,
)
from registry.admin.dependants import DependantsAdmin
from registry.admin.made_of import made_of
from registry.admin.request_table import request_table
from registry.models import ModelVersion, Retirement
from registry.services.break_glass import may_ask_to_break_glass
from registry.services.retirements import may_retire_still
from registry.services.slots import may_add_challenger, may_remove_challenger
from tracking.admin.former_tags import former_tags
from tracking.admin.row_acts import Act
from tracking.admin.rows import link_to_person, person


@admin.register(ModelVersion)
class ModelVersionAdmin(DependantsAdmin):
    """Versions with the run and artifact that they come from, and where they went."""

    change_list_template = "admin/registry/model_versions.html"
    subject_pattern = (
        r"version/(?P<registered_model__workspace__name>[^/]+)/"
        r"(?P<registered_model__name>.+)/(?P<number>\d+)"
    )
    list_display = (
        "__str__",
        "environments",
        linked("source_run", "source run"),
        "short_sha256",
        person("created_by", "registered by"),
        moment("created_at", "registered at"),
    )
    list_select_related = ("registered_model", "source_run", "created_by")
    search_fields = ("registered_model__name", "artifact_sha256")
    search_help_text = "Search by the name of the model or the artifact's SHA-256."
    ordering = ("-id",)
    page = (
        linked("registered_model", "model"),
        "number",
        "serves",
        linked("source_run", "source run"),
        "artifact",
        code("artifact_sha256", "artifact SHA-256"),
        person("created_by", "registered by"),
        moment("created_at", "registered at"),
        "retired",
        "lineage",
        "requests",
        "reports",
        "former_tags",
    )
    acts: ClassVar[dict[str, Act]] = {
        "add-challenger": Act(AddChallengerForm, may_add_challenger),
        "remove-challenger": Act(RemoveChallengerForm, may_remove_challenger),
        "break-glass": Act(AskToBreakGlassForm, may_ask_to_break_glass),
        "retire": Act(
            RetireVersionForm,
            lambda actor, version: may_retire_still(
                actor, version.registered_model, version
            ),
        ),
    }

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> ModelVersion:
        """Keep who asks, because lineage tells each of the runs that they may see."""
        version = super().get_object(request, object_id, from_field)
        version.asked_by = request.user  # type: ignore[attr-defined]  # for `lineage`
        return version

    @admin.display(description="retired")
    def retired(self, version: ModelVersion) -> str:
        retirement = Retirement.objects.of_version(version).first()
        if retirement is None:
            return "no"
        at, name = utc(retirement.retired_at), retirement.printed_name
        return f"{at}, by {name}: {retirement.reason}"

    @admin.display(description="made of")
    def lineage(self, version: Any) -> str:
        return made_of(version, user=version.asked_by)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        return super().get_queryset(request).prefetch_related("slots")

    @admin.display(description="serves in")
    def environments(self, version: ModelVersion) -> str:
        names = sorted(slot.environment for slot in version.slots.all())
        return ", ".join(names) or NOTHING

    @admin.display(description="artifact SHA-256")
    def short_sha256(self, version: ModelVersion) -> str:
        if version.artifact_sha256 is None:
            return NOTHING
        return format_html("<code>{}…</code>", version.artifact_sha256[:12])

    @admin.display(description="serves in")
    def serves(self, version: ModelVersion) -> str:
        slots = version.slots.order_by("environment")
        return table(
            ("environment",), ((link(slot, slot.environment),) for slot in slots)
        )

    @admin.display(description="promotion requests")
    def requests(self, version: ModelVersion) -> str:
        requests = version.promotion_requests.select_related(
            "model_version__registered_model", "requested_by"
        )
        return request_table(requests.order_by("-pk"))

    @admin.display(description="former tags")
    def former_tags(self, version: ModelVersion) -> str:
        return former_tags(version.subjects(version.registered_model.subjects))

    @admin.display(description="lineage reports")
    def reports(self, version: ModelVersion) -> str:
        workspace = version.registered_model.workspace.name
        orders = version.report_orders.filter(report__isnull=False)
        return table(
            ("PDF", "ordered by", "produced at"),
            (
                (
                    format_html(
                        '<a href="/w/{}/api/v1/reports/{}/document/">report {}</a>',
                        workspace,
                        order.pk,
                        order.pk,
                    ),
                    link_to_person(order.ordered_by),
                    utc(order.report.produced_at),
                )
                for order in orders.select_related("report", "ordered_by")
            ),
        )
