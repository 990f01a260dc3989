"""Policies as they were written, drafts and published ones."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

from audit.admin import NOTHING, code, linked, moment, utc
from registry.admin.request_table import request_table
from registry.models import Policy, PromotionRequest
from tracking.admin.rows import (
    VisibleRowsAdmin,
    link_to_person,
    person,
    person_asking,
)

MOST_LISTED = 100


@admin.register(Policy)
class PolicyAdmin(VisibleRowsAdmin[Policy]):
    """Policies, drafts and published ones, as they were written."""

    # A policy of tiers is called by its workspace, any other by its model too.
    subject_pattern = (
        r"policy/(?:(?P<workspace__name>[^/]+)|"
        r"(?P<registered_model__workspace__name>[^/]+)/"
        r"(?P<registered_model__name>.+))/(?P<name>[^/]+)/(?P<version>\d+)"
    )
    list_display = (
        "__str__",
        "workspace_name",
        linked("registered_model", "model"),
        "bound_tiers",
        "environment",
        person("author", "author"),
        "published",
    )
    list_select_related = (
        "registered_model__workspace",
        "workspace",
        "author",
        "publication",
    )
    search_fields = ("name", "registered_model__name")
    ordering = ("-id",)
    page = (
        "__str__",
        "workspace_name",
        linked("registered_model", "model"),
        "bound_tiers",
        "environment",
        person("author", "author"),
        moment("created_at", "drafted at"),
        "published",
        "published_by",
        code("digest", "digest"),
        "text",
        "requests",
    )

    @admin.display(description="in force since")
    def published(self, policy: Policy) -> str:
        return in_force_since(policy)

    @admin.display(description="published by")
    def published_by(self, policy: Policy) -> str:
        publication = getattr(policy, "publication", None)
        return link_to_person(publication.published_by) if publication else NOTHING

    @admin.display(description="document, as sent")
    def text(self, policy: Policy) -> str:
        return format_html("<pre>{}</pre>", policy.document.strip("\n"))

    @admin.display(description="workspace")
    def workspace_name(self, policy: Policy) -> str:
        return str(policy.home)

    @admin.display(description="tiers")
    def bound_tiers(self, policy: Policy) -> str:
        return ", ".join(str(tier) for tier in policy.tiers) or NOTHING

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Policy:
        """Keep who asks: a policy of tiers governs models that they may not see."""
        policy = super().get_object(request, object_id, from_field)
        policy.asked_by = person_asking(request)  # type: ignore[attr-defined]  # for `requests`
        return policy

    @admin.display(description="promotion requests, the newest")
    def requests(self, policy: Any) -> str:
        seen = PromotionRequest.objects.visible_to(policy.asked_by)
        requests = seen.filter(policy=policy).select_related(
            "model_version__registered_model", "requested_by"
        )
        return request_table(requests.order_by("-pk")[:MOST_LISTED])


def in_force_since(policy: Policy) -> str:
    """Return since when a policy binds, in words when it does not."""
    publication = getattr(policy, "publication", None)
    return utc(publication.published_at) if publication else "draft, binds nobody"
