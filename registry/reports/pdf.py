"""Prints a lineage report as PDF/A-3a and PDF/UA-1: equal reports give equal bytes.

The bytes depend on the typesetting libraries too, which the last page names. The JSON
inside the file does not, so its digest is the one to compare between installations.
"""

from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.conf import settings
from django.template import Context, Engine

from registry.reports import cover, figures
from registry.reports.headline import headline, tally
from registry.reports.lineage import Fact, LineageReport
from registry.reports.typeface import (
    fitted,
    with_printable_text,
)

ATTACHMENT_NAME = "lineage-report.json"

# A long trail or a talkative run would take minutes to set; the JSON holds all of it.
LONGEST_TRAIL = 500
LONGEST_LIST = 150
# Of what takes a block of its own, such as a finding with all that was done about it.
MOST_BLOCKS = 50
LONGEST_ALARM = 3


@dataclass(frozen=True)
class _Shown:
    """The part of a long list that is printed, and how many rows are not."""

    rows: tuple[Any, ...]
    left_out: int


def render(report: LineageReport) -> bytes:
    """Return the PDF with the report's JSON attached; needs no network and no clock."""
    # WeasyPrint takes a second and 80 MiB, so only who prints loads it.
    from registry.reports import typesetting  # noqa: PLC0415

    return typesetting.typeset(
        html(report, typesetting.versions()),
        attachment=report.to_json(),
        attachment_name=ATTACHMENT_NAME,
        at=report.generated_at.astimezone(UTC),
    )


def html(report: LineageReport, versions: tuple[Fact, ...]) -> str:
    """Return the page that is typeset; `versions` names the libraries that do it."""
    folder = settings.BASE_DIR / "templates"
    engine = Engine(
        dirs=[str(folder)],
        builtins=["registry.reports.filters"],
        string_if_invalid="MISSING: %s",
    )
    context = Context({**_context(report), "typesetting": versions})
    rendered: str = engine.get_template("reports/lineage.html").render(context)
    return rendered


def _context(report: LineageReport) -> dict[str, Any]:
    shown: LineageReport = with_printable_text(report)
    return {
        "report": shown,
        "json_sha256": report.json_sha256(),
        "json_bytes": len(report.to_json()),
        "attachment_name": ATTACHMENT_NAME,
        "created": report.generated_at.astimezone(UTC).isoformat(timespec="seconds"),
        "trail": _first(shown.trail, LONGEST_TRAIL),
        "run_lists": [
            ("Params", "param", _first(shown.run.params, LONGEST_LIST)),
            ("Metrics", "metric", _first(shown.run.metrics, LONGEST_LIST)),
            ("Tags", "tag", _first(shown.run.tags, LONGEST_LIST)),
            ("Environment", "value", _first(shown.run.environment, LONGEST_LIST)),
        ],
        "artifacts": _first(shown.run.artifacts, LONGEST_LIST),
        "gate_pages": shown.latest_gates,
        "headline": headline(shown),
        "tally": tally(shown),
        "answers": cover.answers(shown),
        "alarms": _first(shown.alarms, LONGEST_ALARM),
        "due_dates": tuple(map(cover.due_in_words, shown.revalidation.due_dates)),
        "findings": _first(shown.findings, LONGEST_LIST),
        "finding_blocks": _first(shown.findings, MOST_BLOCKS),
        "waivers": _first(shown.waivers, MOST_BLOCKS),
        "break_glasses": _newest(shown.break_glasses, MOST_BLOCKS),
        "rollbacks": _newest(shown.rollbacks, MOST_BLOCKS),
        "closings": _first(shown.closings, MOST_BLOCKS),
        "challengers": _newest(shown.challengers, LONGEST_LIST),
        "triggers": _newest(shown.revalidation.triggers, LONGEST_LIST),
        "revalidations": _newest(shown.revalidation.signed, MOST_BLOCKS),
        "running_subject": (
            f"{fitted(shown.identity.name, 7.5, 220)} · "
            f"{'draft of the ' if shown.is_draft else ''}lineage report"
        ),
        "broken_nodes": ", ".join(
            f"{node.kind} ({node.name})" for node in shown.nodes if node.is_broken
        ),
        "has_pending": any(line.index is None for line in shown.trail),
        "lineage_graph": figures.lineage_graph(shown.nodes, shown.edges),
        "roc_plot": figures.roc_plot(shown.roc) if shown.roc else "",
        "reliability_plot": (
            figures.reliability_plot(shown.reliability) if shown.reliability else ""
        ),
        "difference_plot": (
            figures.difference_plot(shown.comparison) if shown.comparison else ""
        ),
    }


def _first(rows: tuple[Any, ...], limit: int) -> _Shown:
    return _Shown(rows=rows[:limit], left_out=max(0, len(rows) - limit))


def _newest(rows: tuple[Any, ...], limit: int) -> _Shown:
    """Show the last rows, in their order, where there are too many."""
    return _Shown(rows=rows[-limit:], left_out=max(0, len(rows) - limit))
