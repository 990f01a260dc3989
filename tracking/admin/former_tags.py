"""What tags were before, as a table on the page of what they were of."""

from collections.abc import Iterable

from audit.admin import NOTHING, table, utc
from tracking.models import FormerTag

MOST_SHOWN = 200


def former_tags(subjects: Iterable[str]) -> str:
    """Print the newest; whoever sees the page of a thing sees what it said before."""
    found = FormerTag.objects.of(subjects)[: MOST_SHOWN + 1]
    rows = [
        (tag.key, tag.value, utc(tag.ended_at), tag.subject)
        for tag in found[:MOST_SHOWN]
    ]
    if len(found) > MOST_SHOWN:
        rows.append(("… and more", NOTHING, NOTHING, NOTHING))
    return table(("tag", "value", "until", "of"), rows)
