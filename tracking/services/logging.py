"""Params, metrics, tags and dataset inputs are logged here."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction

from audit.errors import InvalidError, NotFoundError
from audit.services import change_and_record, record
from audit.tlog.canonical import digest
from tracking.access import RUN_TO_LOG_IN
from tracking.events import TrackingEvent
from tracking.evidence import AUTHOR_TAGS
from tracking.models import (
    Dataset,
    DatasetInput,
    FormerAuthor,
    FormerParent,
    LoggedModel,
    LoggedModelMetric,
    Metric,
    Param,
    Run,
    Tag,
    Workspace,
)
from tracking.models.logged_model import UseDirection
from tracking.models.metric import POINT_FIELDS, POINTS_OF_RUN, points_as_json
from tracking.models.pairs import pairs_as_json
from tracking.models.run import subject_of
from tracking.models.tag import PARENT_TAG, TAGS_OF_RUN
from tracking.services.logged_models import log_model_uses, writable_models
from tracking.services.runs import RUN_NAME_TAG, refuse_frozen_parent, writable
from tracking.services.sensitive_data import notice_sensitive_use

LONGEST_RUN_NAME = 250
RUN_ID_CHARACTERS = 32
MODEL_POINT_FIELDS = (
    *("logged_model_id", "dataset_name", "dataset_digest"),
    *POINT_FIELDS,
)
# What they said before counts for segregation of duties.
KEPT_TAGS = AUTHOR_TAGS | {PARENT_TAG}


@dataclass(frozen=True)
class Point:
    """One metric value at a step; the timestamp is in milliseconds since 1970."""

    key: str
    value: float
    timestamp_ms: int
    step: int
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""

    @property
    def content(self) -> list[Any]:
        """Return what an entry commits to."""
        of_model = [self.model_id, self.dataset_name, self.dataset_digest]
        point = [self.key, self.step, self.timestamp_ms, self.value]
        return point + (of_model if self.model_id else [])

    @property
    def row(self) -> tuple[str, float, bool, int, int]:
        """Return what is stored: a NaN as a flag beside a zero."""
        is_nan = math.isnan(self.value)
        value = 0.0 if is_nan else float(self.value)
        return self.key, value, is_nan, self.timestamp_ms, self.step


@dataclass(frozen=True)
class UsedDataset:
    """A dataset that a run says it used, and in which context."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str
    tags: dict[str, str]


def log_batch(
    run: Run,
    *,
    metrics: Sequence[Point] = (),
    params: Sequence[tuple[str, str]] = (),
    tags: Sequence[tuple[str, str]] = (),
    actor: User,
) -> None:
    """Log a batch whole or not at all; one entry commits to its exact content."""
    with transaction.atomic():
        run = writable(run, actor=actor)
        if params:
            _write_params(run, params)
        if metrics:
            _write_metrics(run, metrics, actor=actor)
        if tags:
            _write_tags(run, tags)
        record(
            TrackingEvent.RUN_LOGGED,
            actor=actor,
            subject=run.subject,
            payload=_payload(metrics, params, tags),
        )


def log_at_once(
    run_id: str,
    *,
    workspace: Workspace,
    metrics: Sequence[Point] = (),
    tags: Sequence[tuple[str, str]] = (),
    actor: User,
) -> bool:
    """Log a batch in one statement, entry and all; return whether it was.

    The short way for what training waits for most. It asks all that `log_batch` asks,
    and where one answer is no, or the batch wants more than a statement, nothing is
    logged: then `log_batch` is the way, and says why not.
    """
    if connection.vendor != "postgresql" or not _fits_a_statement(metrics, tags):
        return False
    change, parameters = [RUN_TO_LOG_IN], [actor.pk, run_id, workspace.pk]
    if metrics:
        change.append(POINTS_OF_RUN)
        parameters.append(points_as_json([point.row for point in metrics]))
    if tags:
        change.append(TAGS_OF_RUN)
        parameters.append(pairs_as_json(dict(tags).items()))
    changed = change_and_record(
        ", ".join([*change, "changed AS (SELECT id FROM run)"]),
        parameters,
        kind=TrackingEvent.RUN_LOGGED,
        actor=actor,
        subject=subject_of(run_id),
        payload=_payload(metrics, (), tags),
    )
    return changed is not None


def _fits_a_statement(
    metrics: Sequence[Point], tags: Sequence[tuple[str, str]]
) -> bool:
    is_of_models = any(point.model_id for point in metrics)
    says_more = any(key == RUN_NAME_TAG or key in KEPT_TAGS for key, _ in tags)
    return bool(metrics or tags) and not is_of_models and not says_more


