"""The log as C2SP tlog-tiles serves it: checkpoint, tiles, entry bundles, verifier key."""

import hashlib
from collections.abc import Iterator

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from audit.api.access import MayReadTheLog
from audit.proofs import inclusion

CHUNK_BYTES = 64 * 1024
# A checkpoint is replaced about ten times a second; a tile never changes.
FRESH = "no-cache"
FOREVER = "max-age=31536000, immutable"


class Checkpoint(APIView):
    """The signed head, for everybody."""

    permission_classes = (AllowAny,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponseBase:
        note = inclusion.newest_checkpoint()
        return _answer(request, note, "text/plain; charset=utf-8", f"public, {FRESH}")


class Key(APIView):
    """The newest verifier key, for everybody."""

    permission_classes = (AllowAny,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponseBase:
        line = f"{inclusion.verifier_key()}\n".encode()
        return _answer(request, line, "text/plain; charset=utf-8", f"public, {FRESH}")


class Resource(APIView):
    """A tile or an entry bundle, full or partial."""

    permission_classes = (MayReadTheLog,)

    @extend_schema(exclude=True)
    def get(self, request: Request, name: str) -> HttpResponseBase:
        data = inclusion.resource(f"tile/{name}")
        # Only what everybody may read may lie in a shared cache.
        shared = "private" if request.user.is_authenticated else "public"
        return _answer(
            request, data, "application/octet-stream", f"{shared}, {FOREVER}"
        )


def _answer(
    request: Request, data: bytes, content_type: str, cache: str
) -> HttpResponseBase:
    etag = f'"{hashlib.sha256(data).hexdigest()}"'
    plain: HttpRequest = request._request  # noqa: SLF001 - Django's own function wants it
    unchanged = get_conditional_response(plain, etag=etag)
    response = unchanged or StreamingHttpResponse(_chunks(data))
    response["ETag"] = etag
    response["Cache-Control"] = cache
    if unchanged is None:
        response["Content-Type"] = content_type
        response["Content-Length"] = str(len(data))
    return response


def _chunks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]
