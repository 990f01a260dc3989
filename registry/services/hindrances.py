"""Which findings stand in the way of a version, asked wherever one may come to serve."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from audit.errors import ConflictError
from registry.models import Finding, ModelVersion, RegisteredModel
from registry.models.finding import FindingQuerySet, Severity


@dataclass(frozen=True)
class Hindrance:
    """Why findings stand in the way, with a code that never changes."""

    code: str
    sentence: str
    findings: tuple[int, ...]


def blocking_findings(version: ModelVersion, now: datetime) -> list[Hindrance]:
    """Return what hinders a version: critical findings on it, or any overdue high one.

    An overdue high finding blocks the whole model, whichever version it is about, until
    that version is retired.
    """
    model = version.registered_model
    about_it = Q(model_version=None) | Q(model_version=version)
    critical = _of(model, Severity.CRITICAL).filter(about_it).unresolved(now)
    overdue = (
        _of(model, Severity.HIGH)
        .overdue(now)
        .exclude(model_version__retirement__isnull=False)
    )
    hindrances = (
        _hindrance("finding_critical", "critical", "open", critical, model),
        _hindrance("finding_overdue", "high", "overdue", overdue, model),
    )
    return [hindrance for hindrance in hindrances if hindrance]


def refuse_blocking_findings(version: ModelVersion, now: datetime) -> None:
    for hindrance in blocking_findings(version, now):
        raise ConflictError(
            hindrance.code, hindrance.sentence, findings=list(hindrance.findings)
        )


def _of(model: RegisteredModel, severity: Severity) -> FindingQuerySet:
    return Finding.objects.filter(registered_model=model, severity=severity)


def _hindrance(
    code: str,
    severity: str,
    standing: str,
    findings: FindingQuerySet,
    model: RegisteredModel,
) -> Hindrance | None:
    found = tuple(findings.order_by("pk").values_list("pk", flat=True))
    if not found:
        return None
    named = ", ".join(str(pk) for pk in found[:3])
    return Hindrance(
        code,
        f"{len(found)} {severity} finding(s) on {model} are {standing} (number {named}): "
        f"have them fixed and verified, or the risk accepted.",
        found,
    )
