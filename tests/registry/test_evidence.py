import contextlib

import numpy as np
import pyarrow as pa
import pytest

from audit.errors import InvalidError
from registry.evidence import (
    FileName,
    StoredFile,
    VersionEvidence,
    pair,
    read_model_inputs,
    read_predictions,
)
from tests.registry.gates.evidence_files import parquet, predictions_file, version

GOOD = {"row_key": ["b", "a", "c"], "label": [1, 0, 1], "score": [0.9, 0.1, 0.5]}


def test_predictions_are_read_in_the_order_of_their_keys():
    predictions = read_predictions(parquet(GOOD))
    assert list(predictions.row_keys) == ["a", "b", "c"]
    assert predictions.labels.tolist() == [0, 1, 1]
    assert predictions.scores.tolist() == [0.1, 0.9, 0.5]
    assert (len(predictions), predictions.positives) == (3, 2)


def test_digest_of_row_keys_depends_on_the_keys_and_not_on_their_order():
    digests = [
        read_predictions(predictions_file([0, 1], [0.1, 0.2], keys)).row_key_digest
        for keys in (["a", "b"], ["b", "a"], ["a", "c"])
    ]
    assert digests[0] == digests[1] != digests[2]
    joined = [
        read_predictions(predictions_file([0, 1], [0.1, 0.2], keys)).row_key_digest
        for keys in (["ab", "c"], ["a", "bc"])
    ]
    assert joined[0] != joined[1]


@pytest.mark.parametrize(
    ("changes", "code", "part"),
    [
        ({"label": None}, "predictions_columns_missing", "lack label"),
        (
            {"row_key": None, "score": None},
            "predictions_columns_missing",
            "row_key, score",
        ),
        ({"row_key": [1, 2, 3]}, "predictions_column_type", "row_key is int64"),
        ({"label": [0.0, 1.0, 1.0]}, "predictions_column_type", "label is double"),
        ({"score": ["a", "b", "c"]}, "predictions_column_type", "score is string"),
        ({"score": [0, 1, 1]}, "predictions_column_type", "score is int64"),
        ({"label": [0, 1, 2]}, "predictions_labels_not_binary", "1 labels"),
        ({"label": [0, 1, None]}, "predictions_labels_not_binary", "1 labels"),
        ({"label": [0, 1, 256]}, "predictions_labels_not_binary", "1 labels"),
        ({"label": [1, 1, 1]}, "predictions_one_class", "Every label is 1"),
        ({"score": [np.nan, np.inf, 0.5]}, "predictions_scores_not_finite", "2 scores"),
        ({"score": [None, 0.1, 0.5]}, "predictions_scores_not_finite", "1 scores"),
        ({"score": [-0.1, 1.1, 0.5]}, "predictions_scores_out_of_range", "2 scores"),
        ({"row_key": ["a", "a", "b"]}, "predictions_row_keys_repeated", "1 rows"),
        ({"row_key": ["a", None, "b"]}, "predictions_row_keys_missing", "no row key"),
        ({"row_key": ["a", "", "b"]}, "predictions_row_keys_missing", "no row key"),
    ],
)
def test_predictions_that_would_mislead_are_refused(changes, code, part):
    columns = {
        name: values for name, values in (GOOD | changes).items() if values is not None
    }
    with pytest.raises(InvalidError) as refusal:
        read_predictions(parquet(columns))
    assert refusal.value.code == code
    assert part in refusal.value.detail


def test_a_truncated_file_is_refused():
    with pytest.raises(InvalidError) as refusal:
        read_predictions(parquet(GOOD)[:-10])
    assert refusal.value.code == "predictions_unreadable"


@pytest.mark.parametrize("position", range(0, 1200, 61))
def test_a_damaged_file_is_never_read_as_something_else(position):
    content = bytearray(parquet(GOOD))
    content[position % len(content)] ^= 0xFF
    with contextlib.suppress(InvalidError):
        assert len(read_predictions(bytes(content))) == 3


def test_an_empty_file_is_refused():
    empty = {
        "row_key": pa.array([], pa.string()),
        "label": pa.array([], pa.int8()),
        "score": pa.array([], pa.float64()),
    }
    with pytest.raises(InvalidError) as refusal:
        read_predictions(parquet(empty))
    assert refusal.value.code == "predictions_empty"


@pytest.mark.parametrize(
    ("kind", "column", "values"),
    [
        (pa.large_string(), "row_key", ["b", "a", "c"]),
        (pa.dictionary(pa.int32(), pa.string()), "row_key", ["b", "a", "c"]),
        (pa.bool_(), "label", [True, False, True]),
        (pa.int64(), "label", [1, 0, 1]),
        (pa.float32(), "score", [0.5, 0.25, 1.0]),
    ],
)
def test_types_that_mean_the_same_are_read(kind, column, values):
    predictions = read_predictions(parquet(GOOD | {column: pa.array(values, kind)}))
    assert predictions.labels.tolist() == [0, 1, 1]


def test_pairing_refuses_other_labels():
    first = read_predictions(predictions_file([0, 1, 1], [0.1, 0.2, 0.3]))
    other = read_predictions(predictions_file([0, 1, 0], [0.1, 0.2, 0.3]))
    with pytest.raises(InvalidError) as refusal:
        pair(first, other)
    assert (refusal.value.code, refusal.value.extra) == (
        "predictions_labels_differ",
        {"different": 1},
    )


def test_model_inputs_keep_their_columns_in_order():
    inputs = read_model_inputs(parquet({"b": [1.0, 2.0], "a": ["x", "y"]}))
    assert (list(inputs.columns), inputs.rows) == (["b", "a"], 2)


def test_model_inputs_of_no_plain_type_are_refused():
    with pytest.raises(InvalidError) as refusal:
        read_model_inputs(parquet({"a": [[1.0], [2.0]]}))
    assert refusal.value.code == "model_inputs_column_type"


def test_a_file_that_changed_since_it_was_submitted_is_refused():
    stored = StoredFile("evaluation/predictions.parquet", "0" * 64, lambda: b"other")
    with pytest.raises(InvalidError) as refusal:
        _ = VersionEvidence("m v1", {FileName.PREDICTIONS: stored}).predictions
    assert refusal.value.code == "evidence_altered"


def test_each_file_is_loaded_only_when_asked_for():
    evidence = version(predictions=parquet(GOOD), model=b"not even a model")
    assert evidence.predictions is evidence.predictions
    assert evidence.digests(FileName).keys() == {"model", "predictions"}
