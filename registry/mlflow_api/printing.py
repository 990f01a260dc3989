"""How registered models and versions are printed: a page in a fixed number of queries."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import prefetch_related_objects

from registry.models import ModelVersion, RegisteredModel
from registry.services.standing import (
    Standing,
    aliases_of,
    latest_versions,
    standings,
)
from tracking.mlflow_api.printing import milliseconds
from tracking.models import Workspace

READY = "READY"  # what is registered here is there whole

Aliases = Mapping[int, Mapping[str, int]]


def model_shown(model: RegisteredModel) -> dict[str, Any]:
    return models_shown([model], model.workspace)[0]


def models_shown(
    models: Sequence[RegisteredModel], workspace: Workspace
) -> list[dict[str, Any]]:
    prefetch_related_objects(list(models), "tags")
    standing = standings((model.pk for model in models), workspace=workspace)
    aliases = aliases_of(standing)
    latest = latest_versions(standing)
    shown = _shown(
        [version for newest in latest.values() for version in newest.values()],
        standing,
        aliases,
    )
    return [
        {
            "name": model.name,
            "creation_timestamp": milliseconds(model.created_at),
            "last_updated_timestamp": milliseconds(
                max(model.created_at, model.updated_at)
            ),
            **_unless_empty(
                description=model.description,
                latest_versions=[
                    shown[version.pk] for version in latest.get(model.pk, {}).values()
                ],
                tags=_tags(model),
                aliases=[
                    {"alias": name, "version": str(number)}
                    for name, number in aliases[model.pk].items()
                ],
            ),
        }
        for model in models
    ]


def version_shown(version: ModelVersion) -> dict[str, Any]:
    return versions_shown([version], version.registered_model.workspace)[0]


def versions_shown(
    versions: Sequence[ModelVersion], workspace: Workspace
) -> list[dict[str, Any]]:
    models = {version.registered_model_id for version in versions}
    standing = standings(models, workspace=workspace)
    shown = _shown(versions, standing, aliases_of(standing))
    return [shown[version.pk] for version in versions]


def _shown(
    versions: Sequence[ModelVersion], standing: Mapping[int, Standing], aliases: Aliases
) -> dict[int, dict[str, Any]]:
    prefetch_related_objects(list(versions), "tags")
    return {
        version.pk: _line(
            version,
            standing[version.registered_model_id],
            aliases[version.registered_model_id],
        )
        for version in versions
    }


def _line(
    version: ModelVersion, standing: Standing, aliases: Mapping[str, int]
) -> dict[str, Any]:
    listing, run, logged = version.listing, version.source_run, version.logged_model
    return {
        "name": version.registered_model.name,
        "version": str(version.number),
        "creation_timestamp": milliseconds(version.created_at),
        "last_updated_timestamp": milliseconds(listing.updated_at),
        "user_id": version.created_by.username,
        "current_stage": standing.stage(version.pk, listing.stage),
        "source": version.source,
        "status": READY,
        **_unless_empty(
            description=listing.description,
            run_id=run.run_id if run else "",
            model_id=logged.model_id if logged else "",
            run_link=version.run_link,
            tags=_tags(version),
            aliases=sorted(
                name for name, number in aliases.items() if number == version.number
            ),
        ),
    }


def _tags(owner: RegisteredModel | ModelVersion) -> list[dict[str, str]]:
    pairs = [{"key": tag.key, "value": tag.value} for tag in owner.tags.all()]
    return sorted(pairs, key=lambda pair: pair["key"])


def _unless_empty(**fields: Any) -> dict[str, Any]:
    """Leave empty lists and texts out, as MLflow does."""
    return {name: value for name, value in fields.items() if value}
