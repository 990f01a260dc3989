"""What a verification found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it was written; `index` is None where there is none."""

    index: int | None
    sentence: str
