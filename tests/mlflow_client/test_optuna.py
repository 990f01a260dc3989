"""Optuna's own callback for MLflow: each trial is a run of the sweep."""

from typing import Any

import mlflow
import optuna
import pytest
from mlflow import MlflowClient
from optuna_integration.mlflow import MLflowCallback

pytestmark = [
    pytest.mark.slow,
    pytest.mark.on_postgresql,
    pytest.mark.filterwarnings("ignore"),
]


def test_trials_of_a_study_are_runs_below_the_run_of_the_sweep(
    installation, experiment
):
    callback: Any = MLflowCallback(
        tracking_uri=installation.url,
        metric_name="loss",
        create_experiment=False,
        mlflow_kwargs={"nested": True},
    )

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -1, 1)
        trial.set_user_attr("note", "ü" * 9000)
        mlflow.log_metric("before", x)
        return x**2

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=7))
    # It ends the run of a trial after the objective, and the callback opens it again.
    tracked = callback.track_in_mlflow()(objective)
    with mlflow.start_run(run_name="sweep") as sweep:
        study.optimize(tracked, n_trials=3, callbacks=[callback])

    trials: Any = MlflowClient().search_runs(
        [sweep.info.experiment_id],
        filter_string=f"tags.`mlflow.parentRunId` = '{sweep.info.run_id}' "
        f"AND tags.state = 'COMPLETE'",
        order_by=["metrics.loss ASC"],
    )
    assert [(run.data.params, run.data.metrics, run.info.status) for run in trials] == [
        (
            {"x": str(trial.params["x"])},
            {"before": trial.params["x"], "loss": trial.value},
            "FINISHED",
        )
        for trial in sorted(study.trials, key=lambda trial: trial.value or 0)
    ]
    assert {len(run.data.tags["note"]) for run in trials} == {8000}