def _payload(
    metrics: Sequence[Point],
    params: Sequence[tuple[str, str]],
    tags: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    content = {
        "metrics": [point.content for point in metrics],
        "params": params,
        "tags": tags,
    }
    return {
        "metrics": len(metrics),
        "params": len(params),
        "tags": len(tags),
        "content": digest(content),
    }


def _write_params(run: Run, params: Sequence[tuple[str, str]]) -> None:
    wanted = dict(params)
    if len(wanted) != len(params):
        raise InvalidError(
            "param_named_twice",
            "The batch names a param twice: send each param once.",
        )
    stored = dict(run.params.filter(key__in=wanted).values_list("key", "value"))
    for key, value in stored.items():
        if value != wanted[key]:
            raise InvalidError(
                "param_is_immutable",
                f"The param {key!r} of run {run.run_id} is {value!r} and cannot "
                f"become {wanted[key]!r}. Log a new run for other params.",
            )
    if new := [pair for pair in params if pair[0] not in stored]:
        Param.objects.append(run, new)


def _write_metrics(run: Run, metrics: Sequence[Point], *, actor: User) -> None:
    Metric.objects.append(run, [point.row for point in metrics])
    if of_models := [point for point in metrics if point.model_id]:
        _write_model_metrics(run, of_models, actor=actor)


def _write_model_metrics(run: Run, points: Sequence[Point], *, actor: User) -> None:
    by_id = writable_models(
        dict.fromkeys(point.model_id for point in points),
        workspace=run.experiment.workspace,
        actor=actor,
    )
    wanted = {
        (
            by_id[point.model_id].pk,
            *(point.dataset_name, point.dataset_digest),
            *point.row,
        ): None
        for point in points
    }
    stored = LoggedModelMetric.objects.filter(
        run=run,
        logged_model__in=by_id.values(),
        key__in={point.key for point in points},
        value__in={point.row[1] for point in points},
    )
    # A client that got no answer sends its points again. The run is locked.
    for row in stored.values_list(*MODEL_POINT_FIELDS):
        wanted.pop(row, None)
    LoggedModelMetric.objects.bulk_create(
        LoggedModelMetric(run=run, **dict(zip(MODEL_POINT_FIELDS, row, strict=True)))
        for row in wanted
    )


def _write_tags(run: Run, tags: Sequence[tuple[str, str]]) -> None:
    newest = dict(tags)
    refuse_frozen_parent(run.experiment, newest)
    _keep_what_was_said(run, newest)
    Tag.objects.put(run, newest.items())
    if name := newest.get(RUN_NAME_TAG, "")[:LONGEST_RUN_NAME]:
        Run.objects.filter(pk=run.pk).update(name=name)


def _keep_what_was_said(run: Run, tags: Mapping[str, str]) -> None:
    """Keep whom the run named as an author of its commit, and what it was nested in."""
    changing = KEPT_TAGS & tags.keys()
    if not changing:
        return
    said = run.tags.filter(key__in=changing).values_list("key", "value")
    former = [(key, value) for key, value in said if value != tags[key]]
    FormerAuthor.objects.bulk_create(
        FormerAuthor(run=run, value=value)
        for key, value in former
        if key in AUTHOR_TAGS
    )
    FormerParent.objects.bulk_create(
        FormerParent(run=run, parent_run_id=value)
        for key, value in former
        if key == PARENT_TAG and len(value) == RUN_ID_CHARACTERS
    )


def remove_tag(run: Run, *, key: str, actor: User) -> None:
    """Take a label away; the entry commits to which, and what it was is kept.

    By the database, as a former tag; the entry holds no more than a digest.
    """
    with transaction.atomic():
        run = writable(run, actor=actor)
        _keep_what_was_said(run, {key: ""})
        deleted, _ = run.tags.filter(key=key).delete()
        if not deleted:
            raise NotFoundError(
                "tag_unknown",
                f"The run {run.run_id} has no tag {key!r}: there is nothing to remove.",
            )
        record(
            TrackingEvent.RUN_TAG_REMOVED,
            actor=actor,
            subject=run.subject,
            payload={"content": digest({"key": key})},
        )


def log_inputs(
    run: Run,
    *,
    datasets: Sequence[UsedDataset],
    models: Sequence[tuple[LoggedModel, int]] = (),
    actor: User,
) -> None:
    """Say which datasets and models a run used; the same one twice is stored once."""
    with transaction.atomic():
        run = writable(run, actor=actor)
        if models:
            log_model_uses(
                run, models=models, direction=UseDirection.INPUT, actor=actor
            )
        if models and not datasets:
            return
        _write_inputs(run, datasets)
        record(
            TrackingEvent.RUN_INPUTS_LOGGED,
            actor=actor,
            subject=run.subject,
            payload={
                "datasets": [
                    {"name": used.name, "digest": used.digest} for used in datasets
                ],
                "content": digest([vars(used) for used in datasets]),
            },
        )
        notice_sensitive_use(run, actor=actor)


def _write_inputs(run: Run, datasets: Sequence[UsedDataset]) -> None:
    """Write in six queries at the most; of the same dataset twice, the first counts."""
    used: dict[tuple[str, str], UsedDataset] = {}
    for each in datasets:
        used.setdefault((each.name, each.digest), each)
    known = _known_datasets(run, used)
    if missing := used.keys() - known.keys():
        # Another client may name the same dataset at the same time.
        Dataset.objects.bulk_create(
            (
                Dataset(
                    workspace=run.experiment.workspace,
                    name=used[key].name,
                    digest=used[key].digest,
                    source_type=used[key].source_type,
                    source=used[key].source,
                    schema=used[key].schema,
                    profile=used[key].profile,
                )
                for key in sorted(missing)
            ),
            ignore_conflicts=True,
        )
        known = _known_datasets(run, used)
    used_before = set(run.dataset_inputs.values_list("dataset_id", flat=True))
    DatasetInput.objects.bulk_create(
        DatasetInput(run=run, dataset=known[key], tags=used[key].tags)
        for key in used
        if known[key].pk not in used_before
    )


def _known_datasets(
    run: Run, used: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Dataset]:
    found = Dataset.objects.filter(
        workspace=run.experiment.workspace, name__in={name for name, _ in used}
    ).only("name", "digest")
    return {
        key: dataset
        for dataset in found
        if (key := (dataset.name, dataset.digest)) in used
    }
