"""What registrations and edits of the catalogue lock and write first.

By hand, because training code waits for each of them.
"""

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel
from registry.models.version_listing import Stage, VersionListing
from tracking.models.rights import given
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
_INSERT_MODEL = f"""
INSERT INTO registry_registeredmodel ({", ".join(_NEW_MODEL)})
VALUES ({", ".join(["%s"] * len(_NEW_MODEL))}) RETURNING id
"""  # noqa: S608 - words of this module
_PLACE = """
SELECT
    (SELECT id FROM registry_modelversion
    WHERE registered_model_id = %s AND artifact_sha256 = %s),
    (SELECT MAX(number) FROM registry_modelversion WHERE registered_model_id = %s)
"""
_INSERT = f"""
WITH version AS (
    INSERT INTO registry_modelversion ({", ".join(_VERSION)})
    VALUES ({", ".join(["%s"] * len(_VERSION))}) RETURNING id, registered_model_id),
listed AS (
    INSERT INTO registry_versionlisting
        (version_id, registered_model_id, description, stage, updated_at)
    SELECT id, registered_model_id, %s, %s, %s FROM version),
touched AS (
    UPDATE registry_registeredmodel m SET updated_at = %s
    FROM version WHERE m.id = version.registered_model_id)
SELECT id FROM version
"""  # noqa: S608 - words of this module


def locked_model(model: RegisteredModel, *, user: User) -> tuple[RegisteredModel, bool]:
    """Return the model as it stands, locked, and whether the user may edit it."""
    (row,) = fetched(_LOCKED_MODEL + for_update("m"), [user.pk, model.pk])
    locked, (is_held,) = taken(RegisteredModel, _MODEL, row)
    locked.workspace = model.workspace
    return locked, bool(is_held)


def insert_model(model: RegisteredModel) -> None:
    """Write a new model, which takes the ORM several times as long on PostgreSQL."""
    if connection.vendor != "postgresql":
        model.save(force_insert=True)
        return
    model.created_at = timezone.now()
    values = [getattr(model, name) for name in _NEW_MODEL]
    ((model.pk,),) = fetched(_INSERT_MODEL, values)
    model._state.adding, model._state.db = False, connection.alias


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


def insert_version(version: ModelVersion, *, description: str) -> None:
    """Write a version with how it is listed, and when its model was changed last."""
    if connection.vendor == "postgresql":
        _insert_at_once(version, description)
        return
    version.save(force_insert=True)
    _listed(version, description).save(force_insert=True)
    changed = RegisteredModel.objects.filter(pk=version.registered_model_id)
    changed.update(updated_at=version.created_at)


def _insert_at_once(version: ModelVersion, description: str) -> None:
    """Write it in one statement, in which SQLite would insert nothing."""
    now = version.created_at = timezone.now()
    of_version = [getattr(version, name) for name in _VERSION]
    ((version.pk,),) = fetched(
        _INSERT, [*of_version, description, Stage.NONE, now, now]
    )
    listing = _listed(version, description)
    for row in (version, listing):
        row._state.adding, row._state.db = False, connection.alias


def _listed(version: ModelVersion, description: str) -> VersionListing:
    version.listing = VersionListing(
        version=version,
        registered_model_id=version.registered_model_id,
        description=description,
        updated_at=version.created_at,
    )
    return version.listing
