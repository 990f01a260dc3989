"""Policies as they were written, drafts and published ones."""

from django.contrib import admin
from django.utils.html import format_html

from audit.admin import NOTHING, code, linked, moment, utc
from registry.admin.request_table import request_table
from registry.models import Policy
from tracking.admin.rows import VisibleRowsAdmin, link_to_person, person


@admin.register(Policy)
class PolicyAdmin(VisibleRowsAdmin[Policy]):
    """Policies, drafts and published ones, as they were written."""

    subject_pattern = (
        r"policy/(?P<registered_model__workspace__name>[^/]+)/"
        r"(?P<registered_model__name>[^/]+)/(?P<name>.+)/(?P<version>\d+)"
    )
    list_display = (
        "__str__",
        linked("registered_model", "model"),
        "environment",
        person("author", "author"),
        "published",
    )
    list_select_related = ("registered_model", "author", "publication")
    search_fields = ("name", "registered_model__name")
    ordering = ("-id",)
    page = (
        "__str__",
        linked("registered_model", "model"),
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

    @admin.display(description="promotion requests")
    def requests(self, policy: Policy) -> str:
        requests = policy.promotion_requests.select_related(
            "model_version__registered_model", "requested_by"
        )
        return request_table(requests.order_by("-pk"))


def in_force_since(policy: Policy) -> str:
    """Return since when a policy binds, in words when it does not."""
    publication = getattr(policy, "publication", None)
    return utc(publication.published_at) if publication else "draft, binds nobody"
