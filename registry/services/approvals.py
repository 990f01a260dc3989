"""Whether what was signed still holds: asked of clock, evidence and log each time."""

from collections.abc import Iterable
from datetime import datetime

from audit.errors import ConflictError
from registry.models import PromotionRequest, RequestState
from registry.services.assessment import Assessment, assess
from registry.services.claims.requests import claims_of_request
from registry.services.evidence import refuse_changed_cards, refuse_changed_evidence
from registry.services.governance import refuse_superseded_policy
from registry.services.quorum import lacking_roles
from registry.services.reconciliation import Claim, unfounded
from registry.services.sign_off_verification import sign_off_faults


def refuse_unredeemable(request: PromotionRequest, now: datetime) -> None:
    """Refuse a request whose approval does not let its version serve now.

    Whoever decides by an approval asks this, under the lock of the request.
    """
    if request.state != RequestState.APPROVED:
        raise not_approved(request)
    refuse_due(request, now)
    refuse_superseded_policy(request, now)
    refuse_changed_subject(request, now)
    refuse_altered_sign_offs(request)
    lacking = lacking_roles(request)
    if lacking:
        raise ConflictError(
            "quorum_incomplete",
            f"More signatures are needed than when this request was approved: "
            f"{', '.join(lacking)}. Ask for a new evaluation and have it signed anew.",
            missing_roles=lacking,
        )


def refuse_due(request: PromotionRequest, now: datetime) -> None:
    """Refuse what has expired, whether the timer has been there or not."""
    if not request.is_due(now):
        return
    if request.state == RequestState.APPROVED:
        raise ConflictError(
            "approval_expired", "The approval has expired. Open a new request."
        )
    raise ConflictError(
        "request_expired", "The time of this request has run out. Open a new request."
    )


def refuse_changed_subject(request: PromotionRequest, now: datetime) -> None:
    """Refuse when evidence, waivers or attestations are not what the digest says."""
    refuse_changed_evidence(request)
    assessed = assess(request, now)
    if request.subject_digest == assessed.subject_digest:
        _refuse_unless_clear(assessed)
        refuse_altered_records(claims_of_request(request, assessed))
        refuse_changed_cards(request)
        return
    if request.rests_until is not None and request.rests_until <= now:
        raise ConflictError(
            "waiver_or_attestation_ended",
            "A waiver or an attestation that this request rests on has ended, so its "
            "signatures are void. Open it again in a few seconds to see what is "
            "missing.",
        )
    raise ConflictError(
        "subject_changed",
        "What was signed, or is to be, is no longer what was evaluated. Have the log "
        "verified before anything else.",
    )


def _refuse_unless_clear(assessed: Assessment) -> None:
    """Refuse what never passed: by services it does not come this far."""
    if not assessed.is_clear:
        missing = (*assessed.open_gates, *assessed.missing_attestations)
        raise ConflictError(
            "evidence_missing",
            f"This request lacks {', '.join(missing)}, whatever its state says. Have the "
            f"log verified before anything else.",
        )


def refuse_altered_sign_offs(request: PromotionRequest) -> None:
    """Refuse when a signature was moved here, altered or lost."""
    altered = next(sign_off_faults([request]), None)
    if altered is not None:
        raise ConflictError(
            "sign_off_altered",
            f"{altered.sentence} Have the log verified before anything else.",
        )


def refuse_altered_records(claims: Iterable[Claim]) -> None:
    """Refuse when what is to be relied on is not what the log tells of."""
    altered = next(unfounded(claims), None)
    if altered is not None:
        raise ConflictError(
            "records_altered",
            f"{altered.fault} Have the log verified before anything else.",
        )


def not_approved(request: PromotionRequest) -> ConflictError:
    return ConflictError(
        "request_not_approved",
        f"This request is {RequestState(request.state).label.lower()}, not approved: "
        f"look at its gates and missing sign-offs.",
        state=request.state,
    )
