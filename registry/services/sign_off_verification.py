"""Signatures are held against the log here: a row that was moved or altered is named."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from audit.proofs import TrailEntry, trail
from audit.services import pseudonym
from registry.events import RegistryEvent
from registry.models import PromotionRequest, SignOff

Stated = tuple[str, str, str, str]


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
    for request in requests:
        told = {_told(entry) for entry in trail([request.subject]) if _is_given(entry)}
        kept = {_kept(signed): signed for signed in request.sign_offs.all()}
        for stated, signed in kept.items():
            if stated not in told:
                yield SignOffFault(
                    request.pk,
                    f"Sign-off {signed.pk} ({signed}) stands at request {request.pk}, "
                    f"and the log tells of no such signature there.",
                )
        for who, role, _digest, when in sorted(told - kept.keys()):
            yield SignOffFault(
                request.pk,
                f"The log tells of a signature of {who} as {role} at {when} over request "
                f"{request.pk}, which is not there any more.",
            )


def _is_given(entry: TrailEntry) -> bool:
    return entry.kind == RegistryEvent.SIGN_OFF_GIVEN


def _told(entry: TrailEntry) -> Stated:
    said = entry.payload
    return entry.actor, said["role"], said["subject_digest"], said["signed_at"]


def _kept(signed: SignOff) -> Stated:
    when = signed.signed_at.isoformat()
    return pseudonym(signed.signer), signed.role, signed.subject_digest, when
