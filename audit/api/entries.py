"""Entries of the log as JSON, and proofs about them."""

import base64
import json
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.api.access import MayReadTheLog
from audit.proofs import inclusion
from audit.proofs.reading import LogEntry, entries, entry_at

PAGE = 50
LARGEST_PAGE = 500


class EntriesInput(serializers.Serializer[Any]):
    """Which entries are wanted."""

    subject = serializers.CharField(required=False, max_length=500)
    since = serializers.IntegerField(required=False, default=0, min_value=0)
    limit = serializers.IntegerField(
        required=False, default=PAGE, min_value=1, max_value=LARGEST_PAGE
    )


class ConsistencyInput(serializers.Serializer[Any]):
    """Between which sizes consistency is to be proven."""

    old = serializers.IntegerField(min_value=0)
    new = serializers.IntegerField(required=False, default=None, min_value=0)


class LogEntryOutput(serializers.Serializer[Any]):
    """An entry; `body` is what its leaf hash covers, in base64 of the exact bytes.

    `state` is recorded, sealed (signed by the log) or witnessed (by a quorum as well).
    """

    index = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["recorded", "sealed", "witnessed"])
    leaf_hash = serializers.CharField()
    event = serializers.DictField()
    body = serializers.CharField()


class LogEntriesOutput(serializers.Serializer[Any]):
    """A page of entries; ask again with `since` set to `next`, null on the last one."""

    results = LogEntryOutput(many=True)
    next = serializers.IntegerField(allow_null=True)


class ConsistencyOutput(serializers.Serializer[Any]):
    """A consistency proof; roots and hashes in base64."""

    old_size = serializers.IntegerField()
    old_root = serializers.CharField()
    new_size = serializers.IntegerField()
    new_root = serializers.CharField()
    hashes = serializers.ListField(child=serializers.CharField())


class Entries(APIView):
    """Entries from an index on, or about one subject."""

    permission_classes = (MayReadTheLog,)

    @extend_schema(
        operation_id="log_entries_list",
        parameters=[EntriesInput],
        responses=LogEntriesOutput,
    )
    def get(self, request: Request, **_path: str) -> Response:
        wanted = _valid(EntriesInput, request.query_params)
        limit = wanted["limit"]
        found = list(
            entries(
                subject=wanted.get("subject"), since=wanted["since"], limit=limit + 1
            )
        )
        further = found[limit].index if len(found) > limit else None
        return Response(
            {"results": [_printed(entry) for entry in found[:limit]], "next": further}
        )


class OneEntry(APIView):
    """One entry by its index."""

    permission_classes = (MayReadTheLog,)

    @extend_schema(responses=LogEntryOutput)
    def get(self, request: Request, index: int, **_path: str) -> Response:
        return Response(_printed(entry_at(index)))


class ProofOfEntry(APIView):
    """That an entry is in the signed log, as a C2SP tlog-proof."""

    permission_classes = (MayReadTheLog,)

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, index: int, **_path: str) -> HttpResponse:
        return HttpResponse(
            inclusion.inclusion_proof(index), content_type="text/plain; charset=utf-8"
        )


class Consistency(APIView):
    """That an old tree is a prefix of a newer one (`?from=&to=`)."""

    permission_classes = (MayReadTheLog,)

    @extend_schema(
        parameters=[
            OpenApiParameter("from", int, required=True),
            OpenApiParameter("to", int, description="the newest signed size if absent"),
        ],
        responses=ConsistencyOutput,
    )
    def get(self, request: Request, **_path: str) -> Response:
        asked = {"old": request.query_params.get("from")}
        if "to" in request.query_params:
            asked["new"] = request.query_params["to"]
        sizes = _valid(ConsistencyInput, asked)
        proof = inclusion.consistency(sizes["old"], sizes["new"])
        return Response(
            {
                "old_size": proof.old_size,
                "old_root": _base64(proof.old_root),
                "new_size": proof.new_size,
                "new_root": _base64(proof.new_root),
                "hashes": [_base64(item) for item in proof.hashes],
            }
        )


def _valid(serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    filled = serializer(data=data)
    filled.is_valid(raise_exception=True)
    fields: dict[str, Any] = filled.validated_data
    return fields


def _printed(entry: LogEntry) -> dict[str, Any]:
    return {
        "index": entry.index,
        "state": entry.state,
        "leaf_hash": entry.leaf_hash,
        "event": json.loads(entry.body),
        "body": _base64(entry.body),
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
