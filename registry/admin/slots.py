"""Slots in the admin: who serves, who did before, and who runs beside."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from audit.admin import NOTHING, badge, link, linked, table, utc
from registry.admin.after_promotion_forms import RevalidateForm, RollBackForm
from registry.admin.made_of import made_of
from registry.models import Slot
from registry.services.decisions import decide
from registry.services.revalidations import may_revalidate
from registry.services.rollbacks import may_go_back
from tracking.admin.row_acts import Act, ActsAdmin
from tracking.admin.rows import link_to_person


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
        "lineage",
        "history",
        "rollbacks",
        "challengers",
    )
    subject_pattern = (
        r"slot/(?P<registered_model__workspace__name>[^/]+)/"
        r"(?P<registered_model__name>.+)/(?P<environment>[^/]+)"
    )
    acts: ClassVar[dict[str, Act]] = {
        "roll-back": Act(RollBackForm, may_go_back),
        "revalidate": Act(RevalidateForm, may_revalidate),
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

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Slot:
        """Keep who asks, because lineage tells each of the runs that they may see."""
        slot = super().get_object(request, object_id, from_field)
        slot.asked_by = request.user  # type: ignore[attr-defined]  # for `lineage`
        return slot

    @admin.display(description="what serves was made of")
    def lineage(self, slot: Any) -> str:
        serving = slot.serving(timezone.now())
        return made_of(serving, user=slot.asked_by) if serving else NOTHING

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
