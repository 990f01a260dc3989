"""Pages of the native API's lists."""

from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request

# Past the end of every list, and a number that databases can count to.
FARTHEST = 2**31 - 1


class Pages(LimitOffsetPagination):
    """`limit` and `offset`, which may be any number and ask for no more than is sane."""

    max_limit = 1000

    def get_offset(self, request: Request) -> int:
        return min(super().get_offset(request), FARTHEST)
