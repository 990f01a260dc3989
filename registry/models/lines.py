"""Models and versions as the lines of MLflow's catalogue print them, in one query each.

By hand, because every deployment and every training run asks for them: put together by
the ORM, the joins of a version took as long as all else of an answer.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import models

from registry.models.contents import SERVING, now
from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel
from registry.models.version_listing import ENVIRONMENT_OF, VersionListing
from tracking.models import LoggedModel, Run, Workspace
from tracking.models.rights import sees
from tracking.models.rows import any_of, columns, fetched, taken, with_any_of


def _all_of(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


_MODEL = _all_of(RegisteredModel)
_VERSION = _all_of(ModelVersion)
# What a version brings along: alias, field, table, its columns.
_Along = tuple[tuple[str, str, type[models.Model], tuple[str, ...]], ...]


def _along(of_model: tuple[str, ...]) -> _Along:
    return (
        ("l", "listing", VersionListing, _all_of(VersionListing)),
        ("m", "registered_model", RegisteredModel, of_model),
        ("u", "created_by", User, ("id", "username")),
        ("r", "source_run", Run, ("id", "run_id", "experiment_id")),
        ("g", "logged_model", LoggedModel, ("id", "model_id", "experiment_id")),
    )


# A version that somebody works on, and versions by the hundred, which are only printed.
_ALONG = _along(_MODEL)
_ALONG_IN_LISTS = _along(("id", "workspace_id", "name"))

# Put together from the words above and never from what somebody sends.
_SEES = sees(
    "'registry'", "'registeredmodel'", "'view_registeredmodel'", pk="m.id", user="a.id"
)
_MODELS = f"SELECT {columns('m', _MODEL)} FROM registry_registeredmodel m"  # noqa: S608 - words of this module
_VISIBLE_MODEL = f"""{_MODELS}
JOIN auth_user a ON a.id = %s
WHERE m.workspace_id = %s AND m.name = %s AND m.archived_at IS NULL AND {_SEES}
"""


def _versions(along: _Along) -> str:
    parts = ", ".join(columns(alias, names) for alias, _, _, names in along)
    return f"SELECT {columns('v', _VERSION)}, {parts} {_FROM}"


_FROM = """
FROM registry_modelversion v
JOIN registry_versionlisting l ON l.version_id = v.id
JOIN registry_registeredmodel m ON m.id = v.registered_model_id
JOIN auth_user u ON u.id = v.created_by_id
LEFT JOIN tracking_run r ON r.id = v.source_run_id
LEFT JOIN tracking_loggedmodel g ON g.id = v.logged_model_id
"""
_LISTED = _versions(_ALONG_IN_LISTS)
_VISIBLE_VERSION = f"""{_versions(_ALONG)}
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
{_LISTED} JOIN wanted ON wanted.id = v.id ORDER BY v.id
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


def newest_versions(keys: Iterable[int], workspace: Workspace) -> list[ModelVersion]:
    """Return who serves, and the newest of each stored stage, of some models; by key."""
    wanted = any_of(sorted(set(keys)))
    found = fetched(with_any_of(_NEWEST), [now(), wanted, wanted])
    known: dict[tuple[str, int], models.Model] = {}
    return [_version(row, workspace, _ALONG_IN_LISTS, known) for row in found]


def models_of(keys: Sequence[int], workspace: Workspace) -> list[RegisteredModel]:
    """Return the models of some keys, in their order."""
    found = fetched(with_any_of(f"{_MODELS} WHERE m.id {{any_of}}"), [any_of(keys)])
    models = {row[0]: _model(row, workspace) for row in found}
    return [models[key] for key in keys]


def versions_of(keys: Sequence[int], workspace: Workspace) -> list[ModelVersion]:
    """Return the versions of some keys, in their order."""
    found = fetched(with_any_of(f"{_LISTED} WHERE v.id {{any_of}}"), [any_of(keys)])
    known: dict[tuple[str, int], models.Model] = {}
    versions = {
        row[0]: _version(row, workspace, _ALONG_IN_LISTS, known) for row in found
    }
    return [versions[key] for key in keys]


def _model(values: Sequence[Any], workspace: Workspace) -> RegisteredModel:
    model, _ = taken(RegisteredModel, _MODEL, values)
    model._state.fields_cache["workspace"] = workspace
    return model


def _version(
    values: Sequence[Any],
    workspace: Workspace,
    along: _Along = _ALONG,
    known: dict[tuple[str, int], models.Model] | None = None,
) -> ModelVersion:
    """Return a version of its row; what `known` holds of a list is one object in all."""
    version, values = taken(ModelVersion, _VERSION, values)
    held = version._state.fields_cache
    known = {} if known is None else known
    for _, field, model, names in along:
        key = (field, values[0])
        if values[0] is not None and key not in known:
            known[key], _ = taken(model, names, values)
        held[field] = known.get(key)
        values = values[len(names) :]
    held["registered_model"]._state.fields_cache["workspace"] = workspace
    return version
