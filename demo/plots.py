"""The pictures that a data scientist would look at, as PNG files."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from demo.models import Model, reliability

_DPI = 120


def draw_all(
    folder: Path,
    model: Model,
    labels: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float64],
) -> None:
    """Write ROC curve, reliability diagram and training curve into an existing folder."""
    name = model.recipe.name
    _roc(name, labels, scores).savefig(folder / "roc.png", dpi=_DPI)
    _reliability(name, labels, scores).savefig(folder / "reliability.png", dpi=_DPI)
    _training_curve(model).savefig(folder / "training_curve.png", dpi=_DPI)


def _roc(
    name: str, labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]
) -> Figure:
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    false_alarms, found, _ = roc_curve(labels, scores)
    axes.plot(false_alarms, found)
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    axes.set_title(f"{name}: ROC on the test window")
    axes.set_xlabel("share of punctual flights flagged")
    axes.set_ylabel("share of late flights flagged")
    return figure


def _reliability(
    name: str, labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]
) -> Figure:
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    promised, seen, _ = reliability(labels, scores)
    end = max(promised.max(), seen.max()) * 1.05
    axes.plot([0, end], [0, end], color="grey", linestyle="--", linewidth=1)
    axes.plot(promised, seen, marker="o", markersize=4)
    axes.set_title(f"{name}: reliability on the test window")
    axes.set_xlabel("mean predicted probability of being late")
    axes.set_ylabel("share of flights that were late")
    return figure


def _training_curve(model: Model) -> Figure:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for key, losses in model.training_curve().items():
        axes.plot(losses, label=key.replace("_", " "))
    axes.set_title(f"{model.recipe.name}: log loss while fitting")
    axes.set_xlabel("iteration")
    axes.legend()
    return figure
