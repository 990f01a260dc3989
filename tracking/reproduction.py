"""How near one run came to another; and what became of a run's claim to reproduce one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib.auth.models import User

from audit.tlog.canonical import digest
from tracking.evidence import RunContent, SourceTag, is_seed
from tracking.models import Reproduction, Run
from tracking.models.reproduction import ReproductionLevel
from tracking.statistics import is_close, prediction_interval

# Three reproductions and the original are the least sample for an interval.
FEWEST_EARLIER = 3
STRICTEST_FIRST = list(ReproductionLevel)


@dataclass(frozen=True)
class Tolerances:
    """How far a metric may lie from the original's; the defaults are NumPy's."""

    relative: float = 1e-5
    absolute: float = 1e-8


@dataclass(frozen=True)
class Comparison:
    """The level that holds for all metrics, and what is the same and what differs."""

    level: ReproductionLevel
    has_same_inputs: bool
    details: dict[str, Any]


def compare(
    here: RunContent,
    original: RunContent,
    *,
    tolerances: Tolerances,
    earlier: Mapping[str, Sequence[float]],
) -> Comparison:
    """Compare by name; `earlier` are the values of earlier reproductions, by metric.

    They count only if nothing but seeds distinguishes what went into the two runs.
    """
    params = _differences(original.params, here.params)
    datasets = _differences(_data(original), _data(here))
    artifacts = _differences(_digests(original), _digests(here))
    changed = {name for kind in DIFFERENT for name in params[kind]}
    has_same_inputs = all(map(is_seed, changed)) and not any(
        datasets[kind] for kind in DIFFERENT
    )
    metrics = {
        key: _metric(
            here.metrics.get(key),
            original.metrics.get(key),
            tolerances,
            earlier.get(key, ()) if has_same_inputs else (),
        )
        for key in sorted(here.metrics.keys() | original.metrics.keys())
    }
    level = _level(metrics[key]["level"] for key in original.metrics)
    if level == ReproductionLevel.BITWISE and here.metrics.keys() - original.metrics:
        level = ReproductionLevel.TOLERANCE
    return Comparison(
        level,
        has_same_inputs,
        {
            "has_same_inputs": has_same_inputs,
            "params": params,
            "datasets": datasets,
            "artifacts": artifacts,
            "metrics": metrics,
        },
    )


DIFFERENT = ("differ", "only_here", "only_in_original")


def _differences(
    original: Mapping[str, object], here: Mapping[str, object]
) -> dict[str, Any]:
    both = original.keys() & here.keys()
    differ = {key for key in both if original[key] != here[key]}
    return {
        "same": len(both) - len(differ),
        "differ": sorted(differ),
        "only_here": sorted(here.keys() - original.keys()),
        "only_in_original": sorted(original.keys() - here.keys()),
    }


def _data(content: RunContent) -> dict[str, str]:
    return {f"{used.name}@{used.digest}": used.context for used in content.datasets}


def _digests(content: RunContent) -> dict[str, str]:
    return {file.shown: file.sha256 for file in content.files}


def _level(levels: Iterable[str]) -> ReproductionLevel:
    """Return the weakest level; without a metric nothing is reproduced."""
    weakest = max(
        map(STRICTEST_FIRST.index, map(ReproductionLevel, levels)), default=-1
    )
    return STRICTEST_FIRST[weakest]


def _metric(
    here: float | None,
    original: float | None,
    tolerances: Tolerances,
    earlier: Sequence[float],
) -> dict[str, Any]:
    """Print values as Python's shortest text, from which the very same bits are read."""
    level, interval = ReproductionLevel.NONE, None
    if here is not None and original is not None:
        if len(earlier) >= FEWEST_EARLIER:
            interval = prediction_interval([original, *earlier])
        level = level_of(here, original, tolerances, interval)
    return {
        "here": None if here is None else repr(here),
        "original": None if original is None else repr(original),
        "level": str(level),
        "interval": [repr(bound) for bound in interval] if interval else None,
        "sample": len(earlier) + 1,
    }


def level_of(
    here: float,
    original: float,
    tolerances: Tolerances,
    interval: tuple[float, float] | None = None,
) -> ReproductionLevel:
    """Return the strictest level that one metric reaches; NaN equals NaN."""
    if here.hex() == original.hex():
        return ReproductionLevel.BITWISE
    if is_close(here, original, **asdict(tolerances)):
        return ReproductionLevel.TOLERANCE
    if interval and interval[0] <= here <= interval[1]:
        return ReproductionLevel.STATISTICAL
    return ReproductionLevel.NONE


def compared_content(
    here: RunContent, original: RunContent, tolerances: Tolerances
) -> str:
    """Return the digest over what a comparison looks at."""
    return digest(
        [
            [content.params, content.metrics, _data(content), _digests(content)]
            for content in (here, original)
        ]
        + [asdict(tolerances)]
    )


def open_claim(run: Run, tags: Mapping[str, str], *, viewer: User) -> str | None:
    """Say why the run that a tag claims to reproduce was not compared; None if it was."""
    claimed = tags.get(SourceTag.REPRODUCES)
    if not claimed:
        return None
    words = f"This run claims to reproduce the run {claimed[:64]!r}, which"
    original = claimed_original(run, claimed, viewer=viewer)
    if original is None:
        return f"{words} is not known here: correct the tag {SourceTag.REPRODUCES}."
    if original.pk == run.pk:
        return f"{words} is itself: correct the tag {SourceTag.REPRODUCES}."
    if not original.has_ended:
        return f"{words} has not ended: end that one, then end this one again."
    if not Reproduction.objects.filter(run=run, original=original).exists():
        return f"{words} it was not compared with: end this run (again)."
    return None


def claimed_original(run: Run, claimed: str, *, viewer: User) -> Run | None:
    """Return the run of that id in the same workspace, if one may see it."""
    return (
        Run.objects.visible_to(viewer)
        .filter(experiment__workspace=run.experiment.workspace_id, run_id=claimed)
        .first()
    )
