"""The kinds of entry that the tracking floor writes."""

from enum import StrEnum


class TrackingEvent(StrEnum):
    """`<app>.<subject>.<past participle>`; `docs/events.md` gives each its payload."""

    ACCOUNT_PASSWORD_CHANGED = "tracking.account.password_changed"  # noqa: S105 - an event
    ACCOUNT_CREATED = "tracking.account.created"
    ACCOUNT_DEACTIVATED = "tracking.account.deactivated"
    ACCOUNT_ERASED = "tracking.account.erased"
    ARTIFACT_REMOVED = "tracking.artifact.removed"
    ARTIFACT_UPLOADED = "tracking.artifact.uploaded"
    DATASET_DESCRIBED = "tracking.dataset.described"
    DATASET_REGISTERED = "tracking.dataset.registered"
    EXPERIMENT_ARCHIVED = "tracking.experiment.archived"
    EXPERIMENT_CREATED = "tracking.experiment.created"
    EXPERIMENT_RENAMED = "tracking.experiment.renamed"
    EXPERIMENT_RESTORED = "tracking.experiment.restored"
    EXPERIMENT_TAG_REMOVED = "tracking.experiment.tag_removed"
    EXPERIMENT_TAG_SET = "tracking.experiment.tag_set"
    FIELD_DEFINED = "tracking.field.defined"
    LOGGED_MODEL_ARCHIVED = "tracking.logged_model.archived"
    LOGGED_MODEL_CREATED = "tracking.logged_model.created"
    LOGGED_MODEL_MOVED = "tracking.logged_model.moved"
    LOGGED_MODEL_PARAMS_LOGGED = "tracking.logged_model.params_logged"
    LOGGED_MODEL_TAG_REMOVED = "tracking.logged_model.tag_removed"
    LOGGED_MODEL_TAGS_SET = "tracking.logged_model.tags_set"
    LOG_IN_FAILED = "tracking.log_in.failed"
    ROLE_GRANTED = "tracking.role.granted"
    ROLE_REVOKED = "tracking.role.revoked"
    RUN_ARCHIVED = "tracking.run.archived"
    RUN_CREATED = "tracking.run.created"
    RUN_FROZEN = "tracking.run.frozen"
    RUN_LOGGED = "tracking.run.logged"
    RUN_INPUTS_LOGGED = "tracking.run.inputs_logged"
    RUN_REPRODUCED = "tracking.run.reproduced"
    RUN_RESTORED = "tracking.run.restored"
    RUN_MODELS_LOGGED = "tracking.run.models_logged"
    RUN_SEALED = "tracking.run.sealed"
    RUN_TAG_REMOVED = "tracking.run.tag_removed"
    RUN_UPDATED = "tracking.run.updated"
    SENSITIVE_DATASET_ACKNOWLEDGED = "tracking.sensitive_dataset.acknowledged"
    SENSITIVE_DATASET_USED = "tracking.sensitive_dataset.used"
    TEMPLATE_SET = "tracking.template.set"
    TOKEN_CREATED = "tracking.token.created"  # noqa: S105 - an event, not a password
    TOKEN_REVOKED = "tracking.token.revoked"  # noqa: S105 - likewise
    WORKSPACE_CREATED = "tracking.workspace.created"
