"""What runs hold, as rows for their pages: one query a kind, however many runs.

By hand, because a page of runs has thousands of these rows and nobody needs them as
objects.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from tracking.models.rows import any_of, fetched, streamed, with_any_of

_LATEST = """
SELECT run_id, key, value, is_nan, timestamp_ms, step FROM tracking_latestmetric
WHERE run_id {any_of} ORDER BY run_id, key
"""
_TEXTS = """
SELECT 'param' AS kind, run_id, key, value FROM tracking_param WHERE run_id {any_of}
UNION ALL
SELECT 'tag', run_id, key, value FROM tracking_tag WHERE run_id {any_of}
ORDER BY run_id, key
"""
_LINKS = """
SELECT EXISTS (SELECT 1 FROM tracking_datasetinput WHERE run_id {any_of}),
    EXISTS (SELECT 1 FROM tracking_modeluse WHERE run_id {any_of})
"""
_OF_MODELS = """
SELECT 'param' AS kind, logged_model_id, key, value FROM tracking_loggedmodelparam
WHERE logged_model_id {any_of}
UNION ALL
SELECT 'tag', logged_model_id, key, value FROM tracking_loggedmodeltag
WHERE logged_model_id {any_of}
ORDER BY logged_model_id, key
"""
_POINTS_OF_MODELS = """
SELECT m.logged_model_id, r.run_id, m.dataset_name, m.dataset_digest,
    m.key, m.value, m.is_nan, m.timestamp_ms, m.step
FROM tracking_loggedmodelmetric m JOIN tracking_run r ON r.id = m.run_id
WHERE m.logged_model_id {any_of} ORDER BY m.id
"""


def latest_points(runs: Sequence[int]) -> Iterator[Sequence[Any]]:
    """Yield `(run, key, value, is_nan, timestamp_ms, step)`, run by run, by their keys."""
    return streamed(with_any_of(_LATEST), [any_of(runs)])


def params_and_tags(runs: Sequence[int]) -> list[Sequence[Any]]:
    """Return `(kind, run, key, value)` in order of the keys; kind is param or tag."""
    return _rows(_TEXTS, runs)


def have_links(runs: Sequence[int]) -> tuple[bool, bool]:
    """Say whether any of the runs names a dataset, and whether a logged model."""
    ((with_datasets, with_models),) = _rows(_LINKS, runs)
    return bool(with_datasets), bool(with_models)


def params_and_tags_of_models(models: Sequence[int]) -> list[Sequence[Any]]:
    """Return `(kind, model, key, value)` in order of the keys; kind is param or tag."""
    return _rows(_OF_MODELS, models)


def points_of_models(models: Sequence[int]) -> list[Sequence[Any]]:
    """Return points of logged models as they came.

    `(model, run id, dataset, its digest, key, value, is_nan, timestamp_ms, step)`.
    """
    return _rows(_POINTS_OF_MODELS, models)


def _rows(sql: str, keys: Sequence[int]) -> list[Sequence[Any]]:
    return fetched(with_any_of(sql), [any_of(keys)] * sql.count("{any_of}"))
