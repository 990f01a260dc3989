"""Accounts, experiments and runs in the Django admin: to read, never to change.

Accounts and roles change by services, which write an entry; Django's own forms would
change them without one.
"""

from collections.abc import Callable
from typing import ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.db.models import Model, Prefetch, Q, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from audit.admin import (
    NOTHING,
    Cell,
    ReadOnlyAdmin,
    Row,
    badge,
    code,
    link,
    linked,
    moment,
    page_of,
    table,
    utc,
)
from audit.errors import DomainError
from tracking.completeness import completeness
from tracking.evidence import read_content
from tracking.hierarchy import nested_in
from tracking.metadata_rules import violations
from tracking.models import (
    Experiment,
    MetadataTemplate,
    Reproduction,
    RoleGrant,
    Run,
    Workspace,
)
from tracking.models.experiment import Lifecycle
from tracking.models.tag import PARENT_TAG
from tracking.permissions import Role, may_ask_for_grants
from tracking.reproduction import open_claim
from tracking.services.role_grants import approve_role, ask_for_role
from tracking.services.roles import revoke_grant

MOST_CHILDREN = 200

admin.site.unregister(Group)
admin.site.unregister(User)


def person(field: str, words: str) -> Cell:
    """Return a column with the full name of somebody, as a link to their account."""

    @admin.display(description=words, ordering=f"{field}__username")
    def shown(row: Model) -> str:
        return link_to_person(getattr(row, field))

    return shown


def link_to_person(user: User | None) -> str:
    return link(user, user and (user.get_full_name() or user.get_username()))


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
class UserAdmin(VisibleRowsAdmin[User]):
    """Who has an account, in which roles, for those who share a workspace with them."""

    subject_pattern = r"user/(?P<pk>\d+)"
    list_display = ("username", "full_name", "roles", "is_active", "is_superuser")
    ordering = ("username",)
    search_fields = ("username", "first_name", "last_name")
    page = (
        "username",
        "full_name",
        "roles",
        "is_active",
        "is_superuser",
        moment("date_joined", "account created"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        shared = Q(pk=None)
        for workspace in Workspace.objects.visible_to(_user(request)):
            shared |= Q(name__startswith=f"{workspace.name}:")
        groups = Group.objects.filter(shared)
        users = User.objects.prefetch_related(Prefetch("groups", groups))
        if request.user.has_perm("auth.view_user"):
            return users
        return users.filter(groups__in=groups).distinct()

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        """Refuse them all: a filter on `password` would tell the hash bit by bit."""
        return False

    def subject_of(self, row: User) -> str:
        return f"user/{row.pk}"

    @admin.display(description="full name", ordering="first_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or NOTHING

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all())) or "none"


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets nobody else in
    return request.user


class AskForRoleForm(forms.Form):
    """A role in a workspace, or below a prefix; the API grants on single objects too."""

    account = forms.CharField(max_length=150, label="Username")
    workspace = forms.ModelChoiceField(Workspace.objects.none(), to_field_name="name")
    role = forms.TypedChoiceField(choices=Role.choices, coerce=Role)
    names_begin = forms.CharField(
        max_length=200,
        required=False,
        label="Names begin with",
        help_text="Only for experiments and models whose names begin so; empty: for all.",
    )
    reason = forms.CharField(max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, data: QueryDict | None, *, actor: User) -> None:
        super().__init__(data)
        self.actor = actor
        asked_in = [
            workspace.pk
            for workspace in Workspace.objects.visible_to(actor)
            if may_ask_for_grants(actor, workspace)
        ]
        field = self.fields["workspace"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - as declared above
        field.queryset = Workspace.objects.filter(pk__in=asked_in)

    def clean_account(self) -> User:
        username = self.cleaned_data["account"]
        account = User.objects.filter(username=username, is_active=True).first()
        if account is None:
            raise forms.ValidationError("There is no such active account.")
        return account

    def ask(self) -> RoleGrant | None:
        """Ask, or say above the form why not."""
        try:
            return ask_for_role(
                self.cleaned_data["account"],
                role=self.cleaned_data["role"],
                workspace=self.cleaned_data["workspace"],
                on=self.cleaned_data["names_begin"] or None,
                reason=self.cleaned_data["reason"],
                actor=self.actor,
            )
        except DomainError as refusal:
            self.add_error(None, refusal.detail)
        return None


@admin.register(RoleGrant)
class RoleGrantAdmin(VisibleRowsAdmin[RoleGrant]):
    """Who has which role, who asked and who approved; the two acts are buttons."""

    change_form_template = "admin/tracking/role_grant.html"
    change_list_template = "admin/tracking/role_grants.html"
    list_display = (
        person("account", "account"),
        "role",
        "covers",
        "standing",
        moment("effective_at", "in effect from"),
        person("asked_by", "asked by"),
    )
    list_display_links = ("role",)
    list_filter = ("state", "role")
    list_select_related = ("workspace", "account", "asked_by", "approved_by")
    ordering = ("-id",)
    page = (
        person("account", "account"),
        "role",
        "covers",
        "standing",
        "reason",
        "by_installation",
        person("asked_by", "asked by"),
        moment("asked_at", "asked at"),
        "approver",
        moment("approved_at", "approved at"),
        moment("effective_at", "in effect from"),
        moment("ended_at", "ended at"),
    )

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        return lookup in {"state__exact", "role__exact"}

    def subject_of(self, row: RoleGrant) -> str:
        return row.workspace.subject

    @admin.display(description="state", ordering="state")
    def standing(self, grant: RoleGrant) -> str:
        return badge(grant.state)

    @admin.display(description="approved by")
    def approver(self, grant: RoleGrant) -> str:
        return link_to_person(grant.approved_by) if grant.approved_by else NOTHING

    def get_urls(self) -> list[URLPattern]:
        acts = {"approve": self.approve_view, "revoke": self.revoke_view}
        own = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"tracking_rolegrant_{name}",
            )
            for name, view in acts.items()
        ]
        own.append(
            path(
                "ask/",
                self.admin_site.admin_view(self.ask_view),
                name="tracking_rolegrant_ask",
            )
        )
        return own + super().get_urls()

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        form = AskForRoleForm(request.POST or None, actor=_user(request))
        grant = form.ask() if form.is_valid() else None
        if grant is not None:
            return HttpResponseRedirect(page_of(grant))
        context = {
            **self.admin_site.each_context(request),
            "title": "Ask for a role",
            "opts": self.opts,
            "form": form,
        }
        return TemplateResponse(request, "admin/tracking/ask_for_role.html", context)

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._act(request, pk, approve_role)

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._act(request, pk, revoke_grant)

    def _act(
        self, request: HttpRequest, pk: int, act: Callable[..., object]
    ) -> HttpResponse:
        grant = self.get_queryset(request).filter(pk=pk).first()
        if grant is None:
            raise Http404
        try:
            act(grant, actor=_user(request))
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
        return HttpResponseRedirect(page_of(grant))


