"""What a gate gets to see of a candidate and a champion, read from stored files.

Where the files are kept is not known here: each comes with a function that loads it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audit.errors import InvalidError

# Guards a worker's memory against a small file that claims to be a huge one.
MOST_ROWS = 20_000_000


class FileName(StrEnum):
    """What a file is for; its path is the policy's business."""

    MODEL = "model"
    PREDICTIONS = "predictions"
    MODEL_INPUTS = "model_inputs"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Labels and scores of a test set, sorted by row key so that row order is nothing.

    `row_key_digest` is the SHA-256 over the sorted keys, each led by its length.
    """

    row_keys: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int8]
    scores: npt.NDArray[np.float64]
    sha256: str
    row_key_digest: str

    def __len__(self) -> int:
        return int(self.labels.size)

    @property
    def positives(self) -> int:
        return int(self.labels.sum())

    @property
    def rows_of_rarer_class(self) -> int:
        return min(self.positives, len(self) - self.positives)


@dataclass(frozen=True, eq=False)
class PairedPredictions:
    """Two models' scores over the same rows and labels."""

    labels: npt.NDArray[np.int8]
    candidate_scores: npt.NDArray[np.float64]
    champion_scores: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ModelInputs:
    """The model's inputs, one array a column, in the model's order."""

    columns: Mapping[str, npt.NDArray[Any]]
    rows: int
    sha256: str


@dataclass(frozen=True)
class StoredFile:
    """A file that can be loaded, and the digest that it had when it was frozen."""

    path: str
    sha256: str
    load: Callable[[], bytes]


@dataclass(frozen=True, eq=False)
class VersionEvidence:
    """The files of one model version; each is loaded once, on first use."""

    label: str
    files: Mapping[FileName, StoredFile]

    @cached_property
    def predictions(self) -> Predictions:
        return read_predictions(self._content(FileName.PREDICTIONS))

    @cached_property
    def model_inputs(self) -> ModelInputs:
        return read_model_inputs(self._content(FileName.MODEL_INPUTS))

    @cached_property
    def model(self) -> bytes:
        return self._content(FileName.MODEL)

    def digests(self, names: Iterable[FileName]) -> dict[str, str]:
        return {
            str(name): f"sha256:{self.files[name].sha256}"
            for name in sorted(names)
            if name in self.files
        }

    def _content(self, name: FileName) -> bytes:
        if name not in self.files:
            raise InvalidError(
                "evidence_missing",
                f"{self.label} has no file {str(name)!r}; name its path under"
                " 'evidence' in the policy and log it with the run.",
            )
        file = self.files[name]
        content = file.load()
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise InvalidError(
                "evidence_altered",
                f"{file.path} of {self.label} is no longer the file that was"
                " submitted: its SHA-256 differs. Find out who changed the store.",
            )
        return content


@dataclass(frozen=True)
class Evidence:
    """All that a gate may look at. Without a champion the slot is still empty."""

    candidate: VersionEvidence
    champion: VersionEvidence | None = None


def read_predictions(content: bytes) -> Predictions:
    """Read Parquet with `row_key` (text), `label` (0 or 1) and `score` (0 to 1).

    Whatever would make a metric wrong is refused, with the number of rows at fault.
    """
    table = _read_parquet(content, "predictions")
    _require_columns(table, ("row_key", "label", "score"))
    order = pc.sort_indices(_row_keys(table))
    row_keys = _row_keys(table).take(order).to_numpy(zero_copy_only=False)
    labels = _labels(table).take(order).to_numpy(zero_copy_only=False)
    scores = _scores(table)[order.to_numpy()]
    if labels.min() == labels.max():
        raise InvalidError(
            "predictions_one_class",
            f"Every label is {labels[0]}, so nothing can be told apart; evaluate on a"
            " test set that holds both classes.",
        )
    return Predictions(
        row_keys=row_keys,
        labels=labels,
        scores=scores,
        sha256=hashlib.sha256(content).hexdigest(),
        row_key_digest=_digest_of_keys(row_keys),
    )


def pair(candidate: Predictions, champion: Predictions) -> PairedPredictions:
    """Set two models' scores side by side; refuse unless rows and labels are the same."""
    if candidate.row_key_digest != champion.row_key_digest:
        ours, theirs = set(candidate.row_keys), set(champion.row_keys)
        raise InvalidError(
            "predictions_rows_differ",
            f"The candidate lacks {len(theirs - ours):,} of the champion's rows and"
            f" has {len(ours - theirs):,} that the champion lacks; evaluate both on"
            " one test set with the same row keys.",
            missing=len(theirs - ours),
            extra=len(ours - theirs),
        )
    different = int(np.count_nonzero(candidate.labels != champion.labels))
    if different:
        raise InvalidError(
            "predictions_labels_differ",
            f"{different:,} rows have another label than in the champion's"
            " predictions; evaluate both against the same labels.",
            different=different,
        )
    return PairedPredictions(candidate.labels, candidate.scores, champion.scores)


