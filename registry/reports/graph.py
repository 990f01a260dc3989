"""Names the nodes and edges of a version's lineage, from its data to its slot."""

from collections.abc import Iterable, Iterator

from registry.models import ModelVersion
from registry.reports.lineage import (
    ArtifactFile,
    Dataset,
    Edge,
    Node,
    PinnedPolicy,
    PromotionRequest,
    SourceRun,
)
from registry.reports.oversight import BreakGlass

COMMIT_TAG = "mlflow.source.git.commit"
BRANCH_TAG = "mlflow.source.git.branch"
DIRTY_TAG = "mlflow.source.git.dirty"
UNKNOWN = frozenset({"", "unknown"})

Part = Node | Edge


def drawn_from(
    *,
    version: ModelVersion,
    run: SourceRun,
    datasets: tuple[Dataset, ...],
    request: PromotionRequest | None,
    policy: PinnedPolicy | None,
    champion: ModelVersion | None,
    evidence_paths: tuple[str, ...],
    emergencies: Iterable[BreakGlass],
) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Return the graph; what ought to be there and is not becomes a broken node."""
    parts: list[Part] = [
        *_data(datasets),
        *_code(run),
        *_run(run),
        *_artifacts(run, version, evidence_paths if request else ()),
        Node(
            key="version",
            kind="Model version",
            name=str(version),
            digest=version.linked_sha256,
            is_subject=True,
        ),
        Edge(source="model", target="version", label="is"),
    ]
    if request and policy:
        parts += _request(request, policy, champion)
    parts += _emergencies(version, emergencies)
    return (
        tuple(part for part in parts if isinstance(part, Node)),
        tuple(part for part in parts if isinstance(part, Edge)),
    )


def _data(datasets: tuple[Dataset, ...]) -> Iterator[Part]:
    if not datasets:
        yield Node(key="data", kind="Dataset", name="none is named", is_broken=True)
        yield Edge(source="data", target="run", label="was used by")
    for number, dataset in enumerate(datasets):
        key = f"data {number}"
        yield Node(
            key=key,
            kind=f"Dataset, {dataset.context}" if dataset.context else "Dataset",
            name=dataset.name,
            digest=dataset.sha256 or dataset.digest,
        )
        yield Edge(source=key, target="run", label="was used by")


def _code(run: SourceRun) -> Iterator[Part]:
    tags = {tag.name: tag.value for tag in run.tags}
    commit = tags.get(COMMIT_TAG, "")
    is_missing = commit in UNKNOWN
    state = {"true": "Code, changed since commit", "false": "Code, clean commit"}
    yield Node(
        key="code",
        kind="Code" if is_missing else state.get(tags.get(DIRTY_TAG, ""), "Code"),
        name="commit not stated" if is_missing else tags.get(BRANCH_TAG, "commit"),
        digest="" if is_missing else commit,
        is_broken=is_missing,
    )
    yield Edge(source="code", target="run", label="was executed by")


def _run(run: SourceRun) -> Iterator[Part]:
    yield Node(key="run", kind="Run", name=run.name, digest=run.run_id)


def _artifacts(
    run: SourceRun, version: ModelVersion, evidence_paths: tuple[str, ...]
) -> Iterator[Part]:
    files = {file.path: file for file in run.artifacts}
    yield Node(
        key="model",
        kind="Artifact" if version.artifact else "Artifacts",
        name=version.content_name,
        digest=version.linked_sha256,
    )
    yield Edge(source="run", target="model", label="left")
    for number, path in enumerate(evidence_paths):
        key = f"evidence {number}"
        found = files.get(path)
        yield _file(key, found) if found else _missing_file(key, path)
        yield Edge(source="run", target=key, label="left")
        yield Edge(source=key, target="request", label="is evidence for")


def _file(key: str, file: ArtifactFile) -> Node:
    return Node(key=key, kind="Artifact", name=file.path, digest=file.sha256)


def _missing_file(key: str, path: str) -> Node:
    return Node(key=key, kind="Artifact", name=path, is_broken=True)


def _request(
    request: PromotionRequest, policy: PinnedPolicy, champion: ModelVersion | None
) -> Iterator[Part]:
    if champion:
        yield Node(
            key="champion",
            kind="Champion at that time",
            name=str(champion),
            digest=champion.linked_sha256,
        )
        yield Edge(source="champion", target="request", label="was compared in")
    yield Node(
        key="policy",
        kind="Policy",
        name=f"{policy.name} v{policy.version}",
        digest=policy.digest,
    )
    yield Edge(source="policy", target="request", label="was applied to")
    yield Node(
        key="request",
        kind="Promotion request",
        name=f"Request {request.number}, attempt {request.attempt}",
        digest=request.subject_digest,
    )
    yield Edge(source="version", target="request", label="was proposed by")
    if request.promoted_at:
        yield Node(key="slot", kind="Slot", name=request.environment)
        yield Edge(source="request", target="slot", label="led to")


def _emergencies(
    version: ModelVersion, emergencies: Iterable[BreakGlass]
) -> Iterator[Part]:
    """Draw where the version served without an approval, once an environment."""
    served = {
        told.environment
        for told in emergencies
        if told.is_confirmed and told.version == version.number
    }
    for environment in sorted(served):
        key = f"break-glass {environment}"
        yield Node(key=key, kind="Slot, by break-glass", name=environment)
        yield Edge(source="version", target=key, label="was let into")
