"""`logged-models…` of MLflow 3's API."""

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from audit.errors import InvalidError
from tracking.mlflow_api.endpoint import (
    Caller,
    endpoint,
    experiments_named,
    home_of,
    question,
    visible_model,
    visible_run,
)
from tracking.mlflow_api.fields import (
    LONGEST_PARAM_VALUE,
    LONGEST_TAG_VALUE,
    NO_NUL,
    ExperimentIds,
    Param,
    Params,
    Tag,
    Tags,
    Text,
)
from tracking.mlflow_api.printing import models_shown
from tracking.models import LoggedModel
from tracking.models.logged_model import LoggedModelStatus
from tracking.search.logged_models import (
    ModelOrder,
    OnDataset,
    search_logged_models,
)
from tracking.search.pages import page_of
from tracking.services import logged_models

MOST_MODELS = 1000
MOST_DATASETS = 100


class Status(StrEnum):
    """The words of MLflow's protocol for the states of a logged model."""

    PENDING = "LOGGED_MODEL_PENDING"
    READY = "LOGGED_MODEL_READY"
    FAILED = "LOGGED_MODEL_UPLOAD_FAILED"


class Create(Struct):
    """`POST logged-models`."""

    experiment_id: Text
    name: Annotated[str, Meta(max_length=500, pattern=NO_NUL)] = ""
    model_type: Annotated[str, Meta(max_length=500, pattern=NO_NUL)] = ""
    source_run_id: Text = ""
    params: Params = field(default_factory=list)
    tags: Tags = field(default_factory=list)


class Named(Struct):
    """A logged model, named by the path."""

    model_id: Text = ""
    allow_deleted: bool = False


class Finish(Struct):
    """`PATCH logged-models/{id}`."""

    status: Status
    model_id: Text = ""


class LogParams(Struct):
    """`POST logged-models/{id}/params`."""

    model_id: Text = ""
    params: Params = field(default_factory=list)


class SetTags(Struct):
    """`PATCH logged-models/{id}/tags`."""

    model_id: Text = ""
    tags: Tags = field(default_factory=list)


class DeleteTag(Struct):
    """`DELETE logged-models/{id}/tags/{key}`."""

    model_id: Text = ""
    key: Text = ""


class Dataset(Struct):
    """A dataset on which metrics count."""

    dataset_name: Annotated[str, Meta(min_length=1, pattern=NO_NUL)]
    dataset_digest: Text = ""


class Order(Struct):
    """One clause of an order."""

    field_name: Annotated[str, Meta(min_length=1, pattern=NO_NUL)]
    ascending: bool = True
    dataset_name: Text = ""
    dataset_digest: Text = ""


class Search(Struct):
    """`POST logged-models/search`."""

    experiment_ids: ExperimentIds
    filter: Text = ""
    datasets: Annotated[list[Dataset], Meta(max_length=MOST_DATASETS)] = field(
        default_factory=list
    )
    max_results: Annotated[int, Meta(ge=0, le=MOST_MODELS)] = 0
    order_by: list[Order] = field(default_factory=list)
    page_token: Text = ""


@endpoint(Create)
def create(caller: Caller, message: Create) -> dict[str, Any]:
    model = logged_models.create_logged_model(
        home_of(caller, message.experiment_id),
        name=message.name,
        model_type=message.model_type,
        source_run=(
            visible_run(caller, message.source_run_id)
            if message.source_run_id
            else None
        ),
        params=_params(message.params),
        tags=_tags(message.tags),
        actor=caller.user,
    )
    return _answer(model)


@endpoint(Named)
def get(caller: Caller, message: Named) -> dict[str, Any]:
    return _answer(
        visible_model(caller, message.model_id, with_archived=message.allow_deleted)
    )


@endpoint(Finish)
def finish(caller: Caller, message: Finish) -> dict[str, Any]:
    model = logged_models.move_logged_model(
        visible_model(caller, message.model_id),
        to=LoggedModelStatus[message.status.name],
        actor=caller.user,
    )
    return _answer(model)


@endpoint(Named)
def delete(caller: Caller, message: Named) -> dict[str, Any]:
    model = visible_model(caller, message.model_id)
    logged_models.archive_logged_model(model, actor=caller.user)
    return {}


@endpoint(LogParams)
def log_params(caller: Caller, message: LogParams) -> dict[str, Any]:
    logged_models.log_model_params(
        visible_model(caller, message.model_id),
        params=_params(message.params),
        actor=caller.user,
    )
    return {}


@endpoint(SetTags)
def set_tags(caller: Caller, message: SetTags) -> dict[str, Any]:
    logged_models.tag_logged_model(
        visible_model(caller, message.model_id),
        tags=_tags(message.tags),
        actor=caller.user,
    )
    return {}


@endpoint(DeleteTag)
def delete_tag(caller: Caller, message: DeleteTag) -> dict[str, Any]:
    model = visible_model(caller, message.model_id)
    logged_models.remove_model_tag(model, key=message.key, actor=caller.user)
    return {}


@endpoint(Search)
def search(caller: Caller, message: Search) -> dict[str, Any]:
    experiments = experiments_named(caller, message.experiment_ids)
    models = LoggedModel.objects.filter(experiment__in=[row.pk for row in experiments])
    page = page_of(
        search_logged_models(
            models.active(),
            filter_string=message.filter,
            datasets=[
                OnDataset(one.dataset_name, one.dataset_digest)
                for one in message.datasets
            ],
            order_by=[_order(clause) for clause in message.order_by],
        ).prefetch_related("source_run"),
        query=question(caller, message),
        size=message.max_results or 100,
        token=message.page_token,
    )
    answer: dict[str, Any] = {}
    if page.rows:
        answer["models"] = models_shown(page.rows)
    if page.next_token:
        answer["next_page_token"] = page.next_token
    return answer


def _answer(model: LoggedModel) -> dict[str, Any]:
    return {"model": models_shown([model])[0]}


def _order(clause: Order) -> ModelOrder:
    dataset = OnDataset(clause.dataset_name, clause.dataset_digest)
    return ModelOrder(
        clause.field_name,
        descending=not clause.ascending,
        dataset=dataset if clause.dataset_name else None,
    )


def _params(params: list[Param]) -> dict[str, str]:
    if len({param.key for param in params}) != len(params):
        raise InvalidError(
            "param_named_twice",
            "The message names a param twice: send each param once.",
        )
    return {param.key: param.value[:LONGEST_PARAM_VALUE] for param in params}


def _tags(tags: list[Tag]) -> dict[str, str]:
    return {tag.key: tag.value[:LONGEST_TAG_VALUE] for tag in tags}
