"""`runs/…` of MLflow's API: create, get, update, search, delete, restore."""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

from django.utils import timezone
from msgspec import Meta, Struct, field

from audit.errors import InvalidError
from tracking.mlflow_api.endpoint import (
    Caller,
    endpoint,
    experiments_named,
    home_of,
    question,
    visible_run,
)
from tracking.mlflow_api.fields import (
    LONGEST_TAG_VALUE,
    ExperimentIds,
    NamedRun,
    RunName,
    Tags,
    Text,
)
from tracking.mlflow_api.printing import run_info, run_shown, runs_shown
from tracking.mlflow_api.view_types import Number, ViewType, in_view
from tracking.models import Run
from tracking.models.run import RunStatus
from tracking.search.conditions import LATEST_TIME_MS
from tracking.search.pages import page_of
from tracking.search.runs import search_runs
from tracking.services.runs import (
    RUN_NAME_TAG,
    archive_run,
    create_run,
    restore_run,
    update_run,
)

LONGEST_NAME = 250
MOST_RUNS = 50_000
StatusNumber = Annotated[int, Meta(ge=1, le=len(RunStatus))]
Moment = Annotated[int, Meta(ge=0, le=LATEST_TIME_MS)]


class Create(Struct):
    """`runs/create`; `user_id` is ignored, because the author is who asks."""

    experiment_id: Text
    run_name: RunName = ""
    start_time: Moment | None = None
    tags: Tags = field(default_factory=list)


class Get(NamedRun, kw_only=True):
    """`runs/get`, `runs/delete`, `runs/restore`."""


class Update(NamedRun, kw_only=True):
    """`runs/update`; an unknown word for the status is ignored, as MLflow does.

    The status may be its number in MLflow's protocol, of which an unknown one is refused.
    """

    status: str | StatusNumber | None = None
    end_time: Moment | None = None
    run_name: RunName | None = None


class Search(Struct):
    """`runs/search`."""

    experiment_ids: ExperimentIds = field(default_factory=list)
    filter: Text = ""
    run_view_type: ViewType | Number = ViewType.ACTIVE_ONLY
    max_results: Annotated[int, Meta(ge=1, le=MOST_RUNS)] = 1000
    order_by: list[Text] = field(default_factory=list)
    page_token: Text = ""


@endpoint(Create)
def create(caller: Caller, message: Create) -> dict[str, Any]:
    tags = {tag.key: tag.value[:LONGEST_TAG_VALUE] for tag in message.tags}
    run = create_run(
        home_of(caller, message.experiment_id),
        name=_name_of(message.run_name, tags.get(RUN_NAME_TAG)),
        started_at=_time(message.start_time) or timezone.now(),
        tags=tags,
        actor=caller.user,
    )
    return {"run": run_shown(run)}


@endpoint(Get)
def get(caller: Caller, message: Get) -> dict[str, Any]:
    return {"run": run_shown(visible_run(caller, message.wanted))}


@endpoint(Update)
def update(caller: Caller, message: Update) -> dict[str, Any]:
    run = update_run(
        visible_run(caller, message.wanted),
        status=_status(message.status),
        ended_at=_time(message.end_time),
        name=message.run_name,
        actor=caller.user,
    )
    return {"run_info": run_info(run)}


@endpoint(Get)
def delete(caller: Caller, message: Get) -> dict[str, Any]:
    archive_run(visible_run(caller, message.wanted), actor=caller.user)
    return {}


@endpoint(Get)
def restore(caller: Caller, message: Get) -> dict[str, Any]:
    restore_run(visible_run(caller, message.wanted), actor=caller.user)
    return {}


@endpoint(Search)
def search(caller: Caller, message: Search) -> dict[str, Any]:
    experiments = experiments_named(caller, message.experiment_ids)
    runs = Run.objects.filter(experiment__in=[row.pk for row in experiments])
    found = search_runs(
        in_view(runs, message.run_view_type).select_related("created_by"),
        filter_string=message.filter,
        order_by=message.order_by,
    )
    page = page_of(
        found.rows,
        first=found.first,
        query=question(caller, message),
        size=message.max_results,
        token=message.page_token,
    )
    answer: dict[str, Any] = {}
    if page.rows:
        answer["runs"] = runs_shown(page.rows)
    if page.next_token:
        answer["next_page_token"] = page.next_token
    return answer


def _status(named: str | int | None) -> RunStatus | None:
    numbered = {str(number): status for number, status in enumerate(RunStatus, start=1)}
    known = {**numbered, **RunStatus.__members__}
    return known.get(str(named))


def _time(milliseconds: int | None) -> datetime | None:
    if not milliseconds:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _name_of(named: str, tag: str | None) -> str:
    """Return the name, or a random one; as a tag it could be too long for a name."""
    if named and tag and named != tag:
        raise InvalidError(
            "run_named_twice",
            f"run_name is {named!r} and the tag {RUN_NAME_TAG} is {tag[:LONGEST_NAME]!r}: "
            f"send one of them, or the same twice.",
        )
    name = named or tag
    if name and len(name) > LONGEST_NAME:
        raise InvalidError(
            "run_name_too_long",
            f"A run name has at most {LONGEST_NAME} characters: shorten it.",
        )
    return name or f"run-{secrets.token_hex(4)}"
