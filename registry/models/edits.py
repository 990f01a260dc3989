"""What registrations and edits of the catalogue ask, lock and write first.

By hand, because training code waits for each of them.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel
from registry.models.tag import VersionTag
from registry.models.version_listing import Stage, VersionListing
from tracking.models import Workspace
from tracking.models.metadata import BLOCKS_REGISTRATION
from tracking.models.rights import given, sees
from tracking.models.rows import columns, every_column, fetched, for_update, taken

_MODEL = every_column(RegisteredModel)
_LISTING = every_column(VersionListing)
_NEW_MODEL = tuple(name for name in _MODEL if name != "id")
_VERSION = tuple(name for name in every_column(ModelVersion) if name != "id")

# Put together from the words above and never from what somebody sends.
_EDITS = given(
    "'registry'", "'registeredmodel'", "'register_version'", pk="m.id", user="a.id"
)
_LOCKED_MODEL = f"""
SELECT {columns("m", _MODEL)}, a.is_active AND {_EDITS}
FROM registry_registeredmodel m
JOIN auth_user a ON a.id = %s
WHERE m.id = %s
"""  # noqa: S608 - words of this module
_LOCKED_LISTING = f"""
SELECT {columns("l", _LISTING)}, {columns("m", _MODEL)}, a.is_active AND {_EDITS}
FROM registry_versionlisting l
JOIN registry_registeredmodel m ON m.id = l.registered_model_id
JOIN auth_user a ON a.id = %s
WHERE l.version_id = %s
"""  # noqa: S608 - words of this module
# How a version that the user may edit is listed, locked with its model.
LISTING_TO_EDIT = f"""
listing AS (
    SELECT l.version_id, l.registered_model_id FROM registry_versionlisting l
    JOIN registry_registeredmodel m ON m.id = l.registered_model_id
    JOIN auth_user a ON a.id = %s AND a.is_active
    WHERE l.version_id = %s AND {_EDITS}
        AND l.archived_at IS NULL AND m.archived_at IS NULL
    FOR UPDATE OF m, l)
"""  # noqa: S608 - words of this module
# What a registration asks of a name. Below a prefix, names begin alike.
_REGISTERS = [
    given("'tracking'", f"'{kind}'", "'register_model'", pk=pk, user="a.id")
    for kind, pk in (("workspace", "w.id"), ("nameprefix", "n.id"))
]
_SEES_WORKSPACE = sees(
    "'tracking'", "'workspace'", "'view_workspace'", pk="w.id", user="a.id"
)
_NAME = f"""
SELECT
    a.is_active AND ({_REGISTERS[0]} OR EXISTS (
        SELECT 1 FROM tracking_nameprefix n
        WHERE n.workspace_id = w.id AND substr(%s, 1, length(n.prefix)) = n.prefix
            AND {_REGISTERS[1]})),
    a.is_active AND {_SEES_WORKSPACE} AND EXISTS (
        SELECT 1 FROM auth_group g
        JOIN auth_user_groups m ON m.group_id = g.id
        WHERE m.user_id = a.id
            AND substr(g.name, 1, length(w.name) + 1) = w.name || ':'),
    (SELECT m.archived_at IS NULL FROM registry_registeredmodel m
    WHERE m.workspace_id = w.id AND m.name = %s),
    EXISTS (
        SELECT 1 FROM registry_formername f WHERE f.workspace_id = w.id AND f.name = %s)
FROM tracking_workspace w
JOIN auth_user a ON a.id = %s
WHERE w.id = %s
"""  # noqa: S608 - words of this module
# A new model with its tags, unless the name is taken meanwhile.
NEW_MODEL = f"""
subject AS (
    INSERT INTO registry_registeredmodel ({", ".join(_NEW_MODEL)})
    VALUES ({", ".join(["%s"] * len(_NEW_MODEL))})
    ON CONFLICT (workspace_id, name) DO NOTHING RETURNING id),
tagged AS (
    INSERT INTO registry_modeltag (registered_model_id, key, value)
    SELECT subject.id, t.key, t.value FROM subject, json_each_text(%s::json) t),
changed AS (SELECT id FROM subject)
"""  # noqa: S608 - words of this module
_PLACE = """
SELECT
    (SELECT id FROM registry_modelversion
    WHERE registered_model_id = %s AND artifact_sha256 = %s),
    (SELECT MAX(number) FROM registry_modelversion WHERE registered_model_id = %s)
"""
# The next version of a model that the user may edit, with how it is listed, its tags, and
# when its model was changed last; nothing if its run may lack metadata that are asked for,
# or its number or content is taken meanwhile. Keys are cast, because some are null.
NEW_VERSION = f"""
model AS (
    SELECT m.id FROM registry_registeredmodel m
    JOIN auth_user a ON a.id = %s AND a.is_active
    WHERE m.id = %s AND m.name = %s AND m.archived_at IS NULL AND {_EDITS}
        AND NOT COALESCE(({BLOCKS_REGISTRATION}), FALSE)
    FOR UPDATE OF m),
