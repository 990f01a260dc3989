"""Three answers to one question: will this flight arrive 15 minutes late or more?"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from threadpoolctl import (  # type: ignore[import-untyped] # it ships no types
    threadpool_limits,
)

from demo.flights import SCHEDULE_FEATURES, WEATHER_FEATURES, Windows, as_inputs

SEED = 20130101
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Recipe:
    """How one model is fitted; `is_calibrated` scales its scores on later flights."""

    name: str
    question: str
    features: tuple[str, ...]
    iterations: int
    learning_rate: float
    leaves: int
    smallest_leaf: int
    is_calibrated: bool

    def params(self) -> dict[str, str | int | float | bool]:
        """Return the settings as MLflow params, features by name."""
        return {**asdict(self), "features": ", ".join(self.features), "seed": SEED}


@dataclass(frozen=True)
class Model:
    """A fitted classifier and the line through its log-odds that calibrates them."""

    recipe: Recipe
    classifier: HistGradientBoostingClassifier
    slope: float
    intercept: float

    def scores(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the probability of arriving late, one a row."""
        log_odds = self.classifier.decision_function(inputs)
        probability: npt.NDArray[np.float64] = expit(
            self.slope * log_odds + self.intercept
        )
        return probability

    def training_curve(self) -> dict[str, list[float]]:
        """Log loss after each iteration, before calibration; the first is without any tree."""
        return {
            "training_log_loss": (-self.classifier.train_score_).tolist(),
            "validation_log_loss": (-self.classifier.validation_score_).tolist(),
        }


BASELINE = Recipe(
    name="baseline",
    question="What do calendar, carrier and route tell?",
    features=SCHEDULE_FEATURES,
    iterations=100,
    learning_rate=0.08,
    leaves=31,
    smallest_leaf=200,
    is_calibrated=True,
)
WEATHER = Recipe(
    name="weather",
    question="What does the weather at the origin add?",
    features=SCHEDULE_FEATURES + WEATHER_FEATURES,
    iterations=100,
    learning_rate=0.08,
    leaves=31,
    smallest_leaf=200,
    is_calibrated=True,
)
# The mistake is an everyday one: capacity and learning rate turned up until the
# training loss looked splendid, and nobody looked at the validation curve.
OVERCONFIDENT = Recipe(
    name="overconfident",
    question="What does fitting far harder bring?",
    features=SCHEDULE_FEATURES + WEATHER_FEATURES,
    iterations=150,
    learning_rate=0.5,
    leaves=127,
    smallest_leaf=5,
    is_calibrated=False,
)
RECIPES = (BASELINE, WEATHER, OVERCONFIDENT)


def fit(recipe: Recipe, windows: Windows) -> Model:
    """Fit on the training window, then calibrate on the validation window (Platt 1999)."""
    training, validation = windows.training, windows.validation
    later = as_inputs(validation, recipe.features)
    booster = HistGradientBoostingClassifier(
        max_iter=recipe.iterations,
        learning_rate=recipe.learning_rate,
        max_leaf_nodes=recipe.leaves,
        min_samples_leaf=recipe.smallest_leaf,
        # Watching the validation loss is what draws the curve; so much patience
        # never stops a fit.
        early_stopping=True,
        n_iter_no_change=recipe.iterations,
        scoring="loss",
        random_state=SEED,
    )
    # Two are what the smallest machine has; more would wait for each other there. The
    # trees are the same with one thread and with two.
    with threadpool_limits(limits=2, user_api="openmp"):
        classifier = booster.fit(
            as_inputs(training, recipe.features),
            training["label"],
            X_val=later,
            y_val=validation["label"],
        )
    if not recipe.is_calibrated:
        return Model(recipe, classifier, slope=1.0, intercept=0.0)
    line = LogisticRegression(C=np.inf).fit(
        classifier.decision_function(later)[:, None], validation["label"]
    )
    return Model(
        recipe,
        classifier,
        slope=float(line.coef_[0, 0]),
        intercept=float(line.intercept_[0]),
    )


def final_metrics(
    labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]
) -> dict[str, float]:
    """Compute what a data scientist would log; the gates compute their own."""
    measures: dict[str, Callable[..., float]] = {
        "test_auc": roc_auc_score,
        "test_log_loss": log_loss,
        "test_brier": brier_score_loss,
        "test_ece": expected_calibration_error,
    }
    return {
        name: float(measure(labels, scores)) for name, measure in measures.items()
    } | {
        "test_rows": float(len(labels)),
        "test_late_share": float(labels.mean()),
    }


def expected_calibration_error(
    labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]
) -> float:
    """Mean gap between promised and seen late share over bins of equally many rows."""
    promised, seen, weight = reliability(labels, scores)
    return float(np.abs(promised - seen) @ weight)


def reliability(
    labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean score, late share and share of the rows, bin by bin."""
    bins = np.array_split(np.argsort(scores, kind="stable"), CALIBRATION_BINS)
    return (
        np.array([scores[rows].mean() for rows in bins]),
        np.array([labels[rows].mean() for rows in bins]),
        np.array([len(rows) / len(scores) for rows in bins]),
    )
