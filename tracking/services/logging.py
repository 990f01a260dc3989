"""Params, metrics, tags and dataset inputs are logged here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import InvalidError
from audit.services import record
from audit.tlog.canonical import digest
from tracking.events import TrackingEvent
from tracking.models import Dataset, DatasetInput, Metric, Param, Run, Tag
from tracking.services.runs import writable


@dataclass(frozen=True)
class Point:
    """One metric value at a step; the timestamp is in milliseconds since 1970."""

    key: str
    value: float
    timestamp_ms: int
    step: int


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
        _write_params(run, params)
        _write_metrics(run, metrics)
        _write_tags(run, tags)
        record(
            TrackingEvent.RUN_LOGGED,
            actor=actor,
            subject=run.subject,
            payload={
                "metrics": len(metrics),
                "params": len(params),
                "tags": len(tags),
                "content": digest(
                    {
                        "metrics": [
                            [m.key, m.step, m.timestamp_ms, m.value] for m in metrics
                        ],
                        "params": params,
                        "tags": tags,
                    }
                ),
            },
        )


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
    Param.objects.bulk_create(
        Param(run=run, key=key, value=value)
        for key, value in wanted.items()
        if key not in stored
    )


def _write_metrics(run: Run, metrics: Sequence[Point]) -> None:
    Metric.objects.bulk_create(
        (
            Metric(
                run=run,
                key=point.key,
                value=0.0 if math.isnan(point.value) else point.value,
                is_nan=math.isnan(point.value),
                timestamp_ms=point.timestamp_ms,
                step=point.step,
            )
            for point in metrics
        ),
        ignore_conflicts=True,
    )


def _write_tags(run: Run, tags: Sequence[tuple[str, str]]) -> None:
    Tag.objects.bulk_create(
        (Tag(run=run, key=key, value=value) for key, value in dict(tags).items()),
        update_conflicts=True,
        unique_fields=["run", "key"],
        update_fields=["value"],
    )


def log_inputs(run: Run, *, datasets: Sequence[UsedDataset], actor: User) -> None:
    """Say which datasets a run used; the same dataset twice is stored once."""
    with transaction.atomic():
        run = writable(run, actor=actor)
        workspace = run.experiment.workspace
        for used in datasets:
            dataset, _ = Dataset.objects.get_or_create(
                workspace=workspace,
                name=used.name,
                digest=used.digest,
                defaults={
                    "source_type": used.source_type,
                    "source": used.source,
                    "schema": used.schema,
                    "profile": used.profile,
                },
            )
            DatasetInput.objects.get_or_create(
                run=run, dataset=dataset, defaults={"tags": used.tags}
            )
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
