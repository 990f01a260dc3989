"""Calls of MLflow's model registry API."""

from registry.events import RegistryEvent as E
from registry.services.aliases import set_alias
from registry.services.tags import tag_model, tag_version
from tests import factories
from tests.every_route.asking import Ask, Table
from tests.every_route.mlflow_tracking import MLFLOW, TAG

TABLE = Table()
MODELS, VERSIONS = f"{MLFLOW}registered-models/", f"{MLFLOW}model-versions/"


def on_model(workspace, people, **body):
    factories.model(workspace, people)
    return Ask(people.alice, {"name": "credit"} | body)


def on_version(workspace, people, **body):
    factories.version(workspace, people)
    return Ask(people.alice, {"name": "credit", "version": "1"} | body)


@TABLE.call("POST", f"{MODELS}create", E.MODEL_REGISTERED)
def create_model(workspace, people):
    return Ask(people.alice, {"name": "scorer", "tags": [TAG]})


@TABLE.call("POST", f"{MODELS}rename", E.MODEL_RENAMED)
def rename_model(workspace, people):
    return on_model(workspace, people, new_name="loans")


@TABLE.call("PATCH", f"{MODELS}update", E.MODEL_DESCRIBED)
def describe_model(workspace, people):
    return on_model(workspace, people, description="Tells who pays back.")


@TABLE.call("DELETE", f"{MODELS}delete", E.MODEL_ARCHIVED)
def delete_model(workspace, people):
    return on_model(workspace, people)


@TABLE.call("POST", f"{MODELS}get-latest-versions")
def latest_versions(workspace, people):
    factories.version(workspace, people)
    return Ask(people.alice, {"name": "credit"})


@TABLE.call("POST", f"{MODELS}set-tag", E.MODEL_TAG_SET)
def set_model_tag(workspace, people):
    return on_model(workspace, people, **TAG)


@TABLE.call("DELETE", f"{MODELS}delete-tag", E.MODEL_TAG_REMOVED)
def remove_model_tag(workspace, people):
    tag_model(factories.model(workspace, people), **TAG, actor=people.alice)
    return Ask(people.alice, {"name": "credit", "key": "team"})


@TABLE.call("POST", f"{MODELS}alias", E.ALIAS_SET)
def name_version(workspace, people):
    return on_version(workspace, people, alias="newest")


@TABLE.call("DELETE", f"{MODELS}alias", E.ALIAS_REMOVED)
def remove_alias(workspace, people):
    version = factories.version(workspace, people)
    set_alias(version, name="newest", actor=people.alice)
    return Ask(people.alice, {"name": "credit", "alias": "newest"})


@TABLE.call("POST", f"{VERSIONS}create", E.VERSION_REGISTERED)
def create_version(workspace, people):
    factories.model(workspace, people)
    run = factories.run(workspace, people.alice)
    factories.upload(run, "model/MLmodel", b"model", people.alice)
    body = {"name": "credit", "source": f"runs:/{run.run_id}/model", "tags": [TAG]}
    return Ask(people.alice, body)


@TABLE.call("PATCH", f"{VERSIONS}update", E.VERSION_DESCRIBED)
def describe_version(workspace, people):
    return on_version(workspace, people, description="The first.")


@TABLE.call("DELETE", f"{VERSIONS}delete", E.VERSION_ARCHIVED)
def delete_version(workspace, people):
    return on_version(workspace, people)


# Where a policy governs, asking for the stage redeems the approval.
@TABLE.call("POST", f"{VERSIONS}transition-stage", E.VERSION_PROMOTED)
def move_to_production(workspace, people):
    factories.policy(workspace, people)
    factories.approved(factories.version(workspace, people), people)
    body = {"name": "credit", "version": "1", "stage": "Production"}
    return Ask(people.rex, body)


@TABLE.call("POST", f"{VERSIONS}set-tag", E.VERSION_TAG_SET)
def set_version_tag(workspace, people):
    return on_version(workspace, people, **TAG)


@TABLE.call("DELETE", f"{VERSIONS}delete-tag", E.VERSION_TAG_REMOVED)
def remove_version_tag(workspace, people):
    tag_version(factories.version(workspace, people), **TAG, actor=people.alice)
    return Ask(people.alice, {"name": "credit", "version": "1", "key": "team"})
