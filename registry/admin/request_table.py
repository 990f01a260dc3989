"""A table of promotion requests, as the pages of versions and policies show it."""

from collections.abc import Iterable

from audit.admin import badge, link, table, utc
from registry.models import PromotionRequest
from tracking.admin.rows import link_to_person


def request_table(requests: Iterable[PromotionRequest]) -> str:
    """Return an HTML table with a link to each request."""
    return table(
        ("request", "state", "asked by", "asked at"),
        (
            (
                link(request),
                badge(request.state),
                link_to_person(request.requested_by),
                utc(request.created_at),
            )
            for request in requests
        ),
    )
