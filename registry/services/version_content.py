"""What a version is made of: the files below its source, and one digest over them."""

import posixpath
from dataclasses import dataclass
from typing import Any

from audit.errors import ConflictError, InvalidError
from audit.tlog.canonical import digest
from registry.models import ModelVersion
from tracking.models import Artifact, LoggedModel, Run
from tracking.models.artifact import StoredArtifact, files_at

# What the gates run; of several in one folder none is the model.
ONNX = ".onnx"


@dataclass(frozen=True)
class Source:
    """Where a version comes from; without a run and a model it is not stored here."""

    address: str
    run: Run | None = None
    logged_model: LoggedModel | None = None
    path: str = ""

    @property
    def holder(self) -> Run | LoggedModel | None:
        """What holds the files; without a run they are evidence of nothing."""
        return (self.logged_model or self.run) if self.run else None


@dataclass(frozen=True)
class Content:
    """The files of a version as they are now; `path` is a file or a folder of them."""

    path: str
    files: tuple[StoredArtifact, ...]

    @property
    def is_one_file(self) -> bool:
        return [file.path for file in self.files] == [self.path]

    @property
    def sha256(self) -> str:
        """The file's SHA-256, or that over a JSON object of all paths with theirs.

        Canonical JSON (RFC 8785); the paths are those below the folder.
        """
        if self.is_one_file:
            return self.files[0].sha256
        inner = {self._inner(file): file.sha256 for file in self.files}
        return digest(inner).removeprefix("sha256:")

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def model_file(self) -> StoredArtifact | None:
        """The file that gates run: the only one, or the only ONNX file of a folder."""
        if self.is_one_file:
            return self.files[0]
        found = [file for file in self.files if file.path.endswith(ONNX)]
        return found[0] if len(found) == 1 else None

    @property
    def artifact(self) -> Artifact | None:
        """The one file, if it is one of a run."""
        first: Any = self.files[0]
        is_of_run = self.is_one_file and isinstance(first, Artifact)
        return first if is_of_run else None

    def _inner(self, file: StoredArtifact) -> str:
        return posixpath.relpath(file.path, self.path) if self.path else file.path


def content_at(holder: Run | LoggedModel, path: str) -> Content:
    """Return what lies there now; InvalidError if that is nothing."""
    files = files_at(holder, path)
    if not files:
        raise InvalidError(
            "source_empty",
            f"{holder} has no file at {path[:200]!r}: upload the model first, or "
            f"correct the source.",
        )
    return Content(path, files)


def pinned_content(version: ModelVersion) -> Content:
    """Return the files of a version; ConflictError if they are no longer those."""
    sha256 = version.linked_sha256
    if version.artifact is not None:
        if version.artifact.sha256 != sha256:
            raise _changed(version)
        return Content(version.artifact.path, (version.artifact,))
    holder = version.logged_model or version.linked_run
    files = files_at(holder, version.folder)
    content = Content(version.folder, files)
    if not files or content.sha256 != sha256:
        raise _changed(version)
    return content


def _changed(version: ModelVersion) -> ConflictError:
    return ConflictError(
        "artifact_changed",
        f"The files of {version} are no longer those that were registered (another "
        f"was uploaded, or one was removed). Register the model as it is now.",
    )
