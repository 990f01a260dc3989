"""Which versions serve no more, whoever asks: retired ones and archived ones."""

from audit.errors import ConflictError
from registry.models import ModelVersion, VersionListing
from registry.services.version_listings import version_archived


def is_archived(version: ModelVersion) -> bool:
    """Say whether it is, or its model is, as the database has it."""
    active = VersionListing.objects.active().filter(registered_model__archived_at=None)
    return not active.filter(pk=version.pk).exists()


def is_out_of_use(version: ModelVersion) -> bool:
    return version.is_retired or is_archived(version)


def refuse_retired(version: ModelVersion) -> None:
    if version.is_retired:
        raise ConflictError(
            "version_retired",
            f"{version} is retired: it will not serve again. Register a new version.",
        )


def refuse_out_of_use(version: ModelVersion) -> None:
    refuse_retired(version)
    if is_archived(version):
        raise version_archived(version)
