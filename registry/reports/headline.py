"""What was decided about a version, in one sentence, and how many gates and signatures."""

from datetime import UTC, datetime

from registry.reports.lineage import LineageReport, PromotionRequest
from registry.reports.oversight import BreakGlass, Rollback


def headline(report: LineageReport) -> str:
    """Say what was decided; what weighs more than a promotion comes before it."""
    name = f"Version {report.identity.version} of {report.identity.registered_model}"
    emergencies = _own_emergencies(report)
    if report.retirements:
        day = _day(report.retirements[0].retired_at)
        return f"{name} was retired on {day} and will not serve again."
    if emergencies and emergencies[0].is_in_force:
        where = emergencies[0].environment
        return f"{name} serves in {where} in an emergency, without an approval."
    if report.request is None:
        return f"{name} {_unasked(emergencies)}. Nobody has asked to promote it."
    return f"{name} {_of_request(report, report.request)}."


def tally(report: LineageReport) -> str:
    """Say how many gates passed and how many signatures are there; "" without request."""
    if report.request is None:
        return ""
    passed = sum(row.outcome == "pass" for row in report.latest_gates)
    waived = sum(row.waiver is not None for row in report.latest_gates)
    let_through = f", {waived} did not and were waived" if waived else ""
    if waived == 1:
        let_through = ", 1 did not and was waived"
    required = report.request.required_roles
    given = len(required) - len(report.request.missing_roles)
    return (
        f"{passed} of {len(report.latest_gates)} gates passed{let_through}; "
        f"{given} of {len(required)} required sign-offs were given."
    )


def _of_request(report: LineageReport, request: PromotionRequest) -> str:
    where = request.environment
    if request.state == "promoted" and request.promoted_at:
        replaced = f"as the first champion of {where}"
        if request.former_champion is not None:
            replaced = f"and replaced version {request.former_champion}"
        return f"was promoted to {where} on {_day(request.promoted_at)} {replaced}"
    if undone := _rollback(report, request):
        day = _day(undone.rolled_back_at)
        return f"was rolled back from {where} on {day}, to version {undone.to}"
    if request.state == "blocked":
        return f"may not go to {where}: {_open_gates(report)}"
    if request.state == "in_review" and request.missing_roles:
        roles = " and ".join(request.missing_roles)
        return f"waits for {where}; the sign-off of {roles} is missing"
    state = request.state.replace("_", " ")
    return f"is not in {where} by this request, whose state is “{state}”"


def _own_emergencies(report: LineageReport) -> tuple[BreakGlass, ...]:
    """Return the emergencies in which the version served, those in force first."""
    own = report.identity.version
    return tuple(broken for broken in report.alarms if broken.version == own)


def _unasked(emergencies: tuple[BreakGlass, ...]) -> str:
    if not emergencies:
        return "is registered"
    where = sorted({broken.environment for broken in emergencies})
    return f"served in {', '.join(where)} in an emergency, without an approval"


def _rollback(report: LineageReport, request: PromotionRequest) -> Rollback | None:
    """Return the rollback that ended what the request led to, if one did."""
    if request.state != "rolled_back":
        return None
    ended = (request.environment, report.identity.version)
    return next(
        (
            undone
            for undone in reversed(report.rollbacks)
            if (undone.environment, undone.rolled_back) == ended
        ),
        None,
    )


def _open_gates(report: LineageReport) -> str:
    latest = report.latest_gates
    failed = [row.gate for row in latest if not row.has_passed]
    return f"{len(failed)} of {len(latest)} gates did not pass ({', '.join(failed)})"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %B %Y}"