changed AS (
    INSERT INTO registry_modelversion ({", ".join(_VERSION)})
    SELECT {", ".join("%s::bigint" if name.endswith("_id") else "%s" for name in _VERSION)}
    FROM model ON CONFLICT DO NOTHING RETURNING id, registered_model_id, created_at),
listed AS (
    INSERT INTO registry_versionlisting
        (version_id, registered_model_id, description, stage, updated_at)
    SELECT id, registered_model_id, %s, '{Stage.NONE}', created_at FROM changed),
tagged AS (
    INSERT INTO registry_versiontag (version_id, key, value)
    SELECT changed.id, t.key, t.value FROM changed, json_each_text(%s::json) t),
touched AS (
    UPDATE registry_registeredmodel m SET updated_at = changed.created_at
    FROM changed WHERE m.id = changed.registered_model_id)
"""  # noqa: S608 - words of this module


def locked_model(model: RegisteredModel, *, user: User) -> tuple[RegisteredModel, bool]:
    """Return the model as it stands, locked, and whether the user may edit it."""
    (row,) = fetched(_LOCKED_MODEL + for_update("m"), [user.pk, model.pk])
    locked, (is_held,) = taken(RegisteredModel, _MODEL, row)
    locked.workspace = model.workspace
    return locked, bool(is_held)


class AskedName(NamedTuple):
    """What a registration asks of a name, and of whoever wants it."""

    may_register: bool
    # Whether they have a role in the workspace, or on anything in it, and see it.
    is_at_home: bool
    is_taken: bool
    was_used: bool


def asked_name(name: str, *, workspace: Workspace, user: User) -> AskedName:
    """Ask it all at once: MLflow's clients register a model before each of its versions."""
    ((may_register, is_at_home, is_listed, is_former),) = fetched(
        _NAME, [name, name, name, user.pk, workspace.pk]
    )
    return AskedName(
        may_register=bool(may_register),
        is_at_home=bool(is_at_home),
        is_taken=bool(is_listed),
        was_used=is_listed is not None or bool(is_former),
    )


def values_of_model(model: RegisteredModel, tags: Mapping[str, str]) -> list[Any]:
    """Return the parameters of `NEW_MODEL`."""
    model.created_at = timezone.now()
    return [*(getattr(model, name) for name in _NEW_MODEL), json.dumps(dict(tags))]


def mark_written(row: Model, key: int) -> None:
    """Say that a row was written by hand, and its key."""
    row.pk = key
    row._state.adding, row._state.db = False, connection.alias


def locked_listing(version: ModelVersion, *, user: User) -> tuple[VersionListing, bool]:
    """Return how a version is listed, locked with its model, and whether they may edit it."""
    (row,) = fetched(_LOCKED_LISTING + for_update("m, l"), [user.pk, version.pk])
    listing, values = taken(VersionListing, _LISTING, row)
    listing.registered_model, (is_held,) = taken(RegisteredModel, _MODEL, values)
    return listing, bool(is_held)


def place_of(model: RegisteredModel, sha256: str | None) -> tuple[int | None, int]:
    """Return the key of the model's version of a content, and the next free number."""
    ((twin, newest),) = fetched(_PLACE, [model.pk, sha256, model.pk])
    return twin, (newest or 0) + 1


def insert_version(
    version: ModelVersion, *, description: str, tags: Mapping[str, str]
) -> None:
    """Write what `NEW_VERSION` writes."""
    version.save(force_insert=True)
    _listed(version, description).save(force_insert=True)
    VersionTag.objects.bulk_create(
        VersionTag(version=version, key=key, value=value) for key, value in tags.items()
    )
    changed = RegisteredModel.objects.filter(pk=version.registered_model_id)
    changed.update(updated_at=version.created_at)


def values_of_version(
    version: ModelVersion, *, description: str, tags: Mapping[str, str]
) -> list[Any]:
    """Return the parameters of `NEW_VERSION`, which asks for its creator."""
    model, run = version.registered_model, version.linked_run
    version.created_at = timezone.now()
    return [
        *(version.created_by_id, model.pk, model.name, run.experiment_id),
        *(getattr(version, name) for name in _VERSION),
        *(description, json.dumps(dict(tags))),
    ]


def mark_version_written(version: ModelVersion, key: int, *, description: str) -> None:
    """Say that `NEW_VERSION` has written a version, and its key."""
    mark_written(version, key)
    listing = _listed(version, description)
    mark_written(listing, listing.pk)


def _listed(version: ModelVersion, description: str) -> VersionListing:
    version.listing = VersionListing(
        version=version,
        registered_model_id=version.registered_model_id,
        description=description,
        updated_at=version.created_at,
    )
    return version.listing
