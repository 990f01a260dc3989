"""Seals over the content of a run: a manifest of digests, and what differs from it."""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from audit.errors import ConflictError
from audit.proofs import TrailEntry, trail
from audit.services import record, system_account
from audit.tlog.canonical import LARGEST_EXACT_INTEGER, canonical_bytes, digest
from tracking import storage
from tracking.events import TrackingEvent
from tracking.models import LoggedModel, LoggedModelArtifact, Run, RunSeal
from tracking.models.artifact import files_at
from tracking.models.logged_model import UseDirection

SECTIONS = {
    "params": "param",
    "metrics": "metric",
    "tags": "tag",
    "datasets": "dataset",
    "artifacts": "artifact",
    "models": "logged model",
}
SEALING = (TrackingEvent.RUN_SEALED, TrackingEvent.RUN_FROZEN)
# After one of these the content is no longer what was sealed, and not by stealth.
WRITING = (
    TrackingEvent.RUN_LOGGED,
    TrackingEvent.RUN_INPUTS_LOGGED,
    TrackingEvent.RUN_MODELS_LOGGED,
    TrackingEvent.ARTIFACT_UPLOADED,
    TrackingEvent.ARTIFACT_REMOVED,
    TrackingEvent.LOGGED_MODEL_PARAMS_LOGGED,
    TrackingEvent.RUN_TAG_REMOVED,
    TrackingEvent.RUN_UPDATED,
)


# A turn must not keep other work of the clock waiting.
RUNS_A_TURN = 200
POINTS_AT_ONCE = 5000


@dataclass(frozen=True)
class RunVerification:
    """What of a run is not as its newest seal in the log says."""

    content: str
    index: int | None
    differences: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        return not self.differences


def seal(run: Run, *, actor: User) -> RunSeal:
    """Commit to the whole content of a run, in the caller's transaction.

    Content that is as it was sealed is not sealed again.
    """
    content = keep_manifest(run)
    if run.has_stale_seal:
        run.has_stale_seal = False
        run.save(update_fields=["has_stale_seal"])
    newest = run.seals.order_by("pk").last()
    if newest and newest.digest == content:
        return newest
    sealed = RunSeal.objects.create(run=run, digest=content)
    record(
        TrackingEvent.RUN_SEALED,
        actor=actor,
        subject=run.subject,
        payload={"content": sealed.digest},
    )
    return sealed


def seal_what_was_written_to() -> int:
    """Seal the ended runs again that somebody wrote to since; return how many.

    That is normal: MLflow's clients evaluate and label what has ended. Two workers at
    once take different runs; what is left over waits for the next turn.
    """
    waiting = Run.objects.to_be_sealed_again().order_by("pk")
    sealed = 0
    for pk in list(waiting.values_list("pk", flat=True)[:RUNS_A_TURN]):
        with transaction.atomic():
            free = waiting.select_for_update(skip_locked=True)
            if run := free.filter(pk=pk).first():
                seal(run, actor=system_account())
                sealed += 1
    return sealed


def keep_manifest(run: Run) -> str:
    """Return the content's digest, and keep what a later comparison needs.

    The manifest is a file under its own digest, so that it can name what differs.
    """
    manifest = canonical_bytes(manifest_of(run))
    stored = storage.store(io.BytesIO(manifest), expected_bytes=len(manifest))
    return f"sha256:{stored.sha256}"


def content_digest(run: Run) -> str:
    """Return the digest over params, metrics, tags, datasets and artifacts of a run."""
    return digest(manifest_of(run))


def manifest_of(run: Run) -> dict[str, Any]:
    """Return a digest for every key of the run; all points of a metric share one."""
    inputs = run.dataset_inputs.select_related("dataset")
    return {
        "run": run.run_id,
        "status": run.status,
        "params": {key: digest(v) for key, v in run.params.values_list("key", "value")},
        "metrics": dict(_metrics(run)),
        "tags": {key: digest(v) for key, v in run.tags.values_list("key", "value")},
        "datasets": {
            f"{use.dataset.name}@{use.dataset.digest}": digest(use.context)
            for use in inputs
        },
        "artifacts": {
            file.path: {"sha256": file.sha256, "size_bytes": file.size_bytes}
            for file in files_at(run, "")
        },
        "models": {model.model_id: _model_digest(model) for model in outputs_of(run)},
    }


def outputs_of(run: Run) -> QuerySet[LoggedModel]:
    """Return the logged models that a run made."""
    return LoggedModel.objects.filter(
        uses__run=run, uses__direction=UseDirection.OUTPUT
    ).distinct()


