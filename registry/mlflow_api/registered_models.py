"""`registered-models/…` of MLflow's API."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from registry.mlflow_api.fields import (
    AliasName,
    ModelName,
    Tags,
    TagValue,
    Words,
    pairs,
    refuse_prompt,
)
from registry.mlflow_api.finding import (
    aliased_version,
    named_model,
    named_version,
    saying_where_to_ask,
    visible_models,
)
from registry.mlflow_api.printing import (
    latest_shown,
    model_shown,
    models_shown,
    new_model_shown,
    version_shown,
)
from registry.mlflow_api.stages import stage_named
from registry.models.lines import models_of
from registry.search.registered_models import search_registered_models
from registry.services import aliases, registered_models, tags
from registry.services.archiving import archive_model
from tracking.mlflow_api.endpoint import Caller, endpoint, question
from tracking.mlflow_api.fields import Key, Text
from tracking.search.pages import page_of

MOST_MODELS = 1000
USUAL_PAGE = 100


class Create(Struct):
    """`registered-models/create`."""

    name: ModelName
    tags: Tags = field(default_factory=list)
    description: Words = ""


class Named(Struct):
    """A registered model by its name."""

    name: Text


class Rename(Struct):
    """`registered-models/rename`."""

    name: Text
    new_name: ModelName


class Update(Struct):
    """`registered-models/update`."""

    name: Text
    description: Words = ""


class SetTag(Struct):
    """`registered-models/set-tag`."""

    name: Text
    key: Key
    value: TagValue = ""


class DeleteTag(Struct):
    """`registered-models/delete-tag`."""

    name: Text
    key: Key


class SetAlias(Struct):
    """`POST registered-models/alias`."""

    name: Text
    alias: AliasName
    version: Text


class NamedAlias(Struct):
    """An alias of a registered model."""

    name: Text
    alias: AliasName


class LatestVersions(Struct):
    """`registered-models/get-latest-versions`; without stages it is about all."""

    name: Text
    stages: list[Text] = field(default_factory=list)


class Search(Struct):
    """`registered-models/search`."""

    filter: Text = ""
    max_results: Annotated[int, Meta(ge=1, le=MOST_MODELS)] = USUAL_PAGE
    order_by: list[Text] = field(default_factory=list)
    page_token: Text = ""


@endpoint(Create)
def create(caller: Caller, message: Create) -> dict[str, Any]:
    is_program = registered_models.is_program(caller.user)
    tags_of_model = pairs(message.tags)
    model = registered_models.register_model(
        caller.workspace,
        name=message.name,
        purpose="",
        owner=None if is_program else caller.user,
        description=message.description,
        tags=tags_of_model,
        actor=caller.user,
    )
    return {"registered_model": new_model_shown(model, tags_of_model)}


@endpoint(Named)
def get(caller: Caller, message: Named) -> dict[str, Any]:
    return {"registered_model": model_shown(named_model(caller, message.name))}


@endpoint(Rename)
def rename(caller: Caller, message: Rename) -> dict[str, Any]:
    model = registered_models.rename_model(
        named_model(caller, message.name), name=message.new_name, actor=caller.user
    )
    return {"registered_model": model_shown(model)}


@endpoint(Update)
def update(caller: Caller, message: Update) -> dict[str, Any]:
    model = registered_models.describe_model(
        named_model(caller, message.name),
        description=message.description,
        actor=caller.user,
    )
    return {"registered_model": model_shown(model)}


@endpoint(Named)
def delete(caller: Caller, message: Named) -> dict[str, Any]:
    archive_model(named_model(caller, message.name), actor=caller.user)
    return {}


@endpoint(SetTag)
def set_tag(caller: Caller, message: SetTag) -> dict[str, Any]:
    refuse_prompt({message.key: message.value})
    tags.tag_model(
        named_model(caller, message.name),
        key=message.key,
        value=message.value,
        actor=caller.user,
    )
    return {}


@endpoint(DeleteTag)
def delete_tag(caller: Caller, message: DeleteTag) -> dict[str, Any]:
    model = named_model(caller, message.name)
    tags.remove_model_tag(model, key=message.key, actor=caller.user)
    return {}


@endpoint(SetAlias)
def set_alias(caller: Caller, message: SetAlias) -> dict[str, Any]:
    version = named_version(caller, message.name, message.version)
    with saying_where_to_ask(caller):
        aliases.set_alias(version, name=message.alias, actor=caller.user)
    return {}


@endpoint(NamedAlias)
def delete_alias(caller: Caller, message: NamedAlias) -> dict[str, Any]:
    model = named_model(caller, message.name)
    aliases.remove_alias(model, name=message.alias, actor=caller.user)
    return {}


@endpoint(NamedAlias)
def get_alias(caller: Caller, message: NamedAlias) -> dict[str, Any]:
    model = named_model(caller, message.name)
    version = aliased_version(caller, model, message.alias)
    return {"model_version": version_shown(version)}


@endpoint(LatestVersions)
def get_latest_versions(caller: Caller, message: LatestVersions) -> dict[str, Any]:
    wanted = {stage_named(word) for word in message.stages}
    model = named_model(caller, message.name)
    _, latest = latest_shown([model.pk], caller.workspace)
    found = [
        shown
        for stage, shown in latest[model.pk].items()
        if not wanted or stage in wanted
    ]
    return {"model_versions": found} if found else {}


@endpoint(Search)
def search(caller: Caller, message: Search) -> dict[str, Any]:
    page = page_of(
        search_registered_models(
            visible_models(caller),
            filter_string=message.filter,
            order_by=message.order_by,
        ).values_list("pk", flat=True),
        query=question(caller, message),
        size=message.max_results,
        token=message.page_token,
    )
    answer: dict[str, Any] = {}
    if page.rows:
        found = models_of(page.rows)
        answer["registered_models"] = models_shown(found, caller.workspace)
    if page.next_token:
        answer["next_page_token"] = page.next_token
    return answer
