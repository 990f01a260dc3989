"""Logged models are created, finished, labelled and archived here."""

import secrets
from collections.abc import Collection, Mapping, Sequence

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import ConflictError, InvalidError, NotFoundError
from audit.services import record
from audit.tlog.canonical import digest
from tracking.access import locked_models, visible_models
from tracking.events import TrackingEvent
from tracking.models import (
    Experiment,
    LoggedModel,
    LoggedModelParam,
    LoggedModelTag,
    ModelUse,
    Run,
    Workspace,
)
from tracking.models.experiment import Lifecycle
from tracking.models.logged_model import (
    LoggedModelStatus,
    UseDirection,
    mark_seals_stale,
)
from tracking.services.experiments import experiment_in, writable_experiment
from tracking.services.runs import may_not_log, writable

# They would be ambiguous in `models:/` addresses and in paths (MLflow's rule).
NOT_IN_NAMES = frozenset("/:.%\"'")


def create_logged_model(
    home: Experiment | Workspace,
    *,
    name: str,
    model_type: str,
    source_run: Run | None,
    params: Mapping[str, str],
    tags: Mapping[str, str],
    actor: User,
) -> LoggedModel:
    """Start a logged model, whose files follow; without a name it gets a random one.

    In an experiment, or in a workspace's default one.
    """
    _refuse_odd_name(name)
    with transaction.atomic():
        experiment = experiment_in(home, actor=actor)
        experiment = writable_experiment(experiment, actor=actor)
        if source_run is not None:
            source_run = writable(source_run, actor=actor)
        model = LoggedModel.objects.create(
            experiment=experiment,
            source_run=source_run,
            name=name or f"model-{secrets.token_hex(4)}",
            model_type=model_type,
            created_by=actor,
        )
        _write_params(model, params)
        _write_tags(model, tags)
        record(
            TrackingEvent.LOGGED_MODEL_CREATED,
            actor=actor,
            subject=model.subject,
            payload={
                "experiment": experiment.subject,
                "source_run": source_run.subject if source_run else None,
                "content": digest(
                    {
                        "name": model.name,
                        "type": model_type,
                        "params": dict(params),
                        "tags": dict(tags),
                    }
                ),
            },
        )
    return model


def log_model_params(
    model: LoggedModel, *, params: Mapping[str, str], actor: User
) -> None:
    """Add params; another value for one that is there is refused."""
    with transaction.atomic():
        model = writable_model(model, actor=actor)
        _write_params(model, params)
        record(
            TrackingEvent.LOGGED_MODEL_PARAMS_LOGGED,
            actor=actor,
            subject=model.subject,
            payload={"params": len(params), "content": digest(dict(params))},
        )


def move_logged_model(
    model: LoggedModel, *, to: LoggedModelStatus, actor: User
) -> LoggedModel:
    """Say that the files are there, or that they could not be uploaded."""
    with transaction.atomic():
        model = writable_model(model, actor=actor)
        model.status = to
        model.save(update_fields=["status", "updated_at"])
        record(
            TrackingEvent.LOGGED_MODEL_MOVED,
            actor=actor,
            subject=model.subject,
            payload={"status": to},
        )
    return model


def tag_logged_model(
    model: LoggedModel, *, tags: Mapping[str, str], actor: User
) -> None:
    """Label a model; a label is no evidence, so a frozen one takes it as well."""
    with transaction.atomic():
        (model,) = _locked([model], actor=actor)
        _write_tags(model, tags)
        model.save(update_fields=["updated_at"])
        record(
            TrackingEvent.LOGGED_MODEL_TAGS_SET,
            actor=actor,
            subject=model.subject,
            payload={"content": digest(dict(tags))},
        )


def remove_model_tag(model: LoggedModel, *, key: str, actor: User) -> None:
    """Take a label away."""
    with transaction.atomic():
        (model,) = _locked([model], actor=actor)
        deleted, _ = model.tags.filter(key=key).delete()
        if not deleted:
            raise NotFoundError(
                "tag_unknown",
                f"The logged model {model.model_id} has no tag {key!r}: there is nothing "
                f"to remove.",
            )
        model.save(update_fields=["updated_at"])
        record(
            TrackingEvent.LOGGED_MODEL_TAG_REMOVED,
            actor=actor,
            subject=model.subject,
            payload={"content": digest({"key": key})},
        )


def archive_logged_model(model: LoggedModel, *, actor: User) -> None:
    """Mark a model deleted, as MLflow says; nothing goes away."""
    with transaction.atomic():
        model = writable_model(model, actor=actor)
        model.lifecycle_stage = Lifecycle.DELETED
        model.save(update_fields=["lifecycle_stage", "updated_at"])
        record(
            TrackingEvent.LOGGED_MODEL_ARCHIVED,
            actor=actor,
            subject=model.subject,
            payload={},
        )