def _model_digest(model: LoggedModel) -> str:
    """Return the digest over what gates and releases use of a model: params and files."""
    files = files_at(model, "")
    return digest(
        {
            "name": model.name,
            "params": dict(model.params.values_list("key", "value")),
            "artifacts": {file.path: [file.sha256, file.size_bytes] for file in files},
        }
    )


def verify_run(run: Run) -> RunVerification:
    """Recompute the content of a run and compare it with its newest seal in the log."""
    sealed, is_written_to = _newest_seal(run)
    content = sealed.payload["content"]
    then, now = _read_manifest(content), manifest_of(run)
    differences = [] if then["status"] == now["status"] else ["status"]
    for section, word in SECTIONS.items():
        sealed_then = then.get(section, {})  # older seals knew no logged models
        keys = sealed_then.keys() | now[section].keys()
        differences += [
            f"{word} {key}"
            for key in sorted(keys)
            if sealed_then.get(key) != now[section].get(key)
        ]
    if differences and is_written_to:
        advice = (
            "the worker seals it again within a minute, so verify it then"
            if run.has_ended
            else "end it again to seal it"
        )
        raise ConflictError(
            "run_not_sealed",
            f"The run {run.run_id} was written to after it was sealed, as its entries "
            f"say: {advice}.",
        )
    differences += _stale_latest_metrics(run)
    differences += _altered_files(run)
    return RunVerification(content, sealed.index, tuple(differences))


def _metrics(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    fields = ("key", "step", "timestamp_ms", "value", "is_nan")
    points = run.metrics.order_by(*fields).values_list(*fields)
    of_keys = groupby(points.iterator(chunk_size=POINTS_AT_ONCE), itemgetter(0))
    for key, of_key in of_keys:
        hashed, count = hashlib.sha256(), 0
        while lines := [_line(point) for point in islice(of_key, POINTS_AT_ONCE)]:
            hashed.update("".join(lines).encode())
            count += len(lines)
        yield key, {"points": count, "digest": f"sha256:{hashed.hexdigest()}"}


def _line(point: tuple[str, int, int, float, bool]) -> str:
    """Return the canonical JSON of a point, of which a run may have a million."""
    _, step, timestamp_ms, value, is_nan = point
    number = "nan" if is_nan else str(value)
    if max(abs(step), abs(timestamp_ms)) > LARGEST_EXACT_INTEGER:
        return f"{canonical_bytes([step, timestamp_ms, number]).decode()}\n"
    return f'[{step},{timestamp_ms},"{number}"]\n'


def _stale_latest_metrics(run: Run) -> Iterator[str]:
    """Name each metric whose latest point, which searches use, is not its latest."""
    fields = ("key", "step", "timestamp_ms", "value", "is_nan")
    latest = set(run.metrics.latest_of_each_key().values_list(*fields))
    shown = set(run.latest_metrics.values_list(*fields))
    for key in sorted({point[0] for point in latest ^ shown}):
        yield f"metric {key} (its latest point)"


def _newest_seal(run: Run) -> tuple[TrailEntry, bool]:
    """Return the seal that counts, and whether entries tell of writes since then."""
    entries = trail([run.subject, *(model.subject for model in outputs_of(run))])
    seals = [entry for entry in entries if entry.kind in SEALING]
    if not seals:
        raise ConflictError(
            "run_not_sealed", f"The run {run.run_id} has not ended: end it to seal it."
        )
    # A run that is ended records that first and is sealed then.
    later = entries[entries.index(seals[-1]) + 1 :]
    return seals[-1], any(entry.kind in WRITING for entry in later)


def _read_manifest(content: str) -> dict[str, Any]:
    path = storage.path_of(content.removeprefix("sha256:"))
    try:
        data = path.read_bytes()
    except OSError:
        data = b""
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != content:
        raise ConflictError(
            "seal_manifest_altered",
            f"The manifest {content} of the seal is missing or altered: bring the file "
            f"{path.name} of the artifact folder back.",
        )
    manifest: dict[str, Any] = json.loads(data)
    return manifest


def _altered_files(run: Run) -> Iterator[str]:
    of_models = LoggedModelArtifact.objects.filter(logged_model__in=outputs_of(run))
    for artifact in [*run.artifacts.current(), *of_models.current()]:
        try:
            with storage.path_of(artifact.sha256).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            yield f"artifact {artifact.path} (its file is missing)"
            continue
        if found != artifact.sha256:
            yield f"artifact {artifact.path} (its file has another digest)"
