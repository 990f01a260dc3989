"""Registered models, their versions and slots, each linked to the others."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from audit.admin import NOTHING, code, link, linked, moment, table, utc
from registry.admin.policies import in_force_since
from registry.admin.request_table import request_table
from registry.models import ModelVersion, RegisteredModel, Slot
from tracking.admin import VisibleRowsAdmin, link_to_person, person


@admin.register(RegisteredModel)
class RegisteredModelAdmin(VisibleRowsAdmin[RegisteredModel]):
    """The models of the workspaces that one sees."""

    subject_pattern = r"model/(?P<workspace__name>[^/]+)/(?P<name>.+)"
    list_display = (
        "name",
        "workspace",
        "tier_words",
        person("owner", "owner"),
        moment("created_at", "registered at"),
    )
    list_select_related = ("workspace", "owner")
    list_filter = ("tier",)
    ordering = ("name",)
    search_fields = ("name",)
    page = (
        "name",
        "workspace",
        "tier_words",
        "purpose",
        person("owner", "owner"),
        person("created_by", "registered by"),
        moment("created_at", "registered at"),
        "slots",
        "versions",
        "policies",
    )

    @admin.display(description="risk tier", ordering="tier")
    def tier_words(self, model: RegisteredModel) -> str:
        if model.tier is None:
            return "not classified"
        return f"{model.tier} ({model.get_tier_display().lower()})"

    @admin.display(description="in service")
    def slots(self, model: RegisteredModel) -> str:
        slots = model.slots.select_related("champion__registered_model")
        return table(
            ("environment", "version"),
            (
                (link(slot, slot.environment), link(slot.champion))
                for slot in slots.order_by("environment")
            ),
        )

    @admin.display(description="versions")
    def versions(self, model: RegisteredModel) -> str:
        versions = model.versions.select_related("registered_model", "source_run")
        return table(
            ("version", "source run", "registered at"),
            (
                (link(version), link(version.source_run), utc(version.created_at))
                for version in versions.order_by("-number")
            ),
        )

    @admin.display(description="policies")
    def policies(self, model: RegisteredModel) -> str:
        policies = model.policies.select_related("publication").order_by("-pk")
        return table(
            ("policy", "environment", "published at"),
            ((link(item), item.environment, in_force_since(item)) for item in policies),
        )


@admin.register(ModelVersion)
class ModelVersionAdmin(VisibleRowsAdmin[ModelVersion]):
    """Versions with the run and artifact that they come from, and where they went."""

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
        "requests",
        "reports",
    )

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


@admin.register(Slot)
class SlotAdmin(VisibleRowsAdmin[Slot]):
    """Which version serves where, and what served before."""

    list_display = (
        "__str__",
        linked("registered_model", "model"),
        "environment",
        linked("champion", "champion"),
    )
    list_select_related = ("registered_model", "champion__registered_model")
    list_filter = ("environment",)
    ordering = ("registered_model__name", "environment")
    page = (
        linked("registered_model", "model"),
        "environment",
        linked("champion", "champion"),
        "history",
    )

    @admin.display(description="promotions, newest first")
    def history(self, slot: Slot) -> str:
        promotions = slot.promotions.select_related(
            "request__model_version__registered_model",
            "superseded__registered_model",
            "promoted_by",
        )
        return table(
            ("version", "in place of", "request", "promoted by", "promoted at"),
            (
                (
                    link(promotion.request.model_version),
                    link(promotion.superseded),
                    link(promotion.request, promotion.request_id),
                    link_to_person(promotion.promoted_by),
                    utc(promotion.promoted_at),
                )
                for promotion in promotions.order_by("-pk")
            ),
        )
