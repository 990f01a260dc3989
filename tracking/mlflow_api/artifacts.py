"""MLflow's proxied artifact API: files of runs and of logged models.

A path is `<experiment id>/<run id>/artifacts/<path in the run>`, or
`<experiment id>/models/<model id>/artifacts/<path in the model>`, as the artifact URI of
the run or of the model says.
"""

import io
from dataclasses import dataclass
from typing import IO, Any, TypeGuard, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from msgspec import Struct

from audit.errors import InvalidError, NotFoundError
from tracking.mlflow_api.endpoint import (
    Caller,
    answer,
    authenticate,
    endpoint,
    is_key,
    visible_model,
    visible_run,
)
from tracking.mlflow_api.fields import NamedRun, Text
from tracking.mlflow_api.ranges import file_answer
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.services.artifacts import (
    Holder,
    current_file,
    refuse_unsafe,
    remove_artifacts,
    upload_artifact,
    upload_at_once,
    upload_content,
)

# What is held in memory at once, and sent before anybody asks whether it may be.
SMALL_BYTES = 1 << 20


class ListFolder(NamedRun, kw_only=True):
    """`artifacts/list`."""

    path: Text = ""


class ListModelFolder(Struct):
    """`logged-models/{id}/artifacts/directories`."""

    model_id: Text = ""
    artifact_directory_path: Text = ""


