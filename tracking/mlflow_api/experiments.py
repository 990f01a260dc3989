"""`experiments/…` of MLflow's API."""

from typing import Annotated, Any

from django.db.models import QuerySet
from msgspec import Meta, Struct, field

from audit.errors import NotFoundError
from tracking.mlflow_api.endpoint import (
    DEFAULT_EXPERIMENT_ID,
    Caller,
    endpoint,
    experiments_named,
    question,
    visible_experiment,
    visible_experiments,
)
from tracking.mlflow_api.fields import (
    MOST_EXPERIMENTS,
    MOST_ITEMS,
    NO_NUL,
    Key,
    Name,
    Text,
)
from tracking.mlflow_api.printing import default_experiment_shown, experiment_shown
from tracking.mlflow_api.view_types import Number, ViewType, in_view
from tracking.models import Experiment
from tracking.models.experiment import DEFAULT_EXPERIMENT
from tracking.search.datasets import dataset_summaries
from tracking.search.experiments import search_experiments
from tracking.search.pages import page_of
from tracking.services import experiments

# MLflow's own limit, as that of a source.
LONGEST_LOCATION = 2048
LOCATION_TAG = "attestry.wanted_artifact_location"
TagValue = Annotated[str, Meta(max_length=20_000, pattern=NO_NUL)]


class ExperimentTag(Struct):
    """A key and a value of at most 20,000 characters."""

    key: Key
    value: TagValue = ""


class Create(Struct):
    """`experiments/create`."""

    name: Name
    artifact_location: Annotated[Text, Meta(max_length=LONGEST_LOCATION)] = ""
    tags: Annotated[list[ExperimentTag], Meta(max_length=MOST_ITEMS)] = field(
        default_factory=list
    )


class Named(Struct):
    """An experiment by its id."""

    experiment_id: Text


class ByName(Struct):
    """`experiments/get-by-name`."""

    experiment_name: Name


class Update(Struct):
    """`experiments/update`."""

    experiment_id: Text
    new_name: Name


class SetTag(Struct):
    """`experiments/set-experiment-tag`."""

    experiment_id: Text
    key: Key
    value: TagValue = ""


class DeleteTag(Struct):
    """`experiments/delete-experiment-tag`."""

    experiment_id: Text
    key: Key


class Search(Struct):
    """`experiments/search`; MLflow wants `max_results`."""

    max_results: Annotated[int, Meta(ge=1, le=MOST_EXPERIMENTS)]
    page_token: Text = ""
    filter: Text = ""
    order_by: list[Text] = field(default_factory=list)
    view_type: ViewType | Number = ViewType.ACTIVE_ONLY


class SearchDatasets(Struct):
    """`experiments/search-datasets`, which MLflow's pages ask for."""

    experiment_ids: Annotated[list[Text], Meta(min_length=1, max_length=20)]


@endpoint(Create)
def create(caller: Caller, message: Create) -> dict[str, Any]:
    """Make an experiment; its artifacts are kept here, wherever the client wants them.

    Each has a digest in the log for that. The wish is kept as a tag.
    """
    wish = (
        {LOCATION_TAG: message.artifact_location} if message.artifact_location else {}
    )
    experiment = experiments.create_experiment(
        caller.workspace,
        name=message.name,
        tags={tag.key: tag.value for tag in message.tags} | wish,
        actor=caller.user,
    )
    return {"experiment_id": str(experiment.pk)}


@endpoint(Named)
def get(caller: Caller, message: Named) -> dict[str, Any]:
    if message.experiment_id == DEFAULT_EXPERIMENT_ID and _has_no_default(caller):
        return {"experiment": default_experiment_shown()}
    experiment = visible_experiment(caller, message.experiment_id)
    return {"experiment": experiment_shown(experiment)}


@endpoint(ByName)
def get_by_name(caller: Caller, message: ByName) -> dict[str, Any]:
    experiment = (
        visible_experiments(caller).filter(name=message.experiment_name).first()
    )
    if experiment is None:
        if message.experiment_name == DEFAULT_EXPERIMENT and _has_no_default(caller):
            return {"experiment": default_experiment_shown()}
        raise NotFoundError(
            "experiment_unknown",
            f"There is no experiment {message.experiment_name!r} in {caller.workspace} "
            f"that you may see: create it.",
        )
    return {"experiment": experiment_shown(experiment)}


def _has_no_default(caller: Caller) -> bool:
    """Say whether nobody has one, seen by the caller or not."""
    found = Experiment.objects.filter(workspace=caller.workspace)
    return not found.filter(name=DEFAULT_EXPERIMENT).exists()


@endpoint(Update)
def update(caller: Caller, message: Update) -> dict[str, Any]:
    experiment = visible_experiment(caller, message.experiment_id)
    experiments.rename_experiment(experiment, name=message.new_name, actor=caller.user)
    return {}


@endpoint(Named)
def delete(caller: Caller, message: Named) -> dict[str, Any]:
    experiment = visible_experiment(caller, message.experiment_id)
    experiments.archive_experiment(experiment, actor=caller.user)
    return {}


@endpoint(Named)
def restore(caller: Caller, message: Named) -> dict[str, Any]:
    experiment = visible_experiment(caller, message.experiment_id)
    experiments.restore_experiment(experiment, actor=caller.user)
    return {}


@endpoint(SetTag)
def set_tag(caller: Caller, message: SetTag) -> dict[str, Any]:
    experiments.tag_experiment(
        visible_experiment(caller, message.experiment_id),
        key=message.key,
        value=message.value,
        actor=caller.user,
    )
    return {}


@endpoint(DeleteTag)
def delete_tag(caller: Caller, message: DeleteTag) -> dict[str, Any]:
    experiment = visible_experiment(caller, message.experiment_id)
    experiments.remove_experiment_tag(experiment, key=message.key, actor=caller.user)
    return {}


@endpoint(Search)
def search(caller: Caller, message: Search) -> dict[str, Any]:
    visible: QuerySet[Experiment] = visible_experiments(caller)
    page = page_of(
        search_experiments(
            in_view(visible, message.view_type),
            filter_string=message.filter,
            order_by=message.order_by,
        ).prefetch_related("tags"),
        query=question(caller, message),
        size=message.max_results,
        token=message.page_token,
    )
    answer: dict[str, Any] = {}
    if page.rows:
        answer["experiments"] = [experiment_shown(row) for row in page.rows]
    if page.next_token:
        answer["next_page_token"] = page.next_token
    return answer


@endpoint(SearchDatasets)
def search_datasets(caller: Caller, message: SearchDatasets) -> dict[str, Any]:
    wanted = [row.pk for row in experiments_named(caller, message.experiment_ids)]
    summaries = [
        {
            "experiment_id": str(experiment_id),
            "name": name,
            "digest": digest,
            **({"context": context} if context else {}),
        }
        for experiment_id, name, digest, context in dataset_summaries(wanted)
    ]
    return {"dataset_summaries": summaries} if summaries else {}
