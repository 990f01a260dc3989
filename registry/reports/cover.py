"""The first page's answers in words: what is open, waived, restricted, undone and due."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from registry.reports.lineage import Fact, LineageReport
from registry.reports.oversight import DueDate, Finding

NONE = "none recorded"
OPEN_WAIVERS = ("in force", "granted", "asked for")
SEVERITIES = ("critical", "high", "medium", "low")


def answers(report: LineageReport) -> tuple[Fact, ...]:
    """Return what an examiner asks first; what there is none of says so."""
    card = report.card
    told = (
        ("Open findings", _findings(report)),
        ("Open waivers", _waivers(report)),
        ("Break-glass, rollbacks", _undone(report)),
        ("Requests that ended", _ended(report)),
        ("Restrictions", (card.limits_of_use if card else "") or "none stated"),
        ("Next validation", _validation(report)),
        ("Accountable executive", (card.executive if card else "") or "nobody named"),
    )
    return tuple(Fact(name=name, value=value) for name, value in told)


def _findings(report: LineageReport) -> str:
    if not report.findings:
        return NONE
    about = [found for found in report.findings_about_it if found.is_unresolved]
    others = sum(found.is_unresolved for found in report.findings) - len(about)
    words = _by_severity(about) or "none open"
    return f"{words}; {others} open on other versions" if others else words


def _by_severity(findings: Sequence[Finding]) -> str:
    counts = Counter(found.severity for found in findings)
    words = _counted(
        (severity, counts[severity]) for severity in SEVERITIES if counts[severity]
    )
    overdue = sum(found.is_overdue for found in findings)
    return f"{words} ({overdue} overdue)" if overdue else words


def _waivers(report: LineageReport) -> str:
    if not report.waivers:
        return NONE
    counts = Counter(waiver.standing for waiver in report.waivers)
    words = _counted((how, counts[how]) for how in OPEN_WAIVERS if counts[how])
    ended = len(report.waivers) - sum(counts[how] for how in OPEN_WAIVERS)
    return "; ".join(
        part for part in (words or "none open", f"{ended} ended" * bool(ended)) if part
    )


def _undone(report: LineageReport) -> str:
    if not (report.break_glasses or report.rollbacks):
        return NONE
    used = [broken for broken in report.break_glasses if broken.is_confirmed]
    frozen = {undone.environment for undone in report.rollbacks if undone.is_frozen}
    parts = [
        _plural(len(used), "break-glass promotion"),
        _plural(len(report.rollbacks), "rollback"),
    ]
    if in_force := sum(broken.is_in_force for broken in used):
        parts[0] += f" ({in_force} in force)"
    if frozen:
        parts.append(f"{', '.join(sorted(frozen))} frozen until that is reviewed")
    return "; ".join(parts)


def _ended(report: LineageReport) -> str:
    counts = Counter(closing.state for closing in report.closings)
    return _counted(sorted(counts.items())) or NONE


def _validation(report: LineageReport) -> str:
    if not report.revalidation.due_dates:
        return "nothing is due: the version serves nowhere"
    return "; ".join(map(due_in_words, report.revalidation.due_dates))


def due_in_words(due: DueDate) -> str:
    """Say when and why the version is due in an environment."""
    if due.validated_at is None:
        return f"{due.environment}: never validated, it serves without an approval"
    if due.due_at is None:
        return f"{due.environment}: only when something calls for it"
    why = due.why.replace("_", " ")
    word = "due since" if due.is_due else "by"
    return f"{due.environment}: {word} {_day(due.due_at)} ({why})"


def _counted(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {noun}" for noun, count in pairs)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