def read_model_inputs(content: bytes) -> ModelInputs:
    """Read Parquet with one column a feature, of numbers, booleans or text."""
    table = _read_parquet(content, "model_inputs")
    for field in table.schema:
        if not (_is_number(field.type) or _is_text(field.type)):
            raise InvalidError(
                "model_inputs_column_type",
                f"The column {field.name!r} is {field.type}; store each feature as"
                " numbers, booleans or text.",
            )
    columns = {
        name: table.column(name).combine_chunks().to_numpy(zero_copy_only=False)
        for name in table.column_names
    }
    return ModelInputs(columns, table.num_rows, hashlib.sha256(content).hexdigest())


def _read_parquet(content: bytes, kind: str) -> pa.Table:
    """Read the whole table, unless it is cut off, empty, huge or ambiguous."""
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        rows = file.metadata.num_rows
        table = file.read() if rows <= MOST_ROWS else None
    except (pa.ArrowException, OSError) as error:
        raise InvalidError(
            f"{kind}_unreadable",
            f"The {kind} file is not a readable Parquet file ({error}); it may have"
            " been cut off while it was uploaded. Write and log it again.",
        ) from error
    if table is None:
        raise InvalidError(
            f"{kind}_too_large",
            f"The {kind} file claims {rows:,} rows; at most {MOST_ROWS:,} are read.",
        )
    names = table.column_names
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidError(
            f"{kind}_columns_repeated",
            f"These columns occur more than once: {', '.join(repeated)}.",
        )
    if table.num_rows == 0 or not names:
        raise InvalidError(
            f"{kind}_empty", f"The {kind} file has no rows; log a filled one."
        )
    return table


def _require_columns(table: pa.Table, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise InvalidError(
            "predictions_columns_missing",
            f"The predictions lack {', '.join(missing)}; write the columns"
            f" {', '.join(names)}.",
            missing=missing,
        )


def _row_keys(table: pa.Table) -> pa.Array:
    column = table.column("row_key").combine_chunks()
    if not _is_text(column.type):
        raise _wrong_type("row_key", column.type, "text")
    keys = column.cast(pa.large_string())
    if keys.null_count or pc.any(pc.equal(keys, "")).as_py():
        raise InvalidError(
            "predictions_row_keys_missing",
            "Some rows have no row key; give every row a stable, unique one.",
        )
    repeated = len(keys) - pc.count_distinct(keys).as_py()
    if repeated:
        raise InvalidError(
            "predictions_row_keys_repeated",
            f"{repeated:,} rows repeat the key of another row; row keys must be"
            " unique.",
            repeated=repeated,
        )
    return keys


def _labels(table: pa.Table) -> pa.Array:
    column = table.column("label").combine_chunks()
    if not (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        raise _wrong_type("label", column.type, "integers 0 and 1")
    values = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
    is_binary = pc.is_in(values, pa.array([0, 1], values.type))
    wrong = len(column) - is_binary.true_count
    if wrong:
        raise InvalidError(
            "predictions_labels_not_binary",
            f"{wrong:,} labels are neither 0 nor 1; write 1 for the event and 0 for"
            " its absence.",
            wrong=wrong,
        )
    return values.cast(pa.int8())


def _scores(table: pa.Table) -> npt.NDArray[np.float64]:
    column = table.column("score").combine_chunks()
    if not pa.types.is_floating(column.type):
        raise _wrong_type("score", column.type, "floating-point probabilities")
    # A null becomes NaN here and is counted with them.
    scores: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy(
        zero_copy_only=False
    )
    wrong = int(np.count_nonzero(~np.isfinite(scores)))
    if wrong:
        raise InvalidError(
            "predictions_scores_not_finite",
            f"{wrong:,} scores are missing, NaN or infinite; find out why the model"
            " gave none and score those rows again.",
            wrong=wrong,
        )
    outside = int(np.count_nonzero((scores < 0) | (scores > 1)))
    if outside:
        raise InvalidError(
            "predictions_scores_out_of_range",
            f"{outside:,} scores lie outside 0 to 1; store probabilities, not logits"
            " or margins.",
            wrong=outside,
        )
    return scores


def _wrong_type(column: str, found: pa.DataType, wanted: str) -> InvalidError:
    return InvalidError(
        "predictions_column_type",
        f"The column {column} is {found}; write {wanted}.",
        column=column,
    )


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
    )


def _digest_of_keys(keys: npt.NDArray[np.object_]) -> str:
    """Length first, so that ("ab", "c") and ("a", "bc") differ."""
    running = hashlib.sha256()
    for key in keys:
        encoded = key.encode()
        running.update(len(encoded).to_bytes(8, "big") + encoded)
    return running.hexdigest()
