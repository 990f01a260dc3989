"""A measured figure beside its bar, and the table that a benchmark prints."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured number; it passes at or above its bar, or at or below it."""

    what: str
    value: float
    unit: str
    bar: float
    is_limit: bool = False

    @property
    def passes(self) -> bool:
        return self.value <= self.bar if self.is_limit else self.value >= self.bar

    def line(self) -> str:
        side = "at most" if self.is_limit else "at least"
        found = "ok" if self.passes else "MISSED"
        return (
            f"| {self.what} | {self.value:,.4g} {self.unit} "
            f"| {side} {self.bar:,g} {self.unit} | {found} |"
        )


def print_table(figures: Iterable[Figure]) -> None:
    print(f"\n{machine()}\n")
    print("| figure | measured | bar | |\n|---|--:|--:|---|")
    for figure in figures:
        print(figure.line(), flush=True)


def machine() -> str:
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {_processor()}, Python "
        f"{platform.python_version()}, load {load}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
