"""Pages that list what stands on a dataset, a run or a commit: versions and slots.

The pages of datasets and runs, a floor below, lead here by the name of the address.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.views.decorators.http import require_safe

from audit.admin import NOTHING, link, table
from registry.lineage import Standing, standing_on_dataset, standing_on_runs
from registry.models import ModelVersion, Slot
from tracking.admin.row_acts import ActsAdmin
from tracking.admin.rows import person_asking
from tracking.lineage import runs_of_commit
from tracking.models import Dataset, Run, Workspace
from tracking.models.pairs import INDEXED_CHARACTERS

View = Callable[..., HttpResponse]

VERSIONS_ON_A_PAGE = 100


class CommitQuestion(forms.Form):
    """A commit, in one of the workspaces that the person sees."""

    workspace = forms.ModelChoiceField(
        Workspace.objects.none(), to_field_name="name", empty_label=None
    )
    commit = forms.CharField(
        max_length=INDEXED_CHARACTERS,
        widget=forms.TextInput(attrs={"size": 44}),
        help_text="All of its digits, as the tag mlflow.source.git.commit states them.",
    )

    def __init__(self, data: QueryDict | None, *, actor: User) -> None:
        super().__init__(data)
        seen = Workspace.objects.visible_to(actor).order_by("name")
        self.fields["workspace"].queryset = seen  # type: ignore[attr-defined]  # a ModelChoiceField


class DependantsAdmin(ActsAdmin[ModelVersion]):
    """Serves, beside the list of versions, those that stand on something."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            self._path("dataset/<int:pk>", "of_dataset", self.of_dataset),
            self._path("run/<int:pk>", "of_run", self.of_run),
            self._path("commit", "of_commit", self.of_commit),
        ]
        return [*own, *super().get_urls()]

    def _path(self, way: str, name: str, view: View) -> URLPattern:
        return path(
            f"standing-on/{way}/",
            self.admin_site.admin_view(require_safe(view)),
            name=f"registry_dependants_{name}",
        )

    def of_dataset(self, request: HttpRequest, pk: int) -> HttpResponse:
        actor = person_asking(request)
        seen = Dataset.objects.visible_to(actor).select_related("workspace")
        dataset = get_object_or_404(seen, pk=pk)
        standing = standing_on_dataset(dataset, user=actor)
        return self._page(request, standing, subject=dataset)

    def of_run(self, request: HttpRequest, pk: int) -> HttpResponse:
        actor = person_asking(request)
        seen = Run.objects.visible_to(actor).select_related("experiment__workspace")
        run = get_object_or_404(seen, pk=pk)
        standing = standing_on_runs(
            Run.objects.filter(pk=run.pk),
            workspace=run.experiment.workspace,
            user=actor,
        )
        return self._page(request, standing, subject=run)

    def of_commit(self, request: HttpRequest) -> HttpResponse:
        """Ask for a commit, and answer below the question."""
        actor = person_asking(request)
        form = CommitQuestion(request.GET or None, actor=actor)
        if not form.is_valid():
            return self._page(request, None, form=form)
        workspace, commit = form.cleaned_data["workspace"], form.cleaned_data["commit"]
        runs = runs_of_commit(commit, workspace=workspace, user=actor)
        standing = standing_on_runs(runs, workspace=workspace, user=actor)
        return self._page(request, standing, form=form)

    def _page(
        self, request: HttpRequest, standing: Standing | None, **words: Any
    ) -> HttpResponse:
        subject = words.get("subject", "a commit")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"What stands on {subject}",
            "back": link(subject) if "subject" in words else None,
            **words,
            **(_shown(standing, request.GET.get("page")) if standing else {}),
        }
        return TemplateResponse(request, "admin/registry/dependants.html", context)


def _shown(standing: Standing, page: str | None) -> dict[str, Any]:
    now = timezone.now()
    slots = standing.slots.with_champion().order_by("pk")
    found = (
        standing.versions.with_lineage()
        .prefetch_related(Prefetch("slots", Slot.objects.order_by("environment")))
        .order_by("registered_model__name", "number")
    )
    versions = Paginator(found, VERSIONS_ON_A_PAGE).get_page(page)
    return {
        "is_cut": standing.is_cut,
        "versions": versions,
        "version_table": _versions(versions),
        "slot_table": _slots(list(slots), now),
    }


def _versions(versions: Page[ModelVersion]) -> str:
    return table(
        ("version", "source run", "champion in"),
        (
            (link(version), link(version.source_run), _environments(version))
            for version in versions
        ),
    )


def _environments(version: ModelVersion) -> str:
    slots = version.slots.all()
    named = ((link(slot, slot.environment),) for slot in slots)
    return format_html_join(", ", "{}", named) or NOTHING


def _slots(slots: list[Slot], now: datetime) -> str:
    return table(
        ("model", "environment", "serves now"),
        (
            (
                link(slot.registered_model),
                link(slot, slot.environment),
                link(slot.serving(now)),
            )
            for slot in slots
        ),
    )
