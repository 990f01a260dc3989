"""`experiments/…` of MLflow's API: create, get, get-by-name."""

from typing import Any

from audit.errors import NotFoundError
from tracking.mlflow_api import messages
from tracking.mlflow_api.endpoint import Caller, endpoint, visible_experiment
from tracking.models import Experiment
from tracking.services.experiments import create_experiment


@endpoint("POST", messages.CreateExperiment)
def create(caller: Caller, message: messages.CreateExperiment) -> dict[str, Any]:
    experiment = create_experiment(
        caller.workspace, name=message.name, actor=caller.user
    )
    return {"experiment_id": str(experiment.pk)}


@endpoint("GET", messages.GetExperiment)
def get(caller: Caller, message: messages.GetExperiment) -> dict[str, Any]:
    return {"experiment": shown(visible_experiment(caller, message.experiment_id))}


@endpoint("GET", messages.GetExperimentByName)
def get_by_name(
    caller: Caller, message: messages.GetExperimentByName
) -> dict[str, Any]:
    experiment = (
        Experiment.objects.visible_to(caller.user)
        .filter(workspace=caller.workspace, name=message.experiment_name)
        .first()
    )
    if experiment is None:
        raise NotFoundError(
            "experiment_unknown",
            f"There is no experiment {message.experiment_name!r} in {caller.workspace} "
            f"that you may see: create it.",
        )
    return {"experiment": shown(experiment)}


def shown(experiment: Experiment) -> dict[str, Any]:
    return {
        "experiment_id": str(experiment.pk),
        "name": experiment.name,
        "artifact_location": f"mlflow-artifacts:/{experiment.pk}",
        "lifecycle_stage": experiment.lifecycle_stage,
        "creation_time": int(experiment.created_at.timestamp() * 1000),
        "last_update_time": int(experiment.updated_at.timestamp() * 1000),
    }