@admin.register(Experiment)
class ExperimentAdmin(VisibleRowsAdmin[Experiment]):
    """Experiments of the workspaces that one sees."""

    subject_pattern = r"experiment/(?P<workspace__name>[^/]+)/(?P<pk>\d+)"
    list_display = (
        "name",
        "workspace",
        "lifecycle_stage",
        person("created_by", "created by"),
        moment("created_at", "created at"),
    )
    list_select_related = ("workspace", "created_by")
    ordering = ("name",)
    search_fields = ("name",)
    page = (
        "name",
        "workspace",
        "lifecycle_stage",
        person("created_by", "created by"),
        moment("created_at", "created at"),
        "runs",
        "asks_for",
    )

    @admin.display(description="runs")
    def runs(self, experiment: Experiment) -> str:
        path = reverse("admin:tracking_run_changelist")
        return format_html(
            '<a href="{}?experiment__id__exact={}">{}</a>',
            path,
            experiment.pk,
            f"{experiment.runs.count():,}",
        )

    @admin.display(description="runs must have")
    def asks_for(self, experiment: Experiment) -> str:
        template = MetadataTemplate.objects.newest_of(experiment)
        shown = [
            (field["kind"], field["key"], "yes" if field["required"] else "if there")
            for field in template.fields
        ]
        shown += [("artifact", pattern, "yes") for pattern in template.artifacts]
        if template.blocks_registration:
            shown.append(("without it", "no version is registered", NOTHING))
        return table(("kind", "name", "required"), shown)


