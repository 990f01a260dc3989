"""A table of what made a version, as the pages of versions and slots show it."""

from collections.abc import Iterator

from django.contrib.auth.models import User

from audit.admin import NOTHING, link, table
from registry.lineage import Code, VersionLineage, lineage_of_version
from registry.models import ModelVersion
from tracking.admin.dependants import link_to_commit
from tracking.models import Dataset, Workspace

_TREE = {True: "differs from its commit", False: "as committed", None: "not stated"}


def made_of(version: ModelVersion, *, user: User) -> str:
    """Return an HTML table of run, code and data, of the runs that the user may see."""
    lineage = lineage_of_version(version, user=user)
    rows = [("source run", _run(lineage))]
    if lineage.code:
        rows += _code(lineage.code, version.registered_model.workspace)
    rows += _data(lineage)
    return table(("what", "made of"), rows)


def _run(lineage: VersionLineage) -> str:
    if lineage.run:
        return link(lineage.run)
    if lineage.version.source_run_id is None:
        return "registered without one"
    return "one that you may not see, nor what is behind it"


def _code(code: Code, workspace: Workspace) -> Iterator[tuple[str, str]]:
    commit = link_to_commit(code.commit, workspace) if code.commit else "not stated"
    yield "commit", commit
    yield "working tree", _TREE[code.is_dirty]
    yield "code", code.entry_point or "not stated"


def _data(lineage: VersionLineage) -> Iterator[tuple[str, str]]:
    for use in lineage.datasets:
        yield use.context or "dataset", _named(use.dataset)
    for step in lineage.origins.steps:
        for other in step.datasets:
            plural = "" if step.depth == 1 else "s"
            yield f"{step.depth} step{plural} before", _named(other)
    if lineage.origins.is_cut:
        yield "… and more", NOTHING


def _named(dataset: Dataset) -> str:
    return link(dataset, f"{dataset.name}@{dataset.digest}")
