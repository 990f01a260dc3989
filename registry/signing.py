"""What a signature is bound to, and the proof that the signer was just there.

The subject digest covers the evidence snapshot, the policy and every verdict of the
attempt, and the waivers and attestations that count: whatever of these changes, the
digest changes and earlier signatures are void. They stay void when it changes back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from audit.errors import PermissionDeniedError
from audit.tlog.canonical import digest
from registry.models import (
    Attestation,
    Delegation,
    PromotionRequest,
    SignOff,
    Verdict,
    Waiver,
)
from tracking.services.log_ins import prove_password
from tracking.services.second_factors import use_code

REAUTHENTICATION_LASTS = timedelta(seconds=60)
PASSWORD = "password re-entered"  # noqa: S105 - the name of a method
TWO_FACTORS = "password and one-time code"


@dataclass(frozen=True)
class Reauthentication:
    """Somebody proved who they are, within an interactive session, at a moment."""

    user_id: int
    method: str
    at: datetime

    def is_fresh_for(self, user: User, now: datetime) -> bool:
        return self.user_id == user.pk and now - self.at <= REAUTHENTICATION_LASTS


def reauthenticate(
    user: User,
    *,
    password: str,
    code: str = "",
    two_factors: bool = False,
    is_interactive: bool,
    now: datetime,
) -> Reauthentication:
    """Check the password again, and a one-time code; a token is no person (R5).

    A code that is given is checked even where only the password is asked for.
    """
    if not is_interactive:
        raise PermissionDeniedError(
            "signing_needs_a_session",
            "A token cannot sign. Log in with your password and sign there.",
        )
    prove_password(user, password, is_interactive=is_interactive)
    if not two_factors and not code:
        return Reauthentication(user.pk, PASSWORD, now)
    use_code(user, code, now=now)
    return Reauthentication(user.pk, TWO_FACTORS, now)


def printed_name(person: User) -> str:
    return person.get_full_name() or person.get_username()


def signed_name(actor: User, delegation: Delegation | None) -> str:
    """Return the name that is printed beside a signature, with whom it stands for."""
    name = printed_name(actor)
    return f"{name}, for {delegation.printed_name}" if delegation else name


def subject_digest(
    request: PromotionRequest,
    *,
    waivers: Iterable[Waiver] = (),
    attestations: Iterable[Attestation] = (),
) -> str:
    """Return the digest that the current attempt's signatures are bound to.

    Waivers and attestations are append-only, so that their keys stand for their texts;
    a request without any has the digest that it had before there were any. What comes
    and goes leaves the revision behind, and so another digest than there was before.
    """
    snapshot = request.snapshots.get(attempt=request.attempt)
    verdicts = Verdict.objects.filter(
        gate_run__request=request, gate_run__attempt=request.attempt
    )
    subject: dict[str, Any] = {
        "request": request.pk,
        "environment": request.environment,
        "evidence": snapshot.digest,
        "policy": request.policy.digest,
        "verdicts": sorted(verdicts.values_list("gate_run__gate", "digest")),
    }
    if request.revision:
        subject["revision"] = request.revision
    if waived := sorted(_waived(waiver) for waiver in waivers):
        subject["waivers"] = waived
    if attested := sorted(_attested(attestation) for attestation in attestations):
        subject["attestations"] = attested
    return digest(subject)


def _waived(waiver: Waiver) -> tuple[str, int, str, str, str]:
    starts, ends = waiver.starts_at.isoformat(), waiver.expires_at.isoformat()
    return waiver.gate, waiver.pk, waiver.scope, starts, ends


def _attested(attestation: Attestation) -> tuple[str, int, str, str, str]:
    ends = attestation.expires_at.isoformat()
    source, sha256 = attestation.source, attestation.evidence_sha256
    return attestation.kind, attestation.pk, source, sha256, ends


def valid_sign_offs(request: PromotionRequest) -> QuerySet[SignOff]:
    """Return the signatures over what the request is now, oldest first."""
    return request.sign_offs.filter(subject_digest=request.subject_digest).order_by(
        "signed_at"
    )
