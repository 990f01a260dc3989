"""Reads entries with their events, as fast as each database hands them out."""

from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection

from audit.models import Head


class Row(NamedTuple):
    """An entry and its event, as the tables have them now.

    `columns_fit` says that the search columns are those of the body; False says only
    that they are to be looked at more closely.
    """

    place: int
    leaf_hash: bytes
    event_id: int
    body: bytes
    columns_fit: bool
    mac: bytes | None


# The keys of canonical JSON are sorted, so the columns stand before and behind what is
# in no column. In JSON a quote or a backslash would be escaped: such a row does not fit.
_QUERY = """
SELECT n."index", n.leaf_hash, e.id, e.body,
    n.leaf_hash = e.leaf_hash AND <fits>
    AND <find>(e.actor || e.kind || e.subject, '"') = 0
    AND <find>(e.actor || e.kind || e.subject, '\\') = 0,
    e.mac
FROM audit_entry n JOIN audit_event e ON e.id = n.event_id
WHERE n.log_id = %s AND n."index" >= %s AND n."index" < %s
ORDER BY n."index"
"""
_BEGIN = """'{"actor":"' || e.actor || '","at":"' || <at> || '","kind":"' || e.kind
    || '","payload":'"""
_END = """',"subject":"' || e.subject || '","uid":"' || <uid> || '","v":1}'"""
_POSTGRESQL = {
    "fits": """substring(e.body FROM 1 FOR octet_length(<begin>))
        = convert_to(<begin>, 'UTF8')
    AND substring(e.body FROM octet_length(e.body) - octet_length(<end>) + 1)
        = convert_to(<end>, 'UTF8')""",
    "begin": _BEGIN,
    "end": _END,
    "at": """to_char(e.recorded_at AT TIME ZONE 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')""",
    "uid": "e.uid::text",
    "find": "strpos",
}
_SQLITE = {
    "fits": """substr(e.body, 1, length(CAST(<begin> AS BLOB)))
        = CAST(<begin> AS BLOB)
    AND substr(e.body, -length(CAST(<end> AS BLOB))) = CAST(<end> AS BLOB)""",
    "begin": _BEGIN,
    "end": _END,
    "at": "replace(e.recorded_at, ' ', 'T') || '+00:00'",
    "uid": """substr(e.uid, 1, 8) || '-' || substr(e.uid, 9, 4) || '-'
        || substr(e.uid, 13, 4) || '-' || substr(e.uid, 17, 4) || '-'
        || substr(e.uid, 21)""",
    "find": "instr",
}
_TYPES = ["int8", "bytea", "int8", "bytea", "bool", "bytea"]


def read_rows(log: Head, first: int, end: int) -> Iterator[Row]:
    """Yield the rows of some entries, by index; ask for nothing else meanwhile."""
    place = [log.pk, first, end]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(_spelled(_SQLITE), place)
            yield from map(Row._make, cursor)
            return
        # COPY lets the server go on while we hash.
        statement = f"COPY ({_spelled(_POSTGRESQL)}) TO STDOUT (FORMAT BINARY)"
        with cursor.copy(statement, place) as copied:
            copied.set_types(_TYPES)
            yield from map(Row._make, copied.rows())


def _spelled(words: dict[str, str]) -> str:
    query = _QUERY
    for word, meaning in words.items():
        query = query.replace(f"<{word}>", meaning)
    return query
