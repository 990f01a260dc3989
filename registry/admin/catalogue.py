"""Registered models, their versions and slots, each linked to the others."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from audit.admin import NOTHING, badge, code, link, linked, moment, table, utc
from registry.admin.after_promotion_forms import (
    AddChallengerForm,
    AskToBreakGlassForm,
    AssessTierForm,
    OpenFindingForm,
    RemoveChallengerForm,
    RetireModelForm,
    RetireVersionForm,
    RevalidateForm,
    RollBackForm,
)
from registry.admin.policies import in_force_since
from registry.admin.request_table import request_table
from registry.lineage import lineage_of_version
from registry.models import ModelVersion, RegisteredModel, Retirement, Slot
from registry.models.sign_off import SignerRole
from registry.permissions import (
    may_break_glass,
    may_describe_model,
    may_open_finding,
    may_request_promotion,
    may_retire,
    may_roll_back,
    may_sign_as,
)
from registry.services.decisions import decide
from registry.services.inventory import Serving, inventory
from registry.services.retirements import models_that_stand_on
from tracking.admin.row_acts import Act, ActsAdmin
from tracking.admin.rows import link_to_person, person


def _seen(others: Iterable[RegisteredModel], model: Any) -> list[RegisteredModel]:
    return [other for other in others if other.pk in model.seen_beside]


def _of_model(
    may: Callable[[User, RegisteredModel], bool],
) -> Callable[[User, Any], bool]:
    """Return a predicate on a version or a slot that asks about its model."""
    return lambda actor, row: may(actor, row.registered_model)


def _may_ask_to_break_glass(actor: User, model: RegisteredModel) -> bool:
    roles = (SignerRole.OWNER, SignerRole.RISK)
    return any(may_break_glass(actor, role, model) for role in roles)


def _may_validate(actor: User, model: RegisteredModel) -> bool:
    return may_sign_as(actor, SignerRole.VALIDATOR, model)


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
    )
    acts: ClassVar[dict[str, Act]] = {
        "open-finding": Act(OpenFindingForm, may_open_finding),
        "assess-tier": Act(AssessTierForm, may_describe_model),
        "retire": Act(RetireModelForm, may_retire),
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


@admin.register(ModelVersion)
class ModelVersionAdmin(ActsAdmin[ModelVersion]):
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
        "retired",
        "lineage",
        "requests",
        "reports",
    )
    acts: ClassVar[dict[str, Act]] = {
        "add-challenger": Act(AddChallengerForm, _of_model(may_request_promotion)),
        "remove-challenger": Act(
            RemoveChallengerForm, _of_model(may_request_promotion)
        ),
        "break-glass": Act(AskToBreakGlassForm, _of_model(_may_ask_to_break_glass)),
        "retire": Act(RetireVersionForm, _of_model(may_retire)),
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
        made_of = lineage_of_version(version, user=version.asked_by)
        code = made_of.code
        named = [
            (use.context or "dataset", f"{use.dataset.name}@{use.dataset.digest}")
            for use in made_of.datasets
        ]
        named += [
            (f"{step.depth} step(s) before", f"{other.name}@{other.digest}")
            for step in made_of.origins.steps
            for other in step.datasets
        ]
        if code:
            named.append(("commit", code.commit or "not stated"))
            named.append(("code", code.entry_point or "not stated"))
        return table(("what", "name and digest"), named)

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
class SlotAdmin(ActsAdmin[Slot]):
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
        "standing",
        "history",
        "rollbacks",
        "challengers",
    )
    subject_pattern = (
        r"slot/(?P<registered_model__workspace__name>[^/]+)/"
        r"(?P<registered_model__name>.+)/(?P<environment>[^/]+)"
    )
    acts: ClassVar[dict[str, Act]] = {
        "roll-back": Act(RollBackForm, _of_model(may_roll_back)),
        "revalidate": Act(RevalidateForm, _of_model(_may_validate)),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        return super().get_queryset(request).with_champion()  # type: ignore[attr-defined,no-any-return]  # its own QuerySet

    @admin.display(description="may it serve now?")
    def standing(self, slot: Slot) -> str:
        now = timezone.now()
        serving = slot.serving(now)
        if serving is None:
            return NOTHING
        decided = decide(serving, environment=slot.environment, now=now)
        said = [*decided.reasons, *decided.warnings]
        return format_html(
            "{} {}", badge(decided.answer), " ".join(reason.sentence for reason in said)
        )

    @admin.display(description="rollbacks, newest first")
    def rollbacks(self, slot: Slot) -> str:
        undone = slot.rollbacks.select_related(
            "rolled_back__registered_model", "rolled_back_by", "freeze__slot"
        )
        return table(
            ("rolled back", "reason", "by", "at", "freeze"),
            (
                (
                    link(rollback.rolled_back),
                    rollback.reason,
                    link_to_person(rollback.rolled_back_by),
                    utc(rollback.rolled_back_at),
                    link(rollback.freeze, rollback.freeze.pk),
                )
                for rollback in undone.order_by("-pk")
            ),
        )

    @admin.display(description="challengers that were tried")
    def challengers(self, slot: Slot) -> str:
        tried = slot.challengers.select_related(
            "model_version__registered_model", "removal"
        )
        same = {True: "yes", False: "no", None: NOTHING}
        return table(
            ("number", "version", "same datasets", "added at", "withdrawn at"),
            (
                (
                    challenger.number,
                    link(challenger.model_version),
                    same[challenger.same_datasets],
                    utc(challenger.added_at),
                    utc(challenger.removal.removed_at)
                    if hasattr(challenger, "removal")
                    else NOTHING,
                )
                for challenger in tried.order_by("-number")
            ),
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
