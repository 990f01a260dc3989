"""Experiments and runs in the Django admin: to read, never to change."""

from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from audit.admin import NOTHING, badge, code, link, linked, moment, table, utc
from tracking.admin.dependants import leads_to_dependants, link_to_commit
from tracking.admin.former_tags import former_tags
from tracking.admin.rows import VisibleRowsAdmin, person
from tracking.completeness import completeness
from tracking.evidence import read_content
from tracking.hierarchy import nested_in
from tracking.metadata_rules import violations
from tracking.models import (
    Experiment,
    LoggedModel,
    MetadataTemplate,
    Reproduction,
    Run,
)
from tracking.models.experiment import Lifecycle
from tracking.models.tag import COMMIT_TAG, PARENT_TAG
from tracking.reproduction import open_claim

MOST_CHILDREN = 200


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
        "former_tags",
        "former_tags_of_models",
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

    @admin.display(description="former tags")
    def former_tags(self, experiment: Experiment) -> str:
        return former_tags([experiment.subject])

    @admin.display(description="former tags of its logged models")
    def former_tags_of_models(self, experiment: Experiment) -> str:
        return former_tags(LoggedModel.objects.filter(experiment=experiment).subjects())


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
        "commit",
        "versions",
        leads_to_dependants("run"),
        "lacks",
        "complete",
        "reproductions",
        "claim",
        "datasets",
        "params",
        "metrics",
        "tags",
        "former_tags",
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

    @admin.display(description="commit")
    def commit(self, run: Run) -> str:
        said = run.tags.filter(key=COMMIT_TAG).first()
        return link_to_commit(said.value, run.experiment.workspace) if said else NOTHING

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
                    link(use.dataset, use.dataset.name),
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

    @admin.display(description="former tags")
    def former_tags(self, run: Run) -> str:
        return former_tags([run.subject])

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
