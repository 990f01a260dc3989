"""A stored file as an answer: whole, or the range of bytes that was asked for.

Source: RFC 9110, section 14. Several ranges at once may be ignored, and are.
"""

import mimetypes
import re
from collections.abc import Iterator
from typing import IO

from django.http import FileResponse, HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from tracking import storage
from tracking.storage import CHUNK_BYTES, StoredFile

ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z", re.ASCII)


def file_answer(
    request: HttpRequest, file: StoredFile, *, path: str
) -> HttpResponseBase:
    """Stream a file to be saved; 416 for a range that begins behind its end."""
    wanted = _asked_range(request.headers.get("Range", ""), file.size_bytes)
    if wanted is not None and not wanted:
        return _no_such_range(file.size_bytes)
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    content = storage.open_file(file.sha256)
    response: HttpResponseBase
    if wanted is None:
        name = path.rsplit("/", 1)[-1]
        response = FileResponse(
            content, as_attachment=True, filename=name, content_type=kind
        )
        response["Content-Length"] = str(file.size_bytes)
    else:
        response = StreamingHttpResponse(
            _read(content, wanted), status=206, content_type=kind
        )
        response["Content-Length"] = str(len(wanted))
        span = f"{wanted.start}-{wanted.stop - 1}"
        response["Content-Range"] = f"bytes {span}/{file.size_bytes}"
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _asked_range(header: str, size: int) -> range | None:
    """Return the bytes that are asked for, None for all; empty if there are no such."""
    found = ONE_RANGE.match(header)
    first, last = found.groups() if found else ("", "")
    if first:
        end = min(size, int(last) + 1) if last else size
        is_backwards = last and int(last) < int(first)
        return None if is_backwards else range(int(first), end)
    return range(max(0, size - int(last)), size) if last else None


def _read(content: IO[bytes], wanted: range) -> Iterator[bytes]:
    with content:
        content.seek(wanted.start)
        left = len(wanted)
        while chunk := content.read(min(left, CHUNK_BYTES)):
            left -= len(chunk)
            yield chunk


def _no_such_range(size: int) -> JsonResponse:
    return JsonResponse(
        {
            "error_code": "INVALID_PARAMETER_VALUE",
            "message": f"The file has {size} bytes, and the range begins behind them: ask "
            f"for one within the file.",
        },
        status=416,
        headers={"Content-Range": f"bytes */{size}"},
    )
