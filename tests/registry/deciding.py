"""What the tests of decisions share: the answer for a version, and what it tells."""

from datetime import timedelta

from django.utils import timezone

from registry.services.decisions import Decision, decide


def decision(version, *, later: timedelta = timedelta(0)) -> Decision:
    return decide(version, environment="production", now=timezone.now() + later)


def told(decided: Decision) -> tuple[str, list[str], list[str]]:
    reasons = [reason.code for reason in decided.reasons]
    return str(decided.answer), reasons, [warning.code for warning in decided.warnings]
