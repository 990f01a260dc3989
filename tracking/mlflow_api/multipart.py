"""MLflow's transfers in parts: uploads (`mpu`), and downloads by a presigned address.

The client asks for them with `MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD` and `…_DOWNLOAD`. It
sends parts without its token, so that each address comes with a ticket.
"""

import posixpath
from pathlib import PureWindowsPath
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from msgspec import Meta, Struct

from audit.errors import InvalidError
from tracking.mlflow_api.artifacts import (
    content_length,
    content_of,
    holder_of,
    place_of,
)
from tracking.mlflow_api.endpoint import answer, authenticate, read, ticketed
from tracking.mlflow_api.fields import NO_NUL, Text
from tracking.mlflow_api.ranges import file_answer
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.parts import MOST_PARTS
from tracking.services.artifacts import current_file, uploaded_file
from tracking.services.multipart_uploads import (
    abort_upload,
    begin_upload,
    complete_upload,
    store_part,
)

ETag = Annotated[str, Meta(pattern=r'^"?[0-9a-f]{64}"?\Z')]


class Create(Struct, kw_only=True):
    """`mpu/create`; the path is that of the file on the client's machine."""

    path: Annotated[str, Meta(min_length=1, pattern=NO_NUL)]
    num_parts: Annotated[int, Meta(ge=0, le=MOST_PARTS)] = 1


class Part(Struct, kw_only=True):
    """What the client got for a part."""

    part_number: Annotated[int, Meta(ge=1, le=MOST_PARTS)]
    etag: ETag


class Complete(Struct, kw_only=True):
    """`mpu/complete`."""

    path: Annotated[str, Meta(min_length=1, pattern=NO_NUL)]
    upload_id: Text
    parts: Annotated[list[Part], Meta(max_length=MOST_PARTS)]


class Abort(Struct, kw_only=True):
    """`mpu/abort`."""

    path: Text = ""
    upload_id: Text


def create(
    request: HttpRequest, folder: str, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponse:
    """Give an address, with a ticket, for each part."""
    caller = authenticate(request, workspace)
    message = read(request, Create, {})
    place = place_of(_file_in(folder, message.path))
    upload_id = begin_upload(
        holder_of(caller, place), path=place.inner, actor=caller.user
    )
    files = request.path.removesuffix(f"/create/{folder}")
    start, end = f"{files}/parts/{upload_id}", place.root
    credentials = [
        {
            "part_number": number,
            **ticketed(request, "PUT", f"{start}/{number}/{end}"),
        }
        for number in range(1, message.num_parts + 1)
    ]
    return answer({"upload_id": upload_id, "credentials": credentials})


def put_part(
    request: HttpRequest,
    upload_id: str,
    number: int,
    root: str,
    workspace: str = DEFAULT_WORKSPACE,
) -> HttpResponse:
    """Store the body as a part; its SHA-256 is its ETag."""
    caller = authenticate(request, workspace)
    sha256 = store_part(
        holder_of(caller, place_of(root)),
        upload_id=upload_id,
        number=number,
        stream=content_of(request),
        expected_bytes=content_length(request),
        actor=caller.user,
    )
    response = answer({})
    response["ETag"] = f'"{sha256}"'
    return response


def complete(
    request: HttpRequest, folder: str, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponse:
    caller = authenticate(request, workspace)
    message = read(request, Complete, {})
    place = place_of(_file_in(folder, message.path))
    complete_upload(
        holder_of(caller, place),
        path=place.inner,
        upload_id=message.upload_id,
        digests=_in_order(message.parts),
        actor=caller.user,
    )
    return answer({})


def abort(
    request: HttpRequest, folder: str, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponse:
    caller = authenticate(request, workspace)
    message = read(request, Abort, {})
    holder_of(caller, place_of(folder))
    abort_upload(message.upload_id)
    return answer({})


def presign(
    request: HttpRequest, path: str, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponse:
    """Give an address, with a ticket, from which ranges of this very file are read."""
    caller = authenticate(request, workspace)
    place = place_of(path)
    file = current_file(holder_of(caller, place), place.inner)
    files = request.path.removesuffix(f"/presigned/{path}")
    address = ticketed(request, "GET", f"{files}/stored/{file.sha256}/{path}")
    return answer({**address, "file_size": file.size_bytes})


def stored(
    request: HttpRequest, sha256: str, path: str, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponseBase:
    """Stream the file that was at the path when `presign` gave its address.

    Ranges of one download must be of one file, whatever is uploaded meanwhile.
    """
    caller = authenticate(request, workspace)
    place = place_of(path)
    file = uploaded_file(holder_of(caller, place), place.inner, sha256)
    return file_answer(request, file, path=place.inner)


def _file_in(folder: str, path_there: str) -> str:
    """Return where a file of the client goes; its path may be one of Windows."""
    return posixpath.join(folder, PureWindowsPath(path_there).name)


def _in_order(parts: list[Part]) -> list[str]:
    by_number: dict[int, Any] = {part.part_number: part.etag for part in parts}
    numbers = range(1, len(parts) + 1)
    if by_number.keys() != set(numbers):
        raise InvalidError(
            "upload_parts_incomplete",
            f"The {len(parts)} parts are not numbered from 1 to {len(parts)}: name each "
            f"part once, and none may be missing.",
        )
    return [by_number[number].strip('"') for number in numbers]
