"""What is needed to run a run again, in one bundle with a digest to cite it by."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from audit.tlog.canonical import digest
from tracking.evidence import File, RunContent, SourceTag, read_content
from tracking.models import Run

# Without one of these nobody can run it again as it was.
NEEDED: tuple[tuple[str, Callable[[RunContent], bool]], ...] = (
    ("commit", lambda content: content.tag(SourceTag.COMMIT) is not None),
    ("repository", lambda content: content.tag(SourceTag.REPOSITORY) is not None),
    (
        "diff of the dirty tree",
        lambda content: content.is_dirty is not True or content.diff is not None,
    ),
    ("command line", lambda content: content.command_line is not None),
    (
        "lock file or image",
        lambda content: (
            bool(content.lock_files)
            or content.tag(SourceTag.IMAGE, SourceTag.IMAGE_ID) is not None
        ),
    ),
    ("data digest", lambda content: bool(content.datasets)),
)


@dataclass(frozen=True)
class Rehydration:
    """The bundle; every list is in a fixed order, so that equal runs print equal bytes."""

    run_id: str
    experiment: str
    seal: str | None
    code: dict[str, Any]
    command: dict[str, str | None]
    environment: dict[str, Any]
    datasets: tuple[dict[str, str], ...]
    params: dict[str, str]
    seeds: dict[str, str]
    missing: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return the digest over everything else here, as canonical JSON."""
        return digest(asdict(self))


def rehydration(run: Run) -> Rehydration:
    """Read the bundle, in at most eight queries."""
    content = read_content(run)
    seal = run.seals.order_by("pk").last()
    return Rehydration(
        run_id=run.run_id,
        experiment=run.experiment.subject,
        seal=seal.digest if seal else None,
        code={
            "commit": content.tag(SourceTag.COMMIT),
            "branch": content.tag(SourceTag.BRANCH),
            "repository": content.tag(SourceTag.REPOSITORY),
            "is_dirty": content.is_dirty,
            "diff": _diff(run, content),
        },
        command={
            "source": content.tag(SourceTag.SOURCE),
            "project_entry_point": content.tag(SourceTag.PROJECT_ENTRY_POINT),
            "command": content.tag(SourceTag.COMMAND),
        },
        environment={
            "python": content.tag(SourceTag.PYTHON),
            "platform": content.tag(SourceTag.PLATFORM),
            "image": content.tag(SourceTag.IMAGE),
            "image_id": content.tag(SourceTag.IMAGE_ID),
            "lock_files": [_file(run, file) for file in content.lock_files],
        },
        datasets=tuple(asdict(used) for used in content.datasets),
        params=content.params,
        seeds=content.seeds,
        missing=tuple(name for name, is_there in NEEDED if not is_there(content)),
    )


def _diff(run: Run, content: RunContent) -> dict[str, Any] | None:
    kept = content.diff
    if kept is None:
        return None
    return {
        "sha256": kept.sha256,
        "text": kept.text,
        "file": _file(run, kept.file) if kept.file else None,
    }


def _file(run: Run, file: File) -> dict[str, Any]:
    return {
        "path": file.path,
        "model_id": file.model_id or None,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
        "download": _download(run, file),
    }


def _download(run: Run, file: File) -> str:
    """Return the path of MLflow's artifact proxy, below this installation's address."""
    holder = f"models/{file.model_id}" if file.model_id else run.run_id
    return (
        f"/w/{run.experiment.workspace.name}/api/2.0/mlflow-artifacts/artifacts/"
        f"{run.experiment_id}/{holder}/artifacts/{quote(file.path)}"
    )