def put_file(
    request: HttpRequest, path: str, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponse:
    """Store the body."""
    caller = authenticate(request, workspace)
    _put(request, place_of(path), caller)
    return answer({})


def get_file(
    request: HttpRequest, path: str, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponseBase:
    """Stream a file, or a range of it."""
    caller = authenticate(request, workspace)
    place = place_of(path)
    return download(request, holder_of(caller, place), place.inner)


def remove_files(
    request: HttpRequest, path: str, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponse:
    """Take a file, or all of a folder, off the list."""
    caller = authenticate(request, workspace)
    place = place_of(path)
    remove_artifacts(holder_of(caller, place), path=place.inner, actor=caller.user)
    return answer({})


def folder(request: HttpRequest, workspace: str = DEFAULT_WORKSPACE) -> HttpResponse:
    """List what stands directly below `?path=`; an unknown folder is empty."""
    caller = authenticate(request, workspace)
    place = place_of(request.GET.get("path", ""))
    files = _children(holder_of(caller, place), place.inner.strip("/"))
    return answer({"files": files} if files else {})


@endpoint(ListFolder)
def list_folder(caller: Caller, message: ListFolder) -> dict[str, Any]:
    run = visible_run(caller, message.wanted)
    listed = _below(_children(run, message.path.strip("/")), message.path)
    return {"root_uri": run.artifact_uri, **({"files": listed} if listed else {})}


@endpoint(ListModelFolder)
def list_model_folder(caller: Caller, message: ListModelFolder) -> dict[str, Any]:
    model = visible_model(caller, message.model_id)
    path = message.artifact_directory_path
    listed = _below(_children(model, path.strip("/")), path)
    return {"root_uri": model.artifact_uri, **({"files": listed} if listed else {})}


def file_of_run(
    request: HttpRequest, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponseBase:
    """Stream `?path=` of `?run_id=`, as links of MLflow's pages ask for it."""
    caller = authenticate(request, workspace)
    run_id = request.GET.get("run_id") or request.GET.get("run_uuid") or ""
    run = visible_run(caller, without_nul(run_id))
    return download(request, run, without_nul(request.GET.get("path", "")))


def file_of_model(
    request: HttpRequest, model_id: str, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponseBase:
    """Stream `?artifact_file_path=` of a logged model."""
    caller = authenticate(request, workspace)
    path = request.GET.get("artifact_file_path", "")
    model = visible_model(caller, without_nul(model_id))
    return download(request, model, without_nul(path))


def upload(request: HttpRequest, workspace: str = DEFAULT_WORKSPACE) -> HttpResponse:
    """Store the body as `?path=` of `?run_uuid=`, as MLflow's pages do."""
    caller = authenticate(request, workspace)
    run = visible_run(caller, without_nul(request.GET.get("run_uuid", "")))
    upload_artifact(
        run,
        path=without_nul(request.GET.get("path", "")),
        stream=content_of(request),
        expected_bytes=content_length(request),
        actor=caller.user,
    )
    return answer({})


def without_nul(text: str) -> str:
    if "\0" in text:  # which no text in PostgreSQL holds
        raise InvalidError(
            "message_invalid", "A name holds a NUL character: leave it out."
        )
    return text


@dataclass(frozen=True)
class Place:
    """What the path of a file names; nobody has looked yet whether it is there."""

    experiment_id: int
    # Of the run or of the logged model.
    holder_id: str
    is_of_model: bool
    inner: str

    @property
    def root(self) -> str:
        """Return the path of all files of the run or of the model."""
        models = "models/" if self.is_of_model else ""
        return f"{self.experiment_id}/{models}{self.holder_id}/artifacts"


def place_of(path: str) -> Place:
    experiment_id, _, rest = path.strip("/").partition("/")
    holder_id, _, rest = rest.partition("/")
    is_of_model = holder_id == "models"
    if is_of_model:
        holder_id, _, rest = rest.partition("/")
    marker, _, inner = rest.partition("/")
    # No text in PostgreSQL holds a NUL.
    if "\0" in path or not is_key(experiment_id) or marker != "artifacts":
        refuse_unsafe(path.strip("/"))
        raise _unknown(path)
    return Place(int(experiment_id), holder_id, is_of_model, inner)


def _unknown(path: str) -> NotFoundError:
    return NotFoundError(
        "artifact_unknown",
        f"The path {path[:200]!r} is not below the artifact URI of a run or a logged "
        f"model: use the artifact_uri that it was given.",
    )


def holder_of(caller: Caller, place: Place) -> Holder:
    """Return the run or the model, if the caller may see it and it is in that place."""
    find = visible_model if place.is_of_model else visible_run
    holder: Holder = find(caller, place.holder_id)
    if holder.experiment_id != place.experiment_id:
        raise _unknown(f"{place.experiment_id}/{place.holder_id}")
    return holder


def _put(request: HttpRequest, place: Place, caller: Caller) -> None:
    """Store the body; a small file of a run by one statement, if it can be so."""
    stream, length = content_of(request), content_length(request)
    content = stream.read(length) if _is_small(length) else b""
    is_whole = _is_small(length) and len(content) == length
    if (
        is_whole
        and not place.is_of_model
        and upload_at_once(
            place.holder_id,
            experiment_id=place.experiment_id,
            workspace=caller.workspace,
            path=place.inner,
            content=content,
            actor=caller.user,
        )
    ):
        return
    holder = holder_of(caller, place)
    if is_whole:
        upload_content(holder, path=place.inner, content=content, actor=caller.user)
    else:
        upload_artifact(
            holder,
            path=place.inner,
            stream=io.BytesIO(content) if _is_small(length) else stream,
            expected_bytes=length,
            actor=caller.user,
        )


def _is_small(length: int | None) -> TypeGuard[int]:
    most = min(SMALL_BYTES, settings.ATTESTRY_ARTIFACT_MAX_BYTES)
    return length is not None and length <= most


def content_of(request: HttpRequest) -> IO[bytes]:
    """Return the upload as a stream.

    Django reads nothing of a chunked upload, because that names no length; the server
    says that its own stream ends where the upload does.
    """
    is_chunked = not request.headers.get("Content-Length")
    if is_chunked and request.META.get("wsgi.input_terminated"):
        return cast("IO[bytes]", request.META["wsgi.input"])
    return cast("IO[bytes]", request)


def content_length(request: HttpRequest) -> int | None:
    length = request.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def download(request: HttpRequest, holder: Holder, path: str) -> HttpResponseBase:
    refuse_unsafe(path)
    return file_answer(request, current_file(holder, path), path=path)


def _children(holder: Holder, inner: str) -> list[dict[str, Any]]:
    refuse_unsafe(inner)
    prefix = f"{inner}/" if inner else ""
    found: dict[str, dict[str, Any]] = {}
    for artifact in holder.artifacts.current().below(inner):
        name, _, deeper = artifact.path.removeprefix(prefix).partition("/")
        found[name] = (
            {"path": name, "is_dir": True}
            if deeper
            else {"path": name, "is_dir": False, "file_size": artifact.size_bytes}
        )
    return list(found.values())


def _below(files: list[dict[str, Any]], folder: str) -> list[dict[str, Any]]:
    """Name files from the root, as this list of MLflow does and its proxy does not."""
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    return [{**file, "path": f"{prefix}{file['path']}"} for file in files]
