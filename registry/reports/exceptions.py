"""Reads what a report tells beside gates and signatures: waivers, attestations, ends."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User

from registry import models
from registry.reports.lineage import Attestation, Closing, Waiver


def waivers(version: models.ModelVersion, now: datetime) -> tuple[Waiver, ...]:
    """Return every waiver of the version, ended ones and those not granted too."""
    asked = models.Waiver.objects.filter(request__model_version=version)
    return tuple(
        Waiver(
            number=row.pk,
            gate=row.gate,
            scope=row.get_scope_display(),
            standing=row.standing(now),
            reason=row.reason,
            compensating_control=row.compensating_control,
            residual_risk=row.residual_risk,
            requested_by=_name(row.requested_by),
            starts_at=row.starts_at,
            expires_at=row.expires_at,
            renews=row.renews_id,
            approved_by=tuple(given.printed_name for given in row.approvals.all()),
        )
        for row in asked.with_people().order_by("pk")
    )


def attestations(
    version: models.ModelVersion, now: datetime
) -> tuple[Attestation, ...]:
    given = models.Attestation.objects.filter(model_version=version)
    return tuple(
        Attestation(
            kind=row.kind,
            source=row.source,
            standing=row.standing(now),
            statement=row.statement,
            link=row.link,
            evidence_sha256=row.evidence_sha256,
            attested_by=row.printed_name,
            attested_at=row.attested_at,
            expires_at=row.expires_at,
        )
        for row in given.with_people().order_by("pk")
    )


def closings(requests: Iterable[models.PromotionRequest]) -> tuple[Closing, ...]:
    ended = [request for request in requests if hasattr(request, "closing")]
    return tuple(
        Closing(
            request=request.pk,
            state=request.closing.state,
            reason=request.closing.reason,
            closed_by=request.closing.printed_name or _name(request.closing.closed_by),
            role=request.closing.role,
            closed_at=request.closing.closed_at,
        )
        for request in ended
    )


def _name(user: User) -> str:
    return user.get_full_name() or user.get_username()
