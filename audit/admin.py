"""The log in the Django admin, and what every read-only page of the admin shares.

Nothing is added, changed or deleted here; the few acts that there are have pages of
their own, which call services.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import BigIntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast, Substr
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from audit.models import Event, Verification

Row = TypeVar("Row", bound=Model)
Cell = Callable[[Any], str]

NOTHING = "–"  # noqa: RUF001 - an en dash, as in the reports


def utc(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else NOTHING


def page_of(row: Model) -> str:
    """Return the path of the row's own page."""
    name = f"{row._meta.app_label}_{row._meta.model_name}"
    return reverse(f"admin:{name}_change", args=[row.pk])


def link(row: Model | None, words: object = None) -> str:
    """Print a row as a link to its page."""
    if row is None:
        return NOTHING
    return format_html('<a href="{}">{}</a>', page_of(row), words or row)


def moment(field: str, words: str) -> Cell:
    """Return a column that prints a time in full and in UTC, as the log does."""

    @admin.display(description=words, ordering=field)
    def shown(row: Model) -> str:
        return utc(getattr(row, field))

    return shown


def linked(field: str, words: str) -> Cell:
    """Return a column that links to the row behind a foreign key."""

    @admin.display(description=words, ordering=field)
    def shown(row: Model) -> str:
        return link(getattr(row, field))

    return shown


def code(field: str, words: str) -> Cell:
    """Return a column for a digest or an id, in fixed pitch."""

    @admin.display(description=words, ordering=field)
    def shown(row: Model) -> str:
        return format_html("<code>{}</code>", getattr(row, field))

    return shown


def badge(value: str) -> SafeString:
    """Print a state or an outcome in its colour, and in words for those who see none."""
    return format_html(
        '<span class="attestry-state attestry-{}">{}</span>',
        value,
        value.replace("_", " "),
    )


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Print rows below their headings, or a dash when there are none."""
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", "<td>{}</td>", zip(row, strict=True)),) for row in rows),
    )
    if not body:
        return NOTHING
    head = format_html_join("", '<th scope="col">{}</th>', zip(headings, strict=True))
    return format_html(
        '<table class="attestry-table"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table>",
        head,
        body,
    )


class ReadOnlyAdmin(admin.ModelAdmin[Row]):
    """Shows rows and changes none, not even for a superuser (governance rule R9).

    `page` names the fields and columns that a row's own page prints. `subject_pattern`
    matches what entries of the log call a row; its groups are lookups.
    """

    actions = None
    change_form_template = "admin/read_only.html"
    page: ClassVar[tuple[str | Cell, ...]] = ()
    subject_pattern: ClassVar[str] = ""

    def get_fields(self, request: HttpRequest, obj: Row | None = None) -> Any:
        return self.page

    def get_readonly_fields(self, request: HttpRequest, obj: Row | None = None) -> Any:
        return self.page

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

    def subject_of(self, row: Row) -> str | None:
        """Return what entries of the log call this row."""
        return getattr(row, "subject", None)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Row:
        """Answer 404: Django's own "perhaps it was deleted?" cannot be true here."""
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404
        return row

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["entries"] = self._entries(request, context["original"])
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Lead to the log: Django's own history knows nothing of our services."""
        entries = self._entries(request, self.get_object(request, object_id))
        if entries is None:
            raise PermissionDenied
        return HttpResponseRedirect(entries)

    def _entries(self, request: HttpRequest, row: Row) -> str | None:
        subject = self.subject_of(row)
        if subject is None or not request.user.has_perm("audit.view_event"):
            return None
        return entries_about(subject)


def entries_about(subject: str) -> str:
    """Return the path of the log's entries about one subject."""
    query = urlencode({"subject": subject})
    return f"{reverse('admin:audit_event_changelist')}?{query}"


def row_named(subject: str) -> Model | None:
    """Return the row that an entry of the log names, if it has a page."""
    for model in apps.get_models():
        if not admin.site.is_registered(model):
            continue
        model_admin = admin.site.get_model_admin(model)
        if isinstance(model_admin, ReadOnlyAdmin):
            named = re.fullmatch(model_admin.subject_pattern, subject)
            if named and model_admin.subject_pattern:
                return model._default_manager.filter(**named.groupdict()).first()
    return None


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    """Entries, newest first, for whoever may read the log."""

    list_display = (
        "index",
        moment("recorded_at", "recorded at"),
        "kind",
        "trail",
        "by",
    )
    list_filter = ("kind",)
    search_fields = ("subject", "kind")
    search_help_text = "Search in subjects and kinds."
    ordering = ("-id",)
    list_select_related = ("entry",)
    page = (
        "index",
        moment("recorded_at", "recorded at"),
        "kind",
        "about",
        "who",
        "leaf",
        "content",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        person = User.objects.filter(
            pk=Cast(Substr(OuterRef("actor"), len("user/") + 1), BigIntegerField())
        )
        return (
            super()
            .get_queryset(request)
            .annotate(username=Subquery(person.values("username")[:1]))
        )

    def subject_of(self, row: Event) -> str | None:
        return row.subject

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        about = request.GET.get("subject")
        subtitle = {"subtitle": f"About {about}"} if about else {}
        return super().changelist_view(request, subtitle | (extra_context or {}))

    @admin.display(description="index", ordering="entry__index")
    def index(self, event: Event) -> str:
        return str(event.entry.index) if hasattr(event, "entry") else "pending"

    @admin.display(description="by", ordering="actor")
    def by(self, event: Event) -> str:
        return f"{getattr(event, 'username', None) or NOTHING} ({event.actor})"

    @admin.display(description="subject", ordering="subject")
    def trail(self, event: Event) -> str:
        path = entries_about(event.subject)
        return format_html('<a href="{}">{}</a>', path, event.subject)

    @admin.display(description="about")
    def about(self, event: Event) -> str:
        row = row_named(event.subject)
        return link(row, event.subject) if row else event.subject

    @admin.display(description="by")
    def who(self, event: Event) -> str:
        row = row_named(event.actor)
        return link(row, self.by(event)) if row else self.by(event)

    @admin.display(description="leaf hash")
    def leaf(self, event: Event) -> str:
        return format_html("<code>{}</code>", bytes(event.leaf_hash).hex())

    @admin.display(description="entry, as hashed")
    def content(self, event: Event) -> str:
        text = json.dumps(json.loads(bytes(event.body)), indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", text)


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin[Verification]):
    """What verifications found, newest first, for whoever may read the log."""

    list_display = (
        moment("finished_at", "finished at"),
        "mode",
        "found",
        "size",
        "first_bad_index",
    )
    list_filter = ("is_intact", "mode")
    ordering = ("-id",)
    page = (
        "log",
        "mode",
        moment("started_at", "started at"),
        moment("finished_at", "finished at"),
        "size",
        "found",
        "first_bad_index",
        "saw_guard",
        "what_differs",
    )

    def has_view_permission(
        self, request: HttpRequest, obj: Verification | None = None
    ) -> bool:
        return request.user.has_perm("audit.view_event")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.display(description="found", ordering="is_intact")
    def found(self, row: Verification) -> str:
        return badge("pass" if row.is_intact else "fail")

    @admin.display(description="what differs")
    def what_differs(self, row: Verification) -> str:
        if not row.faults:
            return NOTHING
        lines = ((line,) for line in row.faults.splitlines())
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", lines))