def log_model_uses(
    run: Run,
    *,
    models: Sequence[tuple[LoggedModel, int]],
    direction: UseDirection,
    actor: User,
) -> None:
    """Say which models a run made or worked with, each at a step.

    Who made a model is said by who may write it, and no more once it is frozen.
    """
    with transaction.atomic():
        run = writable(run, actor=actor)
        if direction == UseDirection.OUTPUT:
            _lock_writable([model for model, _ in models], actor=actor)
        ModelUse.objects.bulk_create(
            (
                ModelUse(run=run, logged_model=model, direction=direction, step=step)
                for model, step in models
            ),
            ignore_conflicts=True,
        )
        record(
            TrackingEvent.RUN_MODELS_LOGGED,
            actor=actor,
            subject=run.subject,
            payload={
                "direction": direction,
                "content": digest([[model.model_id, step] for model, step in models]),
            },
        )


def writable_model(model: LoggedModel, *, actor: User) -> LoggedModel:
    """Return the model, locked, or refuse: first line of every write to its content.

    The ended runs that made it are to be sealed again. They are locked first, as by who
    logs in a run and then in its models.
    """
    mark_seals_stale(model)
    return refuse_unwritable_model(model, actor=actor)


def refuse_unwritable_model(model: LoggedModel, *, actor: User) -> LoggedModel:
    """Return the model, locked; refuse what `writable_model` refuses."""
    return _lock_writable([model], actor=actor)[0]


def writable_models(
    model_ids: Collection[str], *, workspace: Workspace, actor: User
) -> dict[str, LoggedModel]:
    """Return the models of these ids, locked; refuse one not seen or not writable."""
    seen = visible_models(sorted(model_ids), workspace=workspace, user=actor)
    by_id = {model.model_id: model for model in seen if model.is_active}
    for model_id in model_ids:
        if model_id not in by_id:
            raise unknown_model(model_id, workspace)
    locked = _lock_writable([*by_id.values()], actor=actor)
    return {model.model_id: model for model in locked}


def unknown_model(model_id: str, workspace: Workspace) -> NotFoundError:
    """Return the answer about a model that is not there, or not theirs to see."""
    return NotFoundError(
        "logged_model_unknown",
        f"There is no logged model {model_id!r} in {workspace} that you may see: check "
        f"the id.",
    )


def _lock_writable(
    models: Sequence[LoggedModel], *, actor: User
) -> Sequence[LoggedModel]:
    models = _locked(models, actor=actor)
    for model in models:
        if model.is_frozen:
            raise ConflictError(
                "run_frozen",
                f"The source run of the logged model {model.model_id} is evidence of a "
                f"promotion request, so the model cannot change any more. Log a new one.",
            )
    return models


def _locked(models: Sequence[LoggedModel], *, actor: User) -> Sequence[LoggedModel]:
    locked = locked_models(models, user=actor)
    may_be_logged = {model.pk for model in locked}
    for model in models:
        if model.pk not in may_be_logged:
            raise may_not_log(model.experiment)
    for model in locked:
        if not model.is_active:
            raise ConflictError(
                "logged_model_archived",
                f"The logged model {model.model_id} is archived: log a new one.",
            )
    return locked


def _write_params(model: LoggedModel, params: Mapping[str, str]) -> None:
    stored = dict(model.params.filter(key__in=params).values_list("key", "value"))
    for key, value in stored.items():
        if value != params[key]:
            raise InvalidError(
                "param_is_immutable",
                f"The param {key!r} of logged model {model.model_id} is {value!r} and "
                f"cannot become {params[key]!r}. Log a new model for other params.",
            )
    LoggedModelParam.objects.bulk_create(
        LoggedModelParam(logged_model=model, key=key, value=value)
        for key, value in params.items()
        if key not in stored
    )


def _write_tags(model: LoggedModel, tags: Mapping[str, str]) -> None:
    LoggedModelTag.objects.bulk_create(
        (
            LoggedModelTag(logged_model=model, key=key, value=value)
            for key, value in tags.items()
        ),
        update_conflicts=True,
        unique_fields=["logged_model", "key"],
        update_fields=["value"],
    )


def _refuse_odd_name(name: str) -> None:
    odd = sorted(NOT_IN_NAMES & set(name))
    if odd:
        raise InvalidError(
            "model_name_invalid",
            f"The name {name[:100]!r} of a logged model holds {' '.join(odd)}: leave "
            f"that out.",
        )
