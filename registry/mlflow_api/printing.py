"""How registered models and versions are printed: a page in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from registry.models import ModelVersion, RegisteredModel
from registry.models.lines import (
    ModelLine,
    VersionLine,
    line_of_model,
    line_of_version,
    newest_versions,
)
from registry.services.standing import Standing, Standings, standings
from tracking.mlflow_api.printing import milliseconds
from tracking.models import Workspace

READY = "READY"  # what is registered here is there whole


def model_shown(model: RegisteredModel) -> dict[str, Any]:
    return models_shown([line_of_model(model)], model.workspace)[0]


def models_shown(
    models: Sequence[ModelLine], workspace: Workspace
) -> list[dict[str, Any]]:
    """Return models with the newest version of each stage, in two queries."""
    standing, latest = latest_shown([model.id for model in models], workspace)
    return [
        _model(model, standing, latest=[*latest[model.id].values()]) for model in models
    ]


def latest_shown(
    models: Sequence[int], workspace: Workspace
) -> tuple[Standings, dict[int, dict[str, dict[str, Any]]]]:
    """Return how models stand, and of each model the newest version in each stage."""
    newest = newest_versions(models)
    standing = standings(
        workspace, models=models, versions=[version.id for version in newest]
    )
    latest: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
    # By key, so that the newest counts where two stored stages mean none.
    for version in newest:
        shown = _version(version, standing)
        latest[version.registered_model_id][shown["current_stage"]] = shown
    return standing, latest


def new_model_shown(model: RegisteredModel, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return a model that was registered just now, without asking for what it has not."""
    standing = Standings(frozenset(), {model.pk: Standing()}, {model.pk: tags}, {})
    return _model(line_of_model(model), standing, latest=[])


def new_version_shown(version: ModelVersion, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return a version that was registered just now, without asking for what it has not."""
    model = version.registered_model_id
    standing = Standings(frozenset(), {model: Standing()}, {}, {version.pk: tags})
    return _version(line_of_version(version), standing)


def version_shown(version: ModelVersion) -> dict[str, Any]:
    workspace = version.registered_model.workspace
    return versions_shown([line_of_version(version)], workspace)[0]


def versions_shown(
    versions: Sequence[VersionLine], workspace: Workspace
) -> list[dict[str, Any]]:
    standing = standings(
        workspace,
        models=[version.registered_model_id for version in versions],
        versions=[version.id for version in versions],
    )
    return [_version(version, standing) for version in versions]


def _model(
    model: ModelLine, standing: Standings, *, latest: list[dict[str, Any]]
) -> dict[str, Any]:
    aliases = standing.models[model.id].aliases()
    return {
        "name": model.name,
        "creation_timestamp": milliseconds(model.created_at),
        "last_updated_timestamp": milliseconds(max(model.created_at, model.updated_at)),
        **_unless_empty(
            description=model.description,
            latest_versions=latest,
            tags=pairs_shown(standing.model_tags.get(model.id, {})),
            aliases=[
                {"alias": name, "version": str(number)}
                for name, number in aliases.items()
            ],
        ),
    }


def _version(version: VersionLine, standing: Standings) -> dict[str, Any]:
    of_model = standing.models[version.registered_model_id]
    return {
        "name": version.model_name,
        "version": str(version.number),
        "creation_timestamp": milliseconds(version.created_at),
        "last_updated_timestamp": milliseconds(version.updated_at),
        "user_id": version.username,
        "current_stage": of_model.stage(version.id, version.stage),
        "source": version.source,
        "status": READY,
        **_unless_empty(
            description=version.description,
            run_id=version.run_id,
            model_id=version.model_id,
            run_link=version.run_link,
            tags=pairs_shown(standing.version_tags.get(version.id, {})),
            aliases=of_model.names.get(version.number),
        ),
    }


def pairs_shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def _unless_empty(**fields: Any) -> dict[str, Any]:
    """Leave empty lists and texts out, as MLflow does."""
    return {name: value for name, value in fields.items() if value}
