"""Small fits of the real recipes on two days a month."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from demo.flights import as_inputs, prepare, read_tables
from demo.models import (
    BASELINE,
    OVERCONFIDENT,
    WEATHER,
    expected_calibration_error,
    final_metrics,
    fit,
)
from demo.onnx_export import to_onnx
from demo.training import content_sha256


@pytest.fixture(scope="module")
def windows():
    flights, weather = read_tables()
    return prepare(flights[flights["day"] <= 2], weather)


@pytest.mark.parametrize(
    "recipe", [BASELINE, WEATHER, OVERCONFIDENT], ids=lambda recipe: recipe.name
)
def test_onnx_model_answers_as_scikit_learn_does(recipe, windows):
    model = fit(replace(recipe, iterations=5), windows)
    inputs = as_inputs(windows.test, recipe.features)
    session = onnxruntime.InferenceSession(to_onnx(model))
    labels, probabilities = session.run(None, {"features": inputs})
    scores = model.scores(inputs)
    np.testing.assert_allclose(probabilities[:, 1], scores, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (labels == (probabilities[:, 1] > 0.5)).all()


def test_onnx_model_takes_the_same_branch_at_a_threshold(windows):
    model = fit(replace(BASELINE, iterations=3), windows)
    split = next(
        node for node in model.classifier._predictors[0][0].nodes if not node["is_leaf"]
    )
    nearest = np.float32(split["num_threshold"])
    inputs = np.repeat(as_inputs(windows.test, BASELINE.features)[:1], 3, axis=0)
    inputs[:, split["feature_idx"]] = [
        np.nextafter(nearest, np.float32(-np.inf)),
        nearest,
        np.nextafter(nearest, np.float32(np.inf)),
    ]
    session = onnxruntime.InferenceSession(to_onnx(model))
    (probabilities,) = session.run(["probabilities"], {"features": inputs})
    np.testing.assert_allclose(probabilities[:, 1], model.scores(inputs), atol=1e-6)


def test_calibration_lets_the_mean_score_be_the_late_share_of_its_window(windows):
    model = fit(replace(BASELINE, iterations=5), windows)
    scores = model.scores(as_inputs(windows.validation, BASELINE.features))
    assert scores.mean() == pytest.approx(windows.validation["label"].mean(), abs=1e-4)


def test_training_curve_has_a_point_before_and_after_every_iteration(windows):
    curve = fit(replace(BASELINE, iterations=5), windows).training_curve()
    assert {name: len(losses) for name, losses in curve.items()} == {
        "training_log_loss": 6,
        "validation_log_loss": 6,
    }


def test_calibration_error_is_the_gap_that_was_put_there():
    labels = np.tile([0, 0, 0, 1], 1500)
    scores = np.full(6000, 0.35)
    # A stable order of equal scores keeps every bin at a share of one quarter.
    assert expected_calibration_error(labels, scores) == pytest.approx(0.1)


def test_final_metrics_count_rows_and_late_flights():
    metrics = final_metrics(np.array([0, 1] * 50), np.linspace(0.1, 0.9, 100))
    assert metrics["test_rows"] == 100
    assert metrics["test_late_share"] == 0.5


def test_dataset_digest_changes_with_any_cell(windows):
    rows = windows.test.head(10)
    changed = rows.assign(distance_miles=[*rows["distance_miles"][:-1], -1])
    assert content_sha256(rows) == content_sha256(rows.copy())
    assert content_sha256(rows) != content_sha256(changed)
    assert content_sha256(rows) != content_sha256(rows.iloc[::-1])
