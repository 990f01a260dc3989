"""How a version is listed: what of that people may change, starting with its text."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError
from audit.services import record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import ModelVersion, VersionListing
from registry.models.edits import locked_listing
from registry.services.registered_models import refuse_unless_editable


def describe_version(
    version: ModelVersion, *, description: str, actor: User
) -> VersionListing:
    """Say what is special about a version; the text is no evidence."""
    with (
        refusals_recorded(
            RegistryEvent.VERSION_REFUSED,
            actor=actor,
            subject=version.subject,
            payload={"act": "describe"},
        ),
        transaction.atomic(),
    ):
        listing = editable_listing(version, actor=actor)
        listing.touch(timezone.now(), description=description)
        record(
            RegistryEvent.VERSION_DESCRIBED,
            actor=actor,
            subject=version.subject,
            payload={},
            private={"description": description},
        )
    return listing


def editable_listing(version: ModelVersion, *, actor: User) -> VersionListing:
    """Return how a version is listed, locked with its model, or refuse."""
    listing, is_held = locked_listing(version, user=actor)
    refuse_unless_editable(listing.registered_model, is_held=is_held)
    if listing.archived_at is not None:
        raise version_archived(version)
    return listing


def version_archived(version: ModelVersion) -> ConflictError:
    return ConflictError(
        "version_archived",
        f"{version} is archived, so nothing can be done with it any more. Register "
        f"another version.",
    )
