"""Registered models and their versions are labelled here; a label is no evidence."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from audit.services import record
from audit.tlog.canonical import digest
from registry.events import RegistryEvent
from registry.models import ModelTag, ModelVersion, RegisteredModel, VersionTag
from registry.services.registered_models import editable_model
from registry.services.version_listings import editable_listing


def tag_model(model: RegisteredModel, *, key: str, value: str, actor: User) -> None:
    """Label a model; a label that is there gets the new value."""
    with transaction.atomic():
        model = editable_model(model, actor=actor)
        _put(ModelTag(registered_model=model, key=key, value=value))
        record(
            RegistryEvent.MODEL_TAG_SET,
            actor=actor,
            subject=model.subject,
            payload={"content": digest({"key": key, "value": value})},
        )


def remove_model_tag(model: RegisteredModel, *, key: str, actor: User) -> None:
    """Take a label away; without it nothing happens, as with MLflow."""
    with transaction.atomic():
        model = editable_model(model, actor=actor)
        if not _remove(model, key):
            return
        record(
            RegistryEvent.MODEL_TAG_REMOVED,
            actor=actor,
            subject=model.subject,
            payload={"content": digest({"key": key})},
        )


def tag_version(version: ModelVersion, *, key: str, value: str, actor: User) -> None:
    """Label a version; a label that is there gets the new value."""
    with transaction.atomic():
        editable_listing(version, actor=actor)
        _put(VersionTag(version=version, key=key, value=value))
        record(
            RegistryEvent.VERSION_TAG_SET,
            actor=actor,
            subject=version.subject,
            payload={"content": digest({"key": key, "value": value})},
        )


def remove_version_tag(version: ModelVersion, *, key: str, actor: User) -> None:
    """Take a label away; without it nothing happens, as with MLflow."""
    with transaction.atomic():
        editable_listing(version, actor=actor)
        if not _remove(version, key):
            return
        record(
            RegistryEvent.VERSION_TAG_REMOVED,
            actor=actor,
            subject=version.subject,
            payload={"content": digest({"key": key})},
        )


def _put(tag: ModelTag | VersionTag) -> None:
    owner = "registered_model" if isinstance(tag, ModelTag) else "version"
    rows: Any = type(tag).objects
    rows.bulk_create(
        [tag],
        update_conflicts=True,
        unique_fields=[owner, "key"],
        update_fields=["value"],
    )


def _remove(owner: RegisteredModel | ModelVersion, key: str) -> bool:
    deleted, _ = owner.tags.filter(key=key).delete()
    return bool(deleted)
