"""Named places at which a test kills this process; nothing happens anywhere else.

`ATTESTRY_KILL_AT=<point>:<n>` sends SIGKILL at the n-th time that a point is reached.
"""

import os
import signal
from collections import Counter

from django.conf import settings

POINTS = (
    "head locked",
    "pending taken",
    "entries written",
    "head moved",
    "integration committed",
    "head locked for signing",
    "guard written",
    "checkpoint written",
    "checkpoint committed",
    "bundle published",
    "bundles published",
    "tile published",
    "tiles published",
    "checkpoint published",
)
_hits: Counter[str] = Counter()


def reached(point: str) -> None:
    if not settings.ATTESTRY_KILL_AT:
        return
    _hits[point] += 1
    if f"{point}:{_hits[point]}" == settings.ATTESTRY_KILL_AT:
        os.kill(os.getpid(), signal.SIGKILL)
