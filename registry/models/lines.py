"""Models and versions as the lines of MLflow's catalogue print them, in one query each.

By hand, because every deployment and every training run asks for them: put together by
the ORM, the joins of a version took as long as all else of an answer. One that somebody
works on comes as a model, those that come by the hundred as the line that is printed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import models

from registry.models.contents import SERVING, now
from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel
from registry.models.version_listing import ENVIRONMENT_OF, VersionListing
from tracking.models import LoggedModel, Run, Workspace
from tracking.models.rights import sees
from tracking.models.rows import (
    any_of,
    columns,
    every_column,
    fetched,
    taken,
    with_any_of,
)


class ModelLine(NamedTuple):
    """What a line says of a model itself."""

    id: int
    name: str
    description: str
    created_at: datetime
    updated_at: datetime


class VersionLine(NamedTuple):
    """What a line says of a version itself; without run or logged model, None."""

    id: int
    registered_model_id: int
    number: int
    source: str
    run_link: str
    created_at: datetime
    updated_at: datetime
    stage: str
    description: str
    model_name: str
    username: str
    run_id: str | None
    model_id: str | None


_MODEL = every_column(RegisteredModel)
_VERSION = every_column(ModelVersion)
# What a version brings along: alias, field, table, its columns.
_ALONG: tuple[tuple[str, str, type[models.Model], tuple[str, ...]], ...] = (
    ("l", "listing", VersionListing, every_column(VersionListing)),
    ("m", "registered_model", RegisteredModel, _MODEL),
    ("u", "created_by", User, ("id", "username")),
    ("r", "source_run", Run, ("id", "run_id", "experiment_id")),
    ("g", "logged_model", LoggedModel, ("id", "model_id", "experiment_id")),
)

# Put together from the words above and never from what somebody sends.
_SEES = sees(
    "'registry'", "'registeredmodel'", "'view_registeredmodel'", pk="m.id", user="a.id"
)
_VISIBLE_MODEL = f"""
SELECT {columns("m", _MODEL)} FROM registry_registeredmodel m
JOIN auth_user a ON a.id = %s
WHERE m.workspace_id = %s AND m.name = %s AND m.archived_at IS NULL AND {_SEES}
"""  # noqa: S608 - words of this module
_MODELS = f"""
SELECT {columns("m", ModelLine._fields)} FROM registry_registeredmodel m
WHERE m.id {{any_of}}
"""  # noqa: S608 - words of this module
_FROM = """
FROM registry_modelversion v
JOIN registry_versionlisting l ON l.version_id = v.id
JOIN registry_registeredmodel m ON m.id = v.registered_model_id
JOIN auth_user u ON u.id = v.created_by_id
LEFT JOIN tracking_run r ON r.id = v.source_run_id
LEFT JOIN tracking_loggedmodel g ON g.id = v.logged_model_id
"""
_LINES = f"""
SELECT v.id, v.registered_model_id, v.number, v.source, v.run_link, v.created_at,
    l.updated_at, l.stage, l.description, m.name, u.username, r.run_id, g.model_id
{_FROM}
"""
_PARTS = ", ".join(columns(alias, names) for alias, _, _, names in _ALONG)
_VISIBLE_VERSION = f"""
SELECT {columns("v", _VERSION)}, {_PARTS} {_FROM}
JOIN auth_user a ON a.id = %s
WHERE m.workspace_id = %s AND m.name = %s AND v.number = %s
    AND m.archived_at IS NULL AND l.archived_at IS NULL AND {_SEES}
"""
_ENVIRONMENTS = ", ".join(f"'{name}'" for name in ENVIRONMENT_OF.values())
_NEWEST = f"""
WITH serving AS (
    SELECT v.id {SERVING} AND s.environment IN ({_ENVIRONMENTS})),
wanted AS (
    SELECT id FROM serving UNION
    SELECT MAX(l.version_id) FROM registry_versionlisting l
    WHERE l.registered_model_id {{any_of}} AND l.archived_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM serving WHERE serving.id = l.version_id)
    GROUP BY l.registered_model_id, l.stage)
{_LINES} JOIN wanted ON wanted.id = v.id ORDER BY v.id
"""  # noqa: S608 - words of this module


def visible_model(
    name: str, *, workspace: Workspace, user: User
) -> RegisteredModel | None:
    """Return a listed model that the user may see."""
    found = fetched(_VISIBLE_MODEL, [user.pk, workspace.pk, name])
    return _model(found[0], workspace) if found else None


def visible_version(
    name: str, number: int, *, workspace: Workspace, user: User
) -> ModelVersion | None:
    """Return a listed version that the user may see."""
    found = fetched(_VISIBLE_VERSION, [user.pk, workspace.pk, name, number])
    return _version(found[0], workspace) if found else None


def newest_versions(keys: Iterable[int]) -> list[VersionLine]:
    """Return who serves, and the newest of each stored stage, of some models; by key."""
    wanted = any_of(sorted(set(keys)))
    found = fetched(with_any_of(_NEWEST), [now(), wanted, wanted])
    return [VersionLine(*row) for row in found]


def models_of(keys: Sequence[int]) -> list[ModelLine]:
    """Return the models of some keys, in their order."""
    found = fetched(with_any_of(_MODELS), [any_of(keys)])
    models = {row[0]: ModelLine(*row) for row in found}
    return [models[key] for key in keys]


def versions_of(keys: Sequence[int]) -> list[VersionLine]:
    """Return the versions of some keys, in their order."""
    found = fetched(with_any_of(f"{_LINES} WHERE v.id {{any_of}}"), [any_of(keys)])
    versions = {row[0]: VersionLine(*row) for row in found}
    return [versions[key] for key in keys]


def line_of_model(model: RegisteredModel) -> ModelLine:
    return ModelLine(*(getattr(model, name) for name in ModelLine._fields))


def line_of_version(version: ModelVersion) -> VersionLine:
    listing, run, logged = version.listing, version.source_run, version.logged_model
    return VersionLine(
        id=version.pk,
        registered_model_id=version.registered_model_id,
        number=version.number,
        source=version.source,
        run_link=version.run_link,
        created_at=version.created_at,
        updated_at=listing.updated_at,
        stage=listing.stage,
        description=listing.description,
        model_name=version.registered_model.name,
        username=version.created_by.username,
        run_id=run.run_id if run else None,
        model_id=logged.model_id if logged else None,
    )


def _model(values: Sequence[Any], workspace: Workspace) -> RegisteredModel:
    model, _ = taken(RegisteredModel, _MODEL, values)
    model._state.fields_cache["workspace"] = workspace
    return model


def _version(values: Sequence[Any], workspace: Workspace) -> ModelVersion:
    version, values = taken(ModelVersion, _VERSION, values)
    held = version._state.fields_cache
    for _, field, model, names in _ALONG:
        part, rest = taken(model, names, values)
        held[field] = None if values[0] is None else part
        values = rest
    held["registered_model"]._state.fields_cache["workspace"] = workspace
    return version
