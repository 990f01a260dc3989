"""`metrics/…` of MLflow's API: the history of a metric, of one run or of several."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct

from audit.errors import InvalidError, NotFoundError
from tracking import access
from tracking.mlflow_api.endpoint import Caller, endpoint, question, visible_run
from tracking.mlflow_api.fields import Key, NamedRun, Step, Text
from tracking.mlflow_api.printing import point
from tracking.models import Metric, Run
from tracking.models.metric import POINT_FIELDS
from tracking.search.pages import page_of
from tracking.search.points import points_in_time_order, sampled_points

MOST_POINTS = 25_000
MOST_RUNS = 100
MOST_POINTS_A_RUN = 2500


class History(NamedRun, kw_only=True):
    """`metrics/get-history`; without `max_results` the whole history is one page."""

    metric_key: Key
    max_results: Annotated[int, Meta(ge=1, le=MOST_POINTS)] | None = None
    page_token: Text = ""


class Bulk(Struct):
    """`metrics/get-history-bulk`; here `run_id` comes several times."""

    run_id: Annotated[list[Text], Meta(min_length=1, max_length=MOST_RUNS)]
    metric_key: Key
    max_results: Annotated[int, Meta(ge=1)] = MOST_POINTS


class BulkInterval(Struct):
    """`metrics/get-history-bulk-interval`: some points of each run, for a curve."""

    run_ids: Annotated[list[Text], Meta(min_length=1, max_length=MOST_RUNS)]
    metric_key: Key
    start_step: Step | None = None
    end_step: Step | None = None
    max_results: Annotated[int, Meta(ge=1, le=MOST_POINTS_A_RUN)] = MOST_POINTS_A_RUN


@endpoint(History)
def get_history(caller: Caller, message: History) -> dict[str, Any]:
    try:
        run = visible_run(caller, message.wanted)
    except NotFoundError:
        return {}  # as MLflow answers for a run that is not there
    points = points_in_time_order(run, message.metric_key)
    if message.max_results is None and not message.page_token:
        return _answer([point(*row) for row in points.values_list(*POINT_FIELDS)])
    page = page_of(
        points,
        query=question(caller, message),
        size=message.max_results or MOST_POINTS,
        token=message.page_token,
    )
    answer = _answer([_shown(found) for found in page.rows])
    if page.next_token:
        answer["next_page_token"] = page.next_token
    return answer


@endpoint(Bulk)
def get_history_bulk(caller: Caller, message: Bulk) -> dict[str, Any]:
    left, found = min(message.max_results, MOST_POINTS), []
    for run in _visible_runs(caller, sorted(set(message.run_id))):
        points = points_in_time_order(run, message.metric_key)[:left]
        shown = [
            {**point(*row), "run_id": run.run_id}
            for row in points.values_list(*POINT_FIELDS)
        ]
        found += shown
        left -= len(shown)
    return {"metrics": found}


@endpoint(BulkInterval)
def get_history_bulk_interval(caller: Caller, message: BulkInterval) -> dict[str, Any]:
    start, end = message.start_step, message.end_step
    if (start is None) != (end is None):
        raise InvalidError(
            "interval_incomplete",
            "Send start_step and end_step, or neither of them.",
        )
    if start is not None and end is not None and start > end:
        raise InvalidError(
            "interval_empty",
            f"The interval begins at step {start} and ends at {end}: swap them.",
        )
    steps = None if start is None or end is None else (start, end)
    return _answer(
        [
            {**point(message.metric_key, *found), "run_id": run.run_id}
            for run in _visible_runs(caller, message.run_ids)
            for found in sampled_points(
                run, key=message.metric_key, steps=steps, most=message.max_results
            )
        ]
    )


def _visible_runs(caller: Caller, ids: Iterable[str]) -> Iterator[Run]:
    """Pass over runs that are not there, as MLflow does."""
    for run_id in ids:
        run = access.visible_run(run_id, workspace=caller.workspace, user=caller.user)
        if run is not None:
            yield run


def _shown(found: Metric) -> dict[str, Any]:
    return point(found.key, found.value, found.is_nan, found.timestamp_ms, found.step)


def _answer(points: list[dict[str, Any]]) -> dict[str, Any]:
    return {"metrics": points} if points else {}
