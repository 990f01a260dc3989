"""What training logs: runs with files, datasets with cards, logged models."""

import hashlib
import io
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from django.contrib.auth.models import User

from tests.factories.people import Cast
from tracking.models import (
    Dataset,
    DatasetCard,
    Experiment,
    LoggedModel,
    Reproduction,
    Run,
    Workspace,
)
from tracking.models.dataset import Sensitivity
from tracking.models.logged_model import LoggedModelStatus, UseDirection
from tracking.models.metadata import FieldKind, FieldType
from tracking.models.run import RunStatus
from tracking.services.artifacts import remove_artifacts, upload_artifact
from tracking.services.datasets import describe_dataset, register_dataset
from tracking.services.experiments import create_experiment, tag_experiment
from tracking.services.logged_models import (
    create_logged_model,
    log_model_uses,
    move_logged_model,
)
from tracking.services.logging import Point, UsedDataset, log_batch, log_inputs
from tracking.services.metadata import define_field, set_template
from tracking.services.reproductions import declare_reproduction
from tracking.services.runs import create_run, update_run

MODEL = "model/model.onnx"

PREDICTIONS = "evaluation/predictions.parquet"


def experiment(workspace: Workspace, actor: User, name: str = "credit") -> Experiment:
    found = Experiment.objects.filter(workspace=workspace, name=name).first()
    return found or create_experiment(workspace, name=name, actor=actor)


def run(workspace: Workspace, actor: User, name: str = "run") -> Run:
    return create_run(
        experiment(workspace, actor),
        name=name,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        tags={},
        actor=actor,
    )


def end(run: Run, actor: User) -> Run:
    return update_run(
        run, status=RunStatus.FINISHED, ended_at=None, name=None, actor=actor
    )


def upload(run: Run | LoggedModel, path: str, content: bytes, actor: User) -> Any:
    return upload_artifact(
        run,
        path=path,
        stream=io.BytesIO(content),
        expected_bytes=len(content),
        actor=actor,
    )


def predictions(
    *, rows: int = 2000, strength: float = 1.5, seed: int = 1, **columns: Any
) -> bytes:
    """Return Parquet with scores that know the labels the better the greater `strength`."""
    labels = np.random.default_rng(7).integers(0, 2, rows)
    noise = np.random.default_rng(seed).normal(size=rows)
    scores = 1 / (1 + np.exp(-(strength * (labels * 2 - 1) + noise)))
    table = {
        "row_key": [f"row-{number}" for number in range(rows)],
        "label": labels.astype("int8"),
        "score": scores,
        **columns,
    }
    return parquet({key: value for key, value in table.items() if value is not None})


def parquet(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def everything_logged(run: Run, actor: User) -> None:
    """Log one of each kind of content."""
    log_batch(
        run,
        params=[("alpha", "0.1")],
        metrics=[Point("loss", 0.5, timestamp_ms=1, step=0)],
        tags=[("team", "credit")],
        actor=actor,
    )
    use_dataset(run, actor)
    tag_experiment(run.experiment, key="team", value="credit", actor=actor)


def use_dataset(
    run: Run,
    actor: User,
    name: str = "loans",
    *,
    context: str = "training",
    content_digest: str = "",
) -> Dataset:
    """Let a run use a dataset; with the context `output` it is one that the run made."""
    content_digest = content_digest or digest_of_data(name)
    log_inputs(
        run,
        datasets=[
            UsedDataset(
                name=name,
                digest=content_digest,
                source_type="local",
                source=f"{name}.csv",
                schema="{}",
                profile='{"num_rows": 10}',
                tags={"mlflow.data.context": context} if context else {},
            )
        ],
        actor=actor,
    )
    return Dataset.objects.get(
        workspace=run.experiment.workspace, name=name, digest=content_digest
    )


def dataset(workspace: Workspace, actor: User, name: str = "loans") -> Dataset:
    return register_dataset(
        workspace,
        name=name,
        content_digest=digest_of_data(name),
        source_type="local",
        source=f"{name}.csv",
        actor=actor,
    )


def digest_of_data(name: str) -> str:
    """Return the digest of what a name stands for in tests: other names, other data."""
    return (
        "abc123" if name == "loans" else hashlib.sha256(name.encode()).hexdigest()[:8]
    )


def card(dataset: Dataset, actor: User, **changes: Any) -> DatasetCard:
    """Describe a dataset with one of everything."""
    stated: dict[str, Any] = {
        "rows": 10,
        "window_start": date(2025, 1, 1),
        "window_end": date(2025, 12, 31),
        "labels": "Defaults within a year, from the ledger.",
        "labellers": ["olivia"],
        "licence": "CC-BY-4.0",
        "sensitivity": [Sensitivity.PII],
        "known_gaps": "No loans below 500.",
    } | changes
    return describe_dataset(dataset, **stated, actor=actor)


def logged_model(run: Run, actor: User, *, is_ready: bool = True) -> LoggedModel:
    """Return a model that the run made, with one of everything."""
    model = create_logged_model(
        run.experiment,
        name="scorer",
        model_type="classifier",
        source_run=run,
        params={"depth": "3"},
        tags={"team": "credit"},
        actor=actor,
    )
    log_model_uses(run, models=[(model, 0)], direction=UseDirection.OUTPUT, actor=actor)
    log_batch(
        run,
        metrics=[Point("auc", 0.9, 1, 0, model.model_id, "loans", "abc123")],
        actor=actor,
    )
    for path in ("MLmodel", "model.pkl", "wrong.txt"):
        content = path.encode()
        upload_artifact(
            model,
            path=path,
            stream=io.BytesIO(content),
            expected_bytes=len(content),
            actor=actor,
        )
    remove_artifacts(model, path="wrong.txt", actor=actor)
    if not is_ready:
        return model
    return move_logged_model(model, to=LoggedModelStatus.READY, actor=actor)


def ask_for_metadata(run: Run, people: Cast) -> None:
    """Let the policy author demand a param of the run's experiment, without blocking."""
    define_field(
        run.experiment.workspace,
        kind=FieldKind.PARAM,
        key="team",
        field_type=FieldType.TEXT,
        actor=people.paul,
    )
    set_template(
        run.experiment,
        fields=[{"kind": FieldKind.PARAM, "key": "team", "required": True}],
        actor=people.paul,
    )


def reproduction(original: Run, actor: User, **metrics: float) -> Reproduction:
    """Do a run again: of the same inputs, with these metrics."""
    again = run(original.experiment.workspace, actor, "again")
    log_batch(
        again,
        params=list(original.params.values_list("key", "value")),
        metrics=[Point(key, value, 1, 0) for key, value in metrics.items()],
        actor=actor,
    )
    return declare_reproduction(end(again, actor), original=original, actor=actor)
