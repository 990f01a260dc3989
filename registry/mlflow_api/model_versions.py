"""`model-versions/…` of MLflow's API."""

import posixpath
from typing import Annotated, Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from msgspec import Meta, Struct, field

from audit.errors import NotFoundError
from registry.mlflow_api.fields import (
    Address,
    ModelName,
    Tags,
    TagValue,
    Words,
    pairs,
    refuse_prompt,
)
from registry.mlflow_api.finding import (
    named_model,
    named_version,
    saying_where_to_ask,
    visible_versions,
)
from registry.mlflow_api.printing import (
    new_version_shown,
    version_shown,
    versions_shown,
)
from registry.mlflow_api.sources import source_of
from registry.mlflow_api.stages import stage_named
from registry.models.lines import versions_of
from registry.search.model_versions import search_model_versions
from registry.services import tags
from registry.services.archiving import archive_version
from registry.services.model_versions import version_of_source
from registry.services.stages import move_version
from registry.services.version_listings import describe_version
from tracking.mlflow_api.artifacts import download, without_nul
from tracking.mlflow_api.endpoint import Caller, authenticate, endpoint, question
from tracking.mlflow_api.fields import Key, Text
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.search.pages import page_of

MOST_VERSIONS = 200_000
USUAL_PAGE = 10_000


class Create(Struct):
    """`model-versions/create`."""

    name: ModelName
    source: Address
    run_id: Text = ""
    model_id: Text = ""
    run_link: Text = ""
    description: Words = ""
    tags: Tags = field(default_factory=list)


class Named(Struct):
    """A version by model and number."""

    name: Text
    version: Text


class Update(Struct):
    """`model-versions/update`."""

    name: Text
    version: Text
    description: Words = ""


class SetTag(Struct):
    """`model-versions/set-tag`."""

    name: Text
    version: Text
    key: Key
    value: TagValue = ""


class DeleteTag(Struct):
    """`model-versions/delete-tag`."""

    name: Text
    version: Text
    key: Key


class TransitionStage(Struct):
    """`model-versions/transition-stage`."""

    name: Text
    version: Text
    stage: Text
    archive_existing_versions: bool = False


class Search(Struct):
    """`model-versions/search`."""

    filter: Text = ""
    max_results: Annotated[int, Meta(ge=1, le=MOST_VERSIONS)] = USUAL_PAGE
    order_by: list[Text] = field(default_factory=list)
    page_token: Text = ""


@endpoint(Create)
def create(caller: Caller, message: Create) -> dict[str, Any]:
    tags_of_version = pairs(message.tags)
    version, is_new = version_of_source(
        named_model(caller, message.name),
        source=source_of(
            caller,
            address=message.source,
            run_id=message.run_id,
            model_id=message.model_id,
        ),
        description=message.description,
        tags=tags_of_version,
        run_link=message.run_link,
        actor=caller.user,
    )
    if is_new:
        return {"model_version": new_version_shown(version, tags_of_version)}
    return {"model_version": version_shown(version)}


@endpoint(Named)
def get(caller: Caller, message: Named) -> dict[str, Any]:
    version = named_version(caller, message.name, message.version)
    return {"model_version": version_shown(version)}


@endpoint(Update)
def update(caller: Caller, message: Update) -> dict[str, Any]:
    version = named_version(caller, message.name, message.version)
    version.listing = describe_version(
        version, description=message.description, actor=caller.user
    )
    return {"model_version": version_shown(version)}


@endpoint(Named)
def delete(caller: Caller, message: Named) -> dict[str, Any]:
    version = named_version(caller, message.name, message.version)
    archive_version(version, actor=caller.user)
    return {}


@endpoint(SetTag)
def set_tag(caller: Caller, message: SetTag) -> dict[str, Any]:
    refuse_prompt({message.key: message.value})
    tags.tag_version(
        named_version(caller, message.name, message.version),
        key=message.key,
        value=message.value,
        actor=caller.user,
    )
    return {}


@endpoint(DeleteTag)
def delete_tag(caller: Caller, message: DeleteTag) -> dict[str, Any]:
    version = named_version(caller, message.name, message.version)
    tags.remove_version_tag(version, key=message.key, actor=caller.user)
    return {}


@endpoint(TransitionStage)
def transition_stage(caller: Caller, message: TransitionStage) -> dict[str, Any]:
    stage = stage_named(message.stage)
    version = named_version(caller, message.name, message.version)
    with saying_where_to_ask(caller):
        move_version(
            version,
            to=stage,
            archives_others=message.archive_existing_versions,
            actor=caller.user,
        )
    return {"model_version": version_shown(version)}


@endpoint(Named)
def get_download_uri(caller: Caller, message: Named) -> dict[str, Any]:
    version = named_version(caller, message.name, message.version)
    return {"artifact_uri": version.artifact_uri}


def one_file(
    request: HttpRequest, workspace: str = DEFAULT_WORKSPACE
) -> HttpResponseBase:
    """Stream `?path=` of a version (`?name=&version=`), as links of MLflow's pages do."""
    caller = authenticate(request, workspace)
    name, number, path = (
        without_nul(request.GET.get(field, "")) for field in ("name", "version", "path")
    )
    version = named_version(caller, name, number)
    holder = version.logged_model or version.source_run
    if holder is None:
        raise NotFoundError(
            "version_unlinked",
            f"The files of {version} are not stored here: fetch them from where its "
            f"source says.",
        )
    if version.artifact is not None:
        return download(request, holder, version.artifact.path)
    return download(request, holder, posixpath.join(version.folder, path))


@endpoint(Search)
def search(caller: Caller, message: Search) -> dict[str, Any]:
    page = page_of(
        search_model_versions(
            visible_versions(caller),
            filter_string=message.filter,
            order_by=message.order_by,
        ).values_list("pk", flat=True),
        query=question(caller, message),
        size=message.max_results,
        token=message.page_token,
    )
    answer: dict[str, Any] = {}
    if page.rows:
        found = versions_of(page.rows)
        answer["model_versions"] = versions_shown(found, caller.workspace)
    if page.next_token:
        answer["next_page_token"] = page.next_token
    return answer
