"""Signatures are held against the log here: a row that was moved or altered is named."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.proofs import TrailEntry, openings, trail
from audit.services import pseudonym, raise_alarm, record, system_account, take_turn
from registry.events import RegistryEvent
from registry.models import PromotionRequest, SignOff, SignOffVerification
from registry.services.conclusions import locked_request

Stated = tuple[str, str, str, str, str]
TURN = "sign_offs"
KEPT_FAULTS = 20


@dataclass(frozen=True)
class SignOffFault:
    """A signature that the log does not know so, or that the table has lost."""

    request: int
    sentence: str


def sign_off_faults(requests: Iterable[PromotionRequest]) -> Iterator[SignOffFault]:
    """Compare each request's signatures with the entries about it, both ways.

    An entry names the request and the digest, which covers the request too, so that a
    signature cannot be cut out and pasted to another record (21 CFR 11.70).
    """
    given = [RegistryEvent.SIGN_OFF_GIVEN]
    for request in requests:
        entries = trail([request.subject], kinds=given)
        told = {_told(entry): entry.uid for entry in entries}
        kept = {_kept(signed): signed for signed in request.sign_offs.all()}
        opened = openings(told.values())
        for stated, signed in kept.items():
            if stated not in told:
                yield SignOffFault(
                    request.pk,
                    f"Sign-off {signed.pk} ({signed}) stands at request {request.pk}, "
                    f"and the log tells of no such signature there.",
                )
            elif told[stated] in opened and opened[told[stated]].contradict(
                _manifestation(signed)
            ):
                yield SignOffFault(
                    request.pk,
                    f"Sign-off {signed.pk} ({signed}) at request {request.pk} has "
                    f"another name, meaning or reason than was signed.",
                )
        for who, role, _digest, when, _method in sorted(told.keys() - kept.keys()):
            yield SignOffFault(
                request.pk,
                f"The log tells of a signature of {who} as {role} at {when} over request "
                f"{request.pk}, which is not there any more.",
            )


def verify_sign_offs() -> tuple[SignOffFault, ...]:
    """Hold every signature against the log, keep what was found, and alarm."""
    started_at = timezone.now()
    requests = PromotionRequest.objects.order_by("pk")
    signed = requests.prefetch_related("sign_offs__signer").iterator(100)
    faults = tuple(
        fault
        for request in signed
        if any(sign_off_faults([request]))
        for fault in _faults_under_lock(request.pk)
    )
    _keep(faults, requests.count(), started_at)
    return faults


def verify_sign_offs_when_due() -> bool:
    """Verify them if nobody else does and it is time; say whether they were."""
    is_due = take_turn(
        TURN, every_seconds=settings.ATTESTRY_SIGN_OFFS_VERIFY_EVERY_SECONDS
    )
    if is_due:
        verify_sign_offs()
    return is_due


def last_sign_off_verification() -> SignOffVerification | None:
    return SignOffVerification.objects.order_by("-pk").first()


def _faults_under_lock(request_pk: int) -> list[SignOffFault]:
    """Look again with the lock that signing takes, so that none is being given."""
    with transaction.atomic():
        return list(sign_off_faults([locked_request(request_pk)]))


def _keep(
    faults: tuple[SignOffFault, ...], requests: int, started_at: datetime
) -> None:
    former = last_sign_off_verification()
    was_intact = former is None or not former.altered
    altered = sorted({fault.request for fault in faults})
    with transaction.atomic():
        kept = SignOffVerification.objects.create(
            started_at=started_at,
            finished_at=timezone.now(),
            requests=requests,
            altered=len(altered),
            faults="\n".join(fault.sentence for fault in faults[:KEPT_FAULTS]),
        )
        if was_intact == bool(altered):
            _tell(kept, altered)
    if altered and was_intact:
        raise_alarm("Sign-offs are NOT as they were given.", kept.faults)


def _tell(found: SignOffVerification, altered: list[int]) -> None:
    kind = (
        RegistryEvent.SIGN_OFFS_FOUND_ALTERED
        if altered
        else RegistryEvent.SIGN_OFFS_FOUND_INTACT
    )
    record(
        kind,
        actor=system_account(),
        subject=found.subject,
        payload={"altered": len(altered), "requests": altered[:KEPT_FAULTS]},
    )


def _manifestation(signed: SignOff) -> dict[str, str]:
    """Return what is printed beside a signature (21 CFR 11.50)."""
    return {
        "printed_name": signed.printed_name,
        "meaning": signed.meaning,
        "reason": signed.reason,
    }


def _told(entry: TrailEntry) -> Stated:
    said = entry.payload
    role, digest = said["role"], said["subject_digest"]
    return entry.actor, role, digest, said["signed_at"], said["method"]


def _kept(signed: SignOff) -> Stated:
    when = signed.signed_at.isoformat()
    who, digest = pseudonym(signed.signer), signed.subject_digest
    return who, signed.role, digest, when, signed.method
