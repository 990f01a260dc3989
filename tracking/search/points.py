"""The points of one metric: its history, or as many of them as a curve needs."""

from django.db.models import F, QuerySet, Window
from django.db.models.functions import Mod, RowNumber

from tracking.models import Metric, Run


def points_in_time_order(run: Run, key: str) -> QuerySet[Metric]:
    """Return the history of a metric by timestamp, then step, then value."""
    return run.metrics.filter(key=key).order_by("timestamp_ms", "step", "value")


def sampled_points(
    run: Run, *, key: str, steps: tuple[int, int] | None, most: int
) -> list[Metric]:
    """Return at most `most` points, evenly taken by step; the last one is among them.

    `steps` bounds them, both ends included.
    """
    points = run.metrics.filter(key=key)
    if steps:
        points = points.filter(step__gte=steps[0], step__lte=steps[1])
    stride = -(-points.count() // most)
    if stride < 2:
        return list(points.order_by("step", "timestamp_ms", "value"))
    # Counted from the end, so that the last point is taken.
    from_end = Window(
        RowNumber(), order_by=[F("step").desc(), F("timestamp_ms").desc()]
    )
    taken = points.annotate(skipped=Mod(from_end - 1, stride)).filter(skipped=0)
    return list(taken.order_by("step", "timestamp_ms"))
