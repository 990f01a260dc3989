"""The points of one metric: its history, or as many of them as a curve needs."""

from django.db.models import QuerySet, Window
from django.db.models.functions import RowNumber

from tracking.models import Metric, Run

_BY_STEP = ("step", "timestamp_ms", "value", "is_nan")


def points_in_time_order(run: Run, key: str) -> QuerySet[Metric]:
    """Return the history of a metric by timestamp, then step, then value."""
    return run.metrics.filter(key=key).order_by("timestamp_ms", "step", "value")


def sampled_points(
    run: Run, *, key: str, steps: tuple[int, int] | None, most: int
) -> list[tuple[float, bool, int, int]]:
    """Return at most `most` points in the order of their steps, with the last of them.

    Each as `(value, is_nan, timestamp_ms, step)`. `steps` bounds them, both ends included.
    They are those that MLflow's SQL store takes, so that a curve looks the same. The
    database puts them in order, so that no more of a million points come here.
    """
    points = run.metrics.filter(key=key)
    if steps:
        points = points.filter(step__gte=steps[0], step__lte=steps[1])
    count = points.count()
    if count > most:
        place = Window(RowNumber(), order_by=_BY_STEP)
        points = points.annotate(place=place).filter(place__in=_places(count, most))
    taken = points.values_list("value", "is_nan", "timestamp_ms", "step")
    return list(taken.order_by(*_BY_STEP))


def _places(count: int, most: int) -> list[int]:
    """Return where each of `most` parts of equal length begins, and for the last its end.

    The first parts are longer by one if `count` cannot be divided, as in SQL's NTILE.
    """
    length, longer = divmod(count, most)
    begins = [part * length + min(part, longer) + 1 for part in range(most)]
    return [*begins[:-1], count]
