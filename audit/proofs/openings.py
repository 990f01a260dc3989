"""What entries only commit to: whether a value is the one, and values that are kept."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from audit.models import PrivateField
from audit.tlog.commitment import commitment


@dataclass(frozen=True)
class Openings:
    """The commitments of one entry with the salts that are kept; erasure takes them."""

    committed: Mapping[str, str]
    salts: dict[str, bytes] = field(default_factory=dict)

    def contradict(self, values: Mapping[str, str]) -> bool:
        """Say whether any of the values, by field, is not what was committed to."""
        return any(
            commitment(salt, field, values[field]) != self.committed.get(field)
            for field, salt in self.salts.items()
            if field in values
        )


def openings(uids: Iterable[str]) -> dict[str, Openings]:
    """Return the openings of entries, by their uid; of one that has none, nothing."""
    rows = PrivateField.objects.filter(event__uid__in=list(uids)).order_by("pk")
    found: dict[str, Openings] = {}
    for row in rows.select_related("event"):
        uid = str(row.event.uid)
        if uid not in found:
            found[uid] = Openings(json.loads(bytes(row.event.body))["private"])
        found[uid].salts[row.field] = bytes(row.salt)
    return found


def kept_values(subject: str, *, field: str) -> set[str]:
    """Return what entries about a subject ever said in a field and nobody has erased."""
    rows = PrivateField.objects.filter(event__subject=subject, field=field)
    return set(rows.values_list("value", flat=True))
