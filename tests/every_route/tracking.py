"""Calls of tracking's native API: datasets, metadata, reproductions."""

from tests import factories
from tests.every_route.asking import Ask, Table
from tests.every_route.promotion import API
from tracking.events import TrackingEvent as E

TABLE = Table()


@TABLE.call("POST", f"{API}datasets/", E.DATASET_REGISTERED)
def register_dataset(workspace, people):
    stated = {"digest": "abc123", "source_type": "local", "source": "loans.csv"}
    return Ask(people.alice, {"name": "loans"} | stated)


@TABLE.call("POST", f"{API}datasets/<int:pk>/cards/", E.DATASET_DESCRIBED)
def describe_dataset(workspace, people):
    dataset = factories.dataset(workspace, people.alice)
    return Ask(people.alice, {"rows": 10}, {"pk": dataset.pk})


@TABLE.call(
    "POST",
    f"{API}sensitive-uses/<int:pk>/acknowledgement/",
    E.SENSITIVE_DATASET_ACKNOWLEDGED,
)
def acknowledge(workspace, people):
    dataset = factories.dataset(workspace, people.alice)
    factories.card(dataset, people.alice)
    factories.use_dataset(factories.run(workspace, people.alice), people.alice)
    use = dataset.sensitive_uses.get()
    return Ask(people.stella, {"note": "Seen."}, {"pk": use.pk})


@TABLE.call("POST", f"{API}metadata-fields/", E.FIELD_DEFINED)
def define_field(workspace, people):
    return Ask(people.paul, {"kind": "param", "key": "team", "type": "text"})


@TABLE.call("POST", f"{API}experiments/<int:pk>/metadata-template/", E.TEMPLATE_SET)
def set_template(workspace, people):
    experiment = factories.experiment(workspace, people.alice)
    return Ask(people.paul, {"artifacts": ["model/*"]}, {"pk": experiment.pk})


@TABLE.call("POST", f"{API}runs/<str:run_id>/reproductions/", E.RUN_REPRODUCED)
def declare_reproduction(workspace, people):
    original, again = (
        factories.end(factories.run(workspace, people.alice, name), people.alice)
        for name in ("first", "again")
    )
    body = {"original": original.run_id}
    return Ask(people.alice, body, {"run_id": again.run_id})
