"""The points of one metric: its history, or as many of them as a curve needs."""

from django.db.models import F, QuerySet, Window
from django.db.models.functions import Mod, RowNumber

from tracking.models import Metric, Run


def points_in_time_order(run: Run, key: str) -> QuerySet[Metric]:
    """Return the history of a metric by timestamp, then step, then value."""
    return run.metrics.filter(key=key).order_by("timestamp_ms", "step", "value")


def sampled_points(
    run: Run, *, key: str, steps: tuple[int, int] | None, most: int
) -> list[tuple[float, bool, int, int]]:
    """Return at most `most` points, evenly taken in time; the last one is among them.

    Each as `(value, is_nan, timestamp_ms, step)`, by step. `steps` bounds them, both ends
    included. An index has all of that in the order of time, so a million points are
    neither sorted nor read from the table.
    """
    points = run.metrics.filter(key=key)
    if steps:
        points = points.filter(step__gte=steps[0], step__lte=steps[1])
    stride = -(-points.count() // most)
    if stride > 1:
        # Counted from the end, so that the last point is taken.
        newest_first = [F(name).desc() for name in ("timestamp_ms", "step", "value")]
        from_end = Window(RowNumber(), order_by=newest_first)
        points = points.annotate(skipped=Mod(from_end - 1, stride)).filter(skipped=0)
    taken = points.values_list("value", "is_nan", "timestamp_ms", "step")
    return sorted(taken, key=lambda point: (point[3], point[2], point[0]))
