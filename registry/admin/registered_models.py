"""The inventory of models in the admin, each with its versions, slots and findings."""

from collections.abc import Iterable
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from audit.admin import NOTHING, badge, link, moment, table, utc
from registry.admin.after_promotion_forms import (
    AssessTierForm,
    OpenFindingForm,
    RetireModelForm,
)
from registry.admin.policies import in_force_since
from registry.models import RegisteredModel
from registry.permissions import may_open_finding
from registry.services.inventory import Serving, inventory
from registry.services.retirements import may_retire_still, models_that_stand_on
from registry.services.tiers import may_assess_tier
from tracking.admin.former_tags import former_tags
from tracking.admin.row_acts import Act, ActsAdmin
from tracking.admin.rows import link_to_person, person


def _seen(others: Iterable[RegisteredModel], model: Any) -> list[RegisteredModel]:
    return [other for other in others if other.pk in model.seen_beside]


@admin.register(RegisteredModel)
class RegisteredModelAdmin(ActsAdmin[RegisteredModel]):
    """The inventory: the models of the workspaces that one sees, and what is open."""

    subject_pattern = r"model/(?P<workspace__name>[^/]+)/(?P<name>.+)"
    list_display = (
        "name",
        "workspace",
        "tier_words",
        person("owner", "owner"),
        "champions",
        "open_findings",
        "next_revalidation",
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
        "card",
        "tiers",
        "stands_on_it",
        "slots",
        "findings",
        "versions",
        "policies",
        "former_tags",
    )
    acts: ClassVar[dict[str, Act]] = {
        "open-finding": Act(OpenFindingForm, may_open_finding),
        "assess-tier": Act(AssessTierForm, may_assess_tier),
        "retire": Act(RetireModelForm, may_retire_still),
    }

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> RegisteredModel:
        """Keep what is seen beside it: other models are named to nobody else."""
        model = super().get_object(request, object_id, from_field)
        seen = RegisteredModel.objects.visible_to(cast("User", request.user))
        model.seen_beside = set(seen.values_list("pk", flat=True))  # type: ignore[attr-defined]  # for `_seen`
        return model

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Read what the inventory says of the models on the page, all at once."""
        changelist = super().get_changelist_instance(request)
        shown = list(changelist.result_list)
        lines = inventory(shown, timezone.now(), user=cast("User", request.user))
        for model, line in zip(shown, lines, strict=True):
            model.line = line
        changelist.result_list = shown
        return changelist

    @admin.display(description="champions")
    def champions(self, model: Any) -> str:
        serving: tuple[Serving, ...] = model.line.serving
        return (
            ", ".join(f"{s.environment}: v{s.version.number}" for s in serving)
            or NOTHING
        )

    @admin.display(description="open findings")
    def open_findings(self, model: Any) -> str:
        counts: dict[str, int] = model.line.open_findings
        return ", ".join(f"{n} {severity}" for severity, n in counts.items()) or NOTHING

    @admin.display(description="to be validated again")
    def next_revalidation(self, model: Any) -> str:
        return utc(model.line.next_revalidation)

    @admin.display(description="card")
    def card(self, model: Any) -> str:
        card = model.cards.newest().with_people().first()
        if card is None:
            return "nobody has written one"
        named = [item.upstream for item in card.dependencies.all()]
        upstream = ", ".join(other.name for other in _seen(named, model))
        return table(
            ("number", "limits of use", "origin", "executive", "works with"),
            (
                (
                    card.number,
                    card.limits_of_use or NOTHING,
                    card.vendor or card.get_origin_display(),
                    link_to_person(card.executive) if card.executive else NOTHING,
                    upstream or NOTHING,
                ),
            ),
        )

    @admin.display(description="signed tiers, newest first")
    def tiers(self, model: RegisteredModel) -> str:
        return table(
            ("tier", "rationale", "exposure", "signed by", "signed at"),
            (
                (
                    signed.tier,
                    signed.rationale,
                    signed.exposure,
                    signed.printed_name,
                    utc(signed.signed_at),
                )
                for signed in model.tier_assessments.order_by("-pk")
            ),
        )

    @admin.display(description="models that stand on it")
    def stands_on_it(self, model: Any) -> str:
        standing = _seen(models_that_stand_on(model), model)
        return table(("model",), ((link(other),) for other in standing))

    @admin.display(description="findings, newest first")
    def findings(self, model: RegisteredModel) -> str:
        return table(
            ("finding", "severity", "state", "due"),
            (
                (
                    link(finding),
                    finding.severity,
                    badge(finding.state),
                    utc(finding.due_at),
                )
                for finding in model.findings.order_by("-pk")
            ),
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

    @admin.display(description="former tags")
    def former_tags(self, model: RegisteredModel) -> str:
        return former_tags(model.subjects)
