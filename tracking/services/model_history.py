"""The models that a client of MLflow 2 says a run made: one tag, a list as JSON."""

import json
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import InvalidError
from tracking.models import Run
from tracking.services.logging import log_batch
from tracking.services.runs import writable

MODEL_HISTORY_TAG = "mlflow.log-model.history"
LONGEST_HISTORY = 8000  # MLflow's longest value of a tag
WANTED_OF_MODEL = frozenset({"artifact_path", "flavors", "utc_time_created", "run_id"})
KEPT_OF_MODEL = ("run_id", "utc_time_created", "artifact_path", "model_uuid")


def add_to_model_history(run: Run, *, model_json: str, actor: User) -> None:
    """Add what MLflow keeps of an MLmodel; refuse one for which there is no room left.

    Under the run's lock, so that of two at once neither is lost.
    """
    model = _kept_of(_object_in(model_json))
    with transaction.atomic():
        run = writable(run, actor=actor)
        text = json.dumps([*_history_of(run), model])
        if len(text) > LONGEST_HISTORY:
            raise InvalidError(
                "model_history_full",
                f"With this model the tag {MODEL_HISTORY_TAG} of run {run.run_id} would "
                f"have {len(text)} characters; {LONGEST_HISTORY} is the most. Log the "
                f"model in another run.",
            )
        log_batch(run, tags=[(MODEL_HISTORY_TAG, text)], actor=actor)


def _object_in(text: str) -> dict[str, Any]:
    try:
        model = json.loads(text)
    except (ValueError, RecursionError):
        model = None
    missing = WANTED_OF_MODEL - set(model if isinstance(model, dict) else ())
    if not isinstance(model, dict) or missing:
        raise InvalidError(
            "model_json_invalid",
            f"model_json is not a JSON object with {', '.join(sorted(missing))}: send "
            f"what MLflow's Model.to_json writes.",
        )
    return model


def _kept_of(model: dict[str, Any]) -> dict[str, Any]:
    """Return what `Model.get_tags_dict` of MLflow does: no signature, no configuration."""
    flavors = model["flavors"] or {}
    if not isinstance(flavors, dict):
        raise InvalidError(
            "model_json_invalid",
            "The flavors in model_json are not an object: send what MLflow's "
            "Model.to_json writes.",
        )
    kept = {key: model[key] for key in KEPT_OF_MODEL if key in model}
    return {**kept, "flavors": {name: _plain(flavors[name]) for name in flavors}}


def _plain(flavor: Any) -> Any:
    if not isinstance(flavor, dict):
        return flavor
    return {key: value for key, value in flavor.items() if key != "config"}


def _history_of(run: Run) -> list[Any]:
    tag = run.tags.filter(key=MODEL_HISTORY_TAG).first()
    if tag is None:
        return []
    try:
        found = json.loads(tag.value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise InvalidError(
            "model_history_unreadable",
            f"The tag {MODEL_HISTORY_TAG} of run {run.run_id} is not a list of models: "
            f"remove the tag, then log the model again.",
        )
    return found