@admin.register(Run)
class RunAdmin(VisibleRowsAdmin[Run]):
    """Runs with everything that was logged, each metric by its latest point."""

    subject_pattern = r"run/(?P<run_id>[0-9a-f]+)"
    list_display = (
        "name",
        "short_id",
        linked("experiment", "experiment"),
        "state",
        person("created_by", "created by"),
        moment("ended_at", "ended at"),
    )
    list_select_related = ("experiment", "created_by")
    list_filter = ("status",)
    search_fields = ("name", "run_id")
    ordering = ("-started_at", "-pk")
    page = (
        "name",
        code("run_id", "run id"),
        linked("experiment", "experiment"),
        "state",
        person("created_by", "created by"),
        moment("started_at", "started at"),
        moment("ended_at", "ended at"),
        moment("frozen_at", "frozen at"),
        "sealed_by",
        "parent",
        "children",
        "versions",
        "lacks",
        "complete",
        "reproductions",
        "claim",
        "datasets",
        "params",
        "metrics",
        "tags",
        "artifacts",
    )
    # The experiment's page links here with its id.
    ALLOWED: ClassVar = {"experiment__id__exact", "status__exact"}

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        return lookup in self.ALLOWED

    @admin.display(description="run id", ordering="run_id")
    def short_id(self, run: Run) -> str:
        return format_html("<code>{}…</code>", run.run_id[:8])

    @admin.display(description="status", ordering="status")
    def state(self, run: Run) -> str:
        return badge(run.status.lower())

    @admin.display(description="latest seal")
    def sealed_by(self, run: Run) -> str:
        seal = run.seals.order_by("pk").last()
        return format_html("<code>{}</code>", seal.digest) if seal else NOTHING

    # Whoever sees this page sees the runs of its experiment, and perhaps no others.
    @admin.display(description="nested in")
    def parent(self, run: Run) -> str:
        claim = run.tags.filter(key=PARENT_TAG).first()
        if claim is None:
            return NOTHING
        siblings = Run.objects.filter(experiment=run.experiment_id)
        parent = siblings.filter(run_id=claim.value).exclude(pk=run.pk).first()
        return link(parent) if parent else format_html("<code>{}</code>", claim.value)

    @admin.display(description="runs nested in it")
    def children(self, run: Run) -> str:
        nested = Run.objects.filter(
            pk__in=nested_in([run.run_id]).values("run"),
            experiment=run.experiment_id,
            lifecycle_stage=Lifecycle.ACTIVE,
        )
        found = nested.order_by("started_at", "pk")[: MOST_CHILDREN + 1]
        rows: list[tuple[str, str, str]] = [
            (link(child), badge(child.status.lower()), utc(child.ended_at))
            for child in found[:MOST_CHILDREN]
        ]
        if len(found) > MOST_CHILDREN:
            rows.append(("… and more", NOTHING, NOTHING))
        return table(("run", "status", "ended at"), rows)

    @admin.display(description="model versions")
    def versions(self, run: Run) -> str:
        versions = run.model_versions.select_related("registered_model")
        return table(("version",), ((link(version),) for version in versions))

    @admin.display(description="against its template")
    def lacks(self, run: Run) -> str:
        return table(
            ("violation", "what to do"),
            ((found.code, found.sentence) for found in violations(run)),
        )

    @admin.display(description="completeness")
    def complete(self, run: Run) -> str:
        template = MetadataTemplate.objects.newest_of(run.experiment)
        found = completeness(read_content(run), template)
        rows = [
            (
                str(part.category),
                f"{part.score:.0%}",
                ", ".join(part.missing) or NOTHING,
            )
            for part in found.categories
        ]
        tree = {True: "differs from its commit", False: "as committed", None: "unknown"}
        kept = "diff kept" if found.is_diff_kept else "no diff kept"
        rows.append(("overall", f"{found.score:.0%}", NOTHING))
        rows.append(("working tree", tree[found.is_dirty], kept))
        return table(("category", "score", "missing"), rows)

    @admin.display(description="claim")
    def claim(self, run: Run) -> str:
        tags = dict(run.tags.values_list("key", "value"))
        return open_claim(run, tags, viewer=run.created_by) or NOTHING

    @admin.display(description="reproductions")
    def reproductions(self, run: Run) -> str:
        rows = Reproduction.objects.about(run).select_related("run", "original")
        return table(
            ("run", "reproduces", "level", "relative", "absolute"),
            (
                (
                    row.run.run_id,
                    row.original.run_id,
                    row.level_reached,
                    row.tolerances["relative"],
                    row.tolerances["absolute"],
                )
                for row in rows
            ),
        )

    @admin.display(description="datasets")
    def datasets(self, run: Run) -> str:
        uses = run.dataset_inputs.select_related("dataset").order_by("pk")
        return table(
            ("name", "digest", "rows", "used for"),
            (
                (
                    use.dataset.name,
                    use.dataset.digest,
                    _count(use.dataset.row_count),
                    use.context or NOTHING,
                )
                for use in uses
            ),
        )

    @admin.display(description="params")
    def params(self, run: Run) -> str:
        params = run.params.order_by("key").values_list("key", "value")
        return table(("param", "value"), params)

    @admin.display(description="latest metrics")
    def metrics(self, run: Run) -> str:
        latest = run.metrics.latest_of_each_key()
        return table(
            ("metric", "value", "at step"),
            ((point.key, f"{point.number:.6g}", point.step) for point in latest),
        )

    @admin.display(description="tags")
    def tags(self, run: Run) -> str:
        return table(
            ("tag", "value"), run.tags.order_by("key").values_list("key", "value")
        )

    @admin.display(description="artifacts")
    def artifacts(self, run: Run) -> str:
        return table(
            ("path", "bytes", "SHA-256"),
            (
                (
                    file.path,
                    f"{file.size_bytes:,}",
                    format_html("<code>{}</code>", file.sha256),
                )
                for file in run.artifacts.current()
            ),
        )


def _count(rows: int | None) -> str:
    return NOTHING if rows is None else f"{rows:,}"
