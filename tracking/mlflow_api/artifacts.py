"""MLflow's proxied artifact API: upload, download and list the files of a run.

A path is `<experiment id>/<run id>/artifacts/<path in the run>`, as the run's artifact
URI says.
"""

import mimetypes
from typing import IO, Any, cast

from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from audit.errors import NotFoundError
from tracking import storage
from tracking.mlflow_api.endpoint import (
    Caller,
    answer,
    authenticate,
    unknown_endpoint,
    visible_run,
)
from tracking.models import Run
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.services.artifacts import current_artifact, upload_artifact


@csrf_exempt
def one_file(
    request: HttpRequest, path: str, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponseBase:
    """PUT stores the body, GET streams the file."""
    if request.method not in {"PUT", "GET"}:
        return unknown_endpoint(request)
    caller = authenticate(request, workspace)
    run, inner = _run_and_path(caller, path)
    if request.method == "GET":
        return _download(run, inner)
    upload_artifact(
        run,
        path=inner,
        stream=_body(request),
        expected_bytes=_content_length(request),
        actor=caller.user,
    )
    return answer({})


@csrf_exempt
def folder(
    request: HttpRequest, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponseBase:
    """List what stands directly below `?path=`; an unknown folder is empty."""
    if request.method != "GET":
        return unknown_endpoint(request)
    caller = authenticate(request, workspace)
    run, inner = _run_and_path(caller, request.GET.get("path", ""))
    files = _children(run, inner)
    return answer({"files": files} if files else {})


def _run_and_path(caller: Caller, path: str) -> tuple[Run, str]:
    experiment_id, _, rest = path.strip("/").partition("/")
    run_id, _, rest = rest.partition("/")
    marker, _, inner = rest.partition("/")
    unknown = NotFoundError(
        "artifact_unknown",
        f"The path {path[:200]!r} is not below the artifact URI of a run: use the "
        f"run's artifact_uri.",
    )
    if "\0" in path:  # which no text in PostgreSQL holds
        raise unknown
    run = visible_run(caller, run_id)
    if str(run.experiment_id) != experiment_id or marker != "artifacts":
        raise unknown
    return run, inner


def _body(request: HttpRequest) -> IO[bytes]:
    """Return the upload as a stream.

    Django reads nothing of a chunked upload, because that names no length; the server
    says that its own stream ends where the upload does.
    """
    is_chunked = not request.headers.get("Content-Length")
    if is_chunked and request.META.get("wsgi.input_terminated"):
        return cast("IO[bytes]", request.META["wsgi.input"])
    return cast("IO[bytes]", request)


def _content_length(request: HttpRequest) -> int | None:
    length = request.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _download(run: Run, path: str) -> FileResponse:
    artifact = current_artifact(run, path)
    response = FileResponse(
        storage.open_file(artifact.sha256),
        as_attachment=True,
        filename=path.rsplit("/", 1)[-1],
        content_type=mimetypes.guess_type(path)[0] or "application/octet-stream",
    )
    response["Content-Length"] = str(artifact.size_bytes)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _children(run: Run, inner: str) -> list[dict[str, Any]]:
    prefix = f"{inner}/" if inner else ""
    found: dict[str, dict[str, Any]] = {}
    for artifact in run.artifacts.current().filter(path__startswith=prefix):
        name, _, deeper = artifact.path.removeprefix(prefix).partition("/")
        found[name] = (
            {"path": name, "is_dir": True}
            if deeper
            else {"path": name, "is_dir": False, "file_size": artifact.size_bytes}
        )
    return list(found.values())
