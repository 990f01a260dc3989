"""How registered models and versions are printed: a page in a fixed number of queries."""

from collections.abc import Mapping, Sequence
from typing import Any

from registry.models import ModelVersion, RegisteredModel
from registry.models.lines import newest_versions
from registry.services.standing import (
    Standing,
    Standings,
    latest_versions,
    standings,
)
from tracking.mlflow_api.printing import milliseconds
from tracking.models import Workspace

READY = "READY"  # what is registered here is there whole


def model_shown(model: RegisteredModel) -> dict[str, Any]:
    return models_shown([model], model.workspace)[0]


def models_shown(
    models: Sequence[RegisteredModel], workspace: Workspace
) -> list[dict[str, Any]]:
    """Return models with the newest version of each stage, in two queries."""
    keys = [model.pk for model in models]
    newest = newest_versions(keys, workspace)
    found = [version.id for version in newest]
    standing = standings(workspace, models=keys, versions=found)
    lines = dict(zip(found, version_lines(newest, standing), strict=True))
    latest = latest_versions(standing, newest)
    return [
        model_line(
            model,
            standing,
            latest=[lines[version.id] for version in latest.get(model.id, {}).values()],
        )
        for model in models
    ]


def model_line(
    model: RegisteredModel, standing: Standings, *, latest: list[dict[str, Any]]
) -> dict[str, Any]:
    aliases = standing.models[model.pk].aliases()
    return {
        "name": model.name,
        "creation_timestamp": milliseconds(model.created_at),
        "last_updated_timestamp": milliseconds(max(model.created_at, model.updated_at)),
        **_unless_empty(
            description=model.description,
            latest_versions=latest,
            tags=pairs_shown(standing.model_tags.get(model.pk, {})),
            aliases=[
                {"alias": name, "version": str(number)}
                for name, number in aliases.items()
            ],
        ),
    }


def new_model_shown(model: RegisteredModel, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return a model that was registered just now, without asking for what it has not."""
    standing = Standings(frozenset(), {model.pk: Standing()}, {model.pk: tags}, {})
    return model_line(model, standing, latest=[])


def new_version_shown(version: ModelVersion, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return a version that was registered just now, without asking for what it has not."""
    model = version.registered_model_id
    standing = Standings(frozenset(), {model: Standing()}, {}, {version.pk: tags})
    return version_lines([version], standing)[0]


def version_shown(version: ModelVersion) -> dict[str, Any]:
    return versions_shown([version], version.registered_model.workspace)[0]


def versions_shown(
    versions: Sequence[ModelVersion], workspace: Workspace
) -> list[dict[str, Any]]:
    standing = standings(
        workspace,
        models=[version.registered_model_id for version in versions],
        versions=[version.pk for version in versions],
    )
    return version_lines(versions, standing)


def version_lines(
    versions: Sequence[ModelVersion], standing: Standings
) -> list[dict[str, Any]]:
    named = {pk: _by_number(one) for pk, one in standing.models.items()}
    return [
        _line(
            version,
            standing,
            named[version.registered_model_id].get(version.number, []),
        )
        for version in versions
    ]


def _line(
    version: ModelVersion, standing: Standings, aliases: list[str]
) -> dict[str, Any]:
    listing, run, logged = version.listing, version.source_run, version.logged_model
    of_model = standing.models[version.registered_model_id]
    return {
        "name": version.registered_model.name,
        "version": str(version.number),
        "creation_timestamp": milliseconds(version.created_at),
        "last_updated_timestamp": milliseconds(listing.updated_at),
        "user_id": version.created_by.username,
        "current_stage": of_model.stage(version.pk, listing.stage),
        "source": version.source,
        "status": READY,
        **_unless_empty(
            description=listing.description,
            run_id=run.run_id if run else "",
            model_id=logged.model_id if logged else "",
            run_link=version.run_link,
            tags=pairs_shown(standing.version_tags.get(version.pk, {})),
            aliases=aliases,
        ),
    }


def _by_number(standing: Standing) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for name, number in sorted(standing.aliases().items()):
        found.setdefault(number, []).append(name)
    return found


def pairs_shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def _unless_empty(**fields: Any) -> dict[str, Any]:
    """Leave empty lists and texts out, as MLflow does."""
    return {name: value for name, value in fields.items() if value}
