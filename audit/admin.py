"""The log in the Django admin: to read, never to change."""

import json
from typing import TypeVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html

from audit.models import Event

Row = TypeVar("Row", bound=Model)


class ReadOnlyAdmin(admin.ModelAdmin[Row]):
    """Shows rows and changes none, not even for a superuser (governance rule R9)."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Row | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Row | None = None
    ) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    """Entries, newest first, for whoever may read the log."""

    list_display = ("index", "recorded_at", "kind", "subject", "actor")
    list_filter = ("kind",)
    search_fields = ("subject", "kind", "actor")
    ordering = ("-id",)
    list_select_related = ("entry",)
    fields = ("index", "recorded_at", "kind", "subject", "actor", "leaf", "content")
    readonly_fields = fields

    @admin.display(description="index", ordering="entry__index")
    def index(self, event: Event) -> str:
        return str(event.entry.index) if hasattr(event, "entry") else "pending"

    @admin.display(description="leaf hash")
    def leaf(self, event: Event) -> str:
        return bytes(event.leaf_hash).hex()

    @admin.display(description="entry")
    def content(self, event: Event) -> str:
        text = json.dumps(json.loads(bytes(event.body)), indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", text)
