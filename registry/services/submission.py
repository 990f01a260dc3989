"""Which versions nobody can ask a promotion for, and why."""

from audit.errors import ConflictError
from registry.models import ModelVersion, RegisteredModel, VersionListing
from registry.services.registered_models import model_archived
from registry.services.version_content import pinned_content
from registry.services.version_listings import version_archived
from tracking import storage
from tracking.models.logged_model import LoggedModelStatus


def refuse_unfit(version: ModelVersion) -> None:
    """Refuse a version that cannot be submitted, under the lock of its model.

    Whether its run has ended is asked where the run is frozen.
    """
    model = RegisteredModel.objects.get(pk=version.registered_model_id)
    if model.is_archived:
        raise model_archived(model)
    if VersionListing.objects.get(pk=version.pk).archived_at is not None:
        raise version_archived(version)
    if model.tier is None:
        raise ConflictError(
            "model_not_classified",
            f"Nobody has said which risk tier {model} is of, so no policy can be met. "
            f"Have it classified first.",
        )
    _refuse_unfinished(version)
    _refuse_altered_files(version)


def _refuse_unfinished(version: ModelVersion) -> None:
    logged = version.logged_model
    if logged is not None and logged.status != LoggedModelStatus.READY:
        raise ConflictError(
            "logged_model_not_ready",
            f"The logged model {logged.model_id} of {version} is {logged.status}: its "
            f"files are not all there. Finish logging it.",
        )


def _refuse_altered_files(version: ModelVersion) -> None:
    content = pinned_content(version)
    if not content.is_one_file:  # which is read as evidence anyway
        for file in content.files:
            storage.verify(file.sha256)
