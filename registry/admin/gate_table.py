"""The gate table of a promotion request, in the digits of the lineage report."""

from collections.abc import Iterable
from dataclasses import dataclass

from audit.admin import NOTHING, badge
from registry.models import GateRun, PromotionRequest, Waiver
from registry.reports import filters
from registry.reports.lineage import GateRow
from registry.reports.verdicts import gate_row


@dataclass(frozen=True)
class GateLine:
    """One line of the gate table, in the digits of the lineage report."""

    run: GateRun
    row: GateRow | None
    waiver: Waiver | None = None

    @property
    def badge(self) -> str:
        """Show a waived verdict as waived; the sentence below it says what it was."""
        if self.waiver:
            return badge("waived")
        return badge(self.row.outcome if self.row else self.run.work_state)

    @property
    def estimate(self) -> str:
        return filters.number(self.row.estimate, self.row.unit) if self.row else NOTHING

    @property
    def interval(self) -> str:
        return filters.interval(self.row) if self.row else NOTHING

    @property
    def wanted(self) -> str:
        if self.row is None or self.row.threshold is None:
            return NOTHING
        return (
            f"{self.row.comparator} {filters.limit(self.row.threshold, self.row.unit)}"
        )

    @property
    def n(self) -> str:
        return filters.thousands(self.row.n) if self.row else NOTHING


def gate_lines(
    subject: PromotionRequest, waivers: Iterable[Waiver] = ()
) -> dict[int, list[GateLine]]:
    """Return the lines of every attempt, in the order of the policy.

    What is waived is waived in the current attempt.
    """
    waived = {waiver.gate: waiver for waiver in waivers}
    lines: dict[int, list[GateLine]] = {}
    runs = subject.gate_runs.select_related("verdict").order_by("position")
    for run in runs:
        verdict = getattr(run, "verdict", None)
        row = gate_row(verdict) if verdict else None
        waiver = waived.get(run.gate) if run.attempt == subject.attempt else None
        lines.setdefault(run.attempt, []).append(GateLine(run, row, waiver))
    return lines
