"""Builds the files of a model version in memory, as a run would have logged them."""

import hashlib
import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from registry.evidence import Evidence, FileName, StoredFile, VersionEvidence


def parquet(columns: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def predictions_file(labels: Any, scores: Any, row_keys: Any = None) -> bytes:
    if row_keys is None:
        row_keys = [f"row-{number}" for number in range(len(labels))]
    return parquet({"row_key": row_keys, "label": labels, "score": scores})


def version(label: str = "m v1", **contents: bytes) -> VersionEvidence:
    return VersionEvidence(
        label,
        {
            FileName(name): StoredFile(
                path=f"evaluation/{name}",
                sha256=hashlib.sha256(content).hexdigest(),
                load=lambda content=content: content,  # type: ignore[misc]
            )
            for name, content in contents.items()
        },
    )


def evidence(labels: Any, scores: Any, champion_scores: Any = None) -> Evidence:
    champion = None
    if champion_scores is not None:
        champion = version(
            "m v1", predictions=predictions_file(labels, champion_scores)
        )
    candidate = version("m v2", predictions=predictions_file(labels, scores))
    return Evidence(candidate, champion)


def calibrated(
    rows: int, seed: int, slope: float = 1.0
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """Draw labels from probabilities, then distort those: a slope above 1 is
    overconfident, 1 is perfectly calibrated."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(-1, 1.2, rows)
    labels = (generator.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.int8)
    return labels, 1 / (1 + np.exp(-slope * logits))
