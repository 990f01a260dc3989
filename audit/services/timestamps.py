"""Has checkpoints stamped by a time-stamping authority (RFC 3161).

Needs the optional extra `timestamp`; what comes back is verified before it is kept.
"""

import urllib.request
from pathlib import Path

from cryptography import x509
from django.conf import settings

from audit.models import StoredCheckpoint

TIMEOUT_SECONDS = 10.0
LARGEST_ANSWER_BYTES = 1_000_000


def timestamp(checkpoint: StoredCheckpoint) -> bytes:
    """Return the authority's answer over the signed note; ValueError if it is none."""
    from rfc3161_client import (  # noqa: PLC0415 - an optional extra
        TimestampRequestBuilder,
        VerificationError,
        VerifierBuilder,
        decode_timestamp_response,
    )

    note = bytes(checkpoint.note)
    asked = TimestampRequestBuilder().data(note).build()
    request = urllib.request.Request(  # noqa: S310 - the operator's own setting names it
        settings.ATTESTRY_LOG_TIMESTAMP_URL,
        data=asked.as_bytes(),
        headers={"Content-Type": "application/timestamp-query"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - likewise
        data: bytes = answer.read(LARGEST_ANSWER_BYTES)
    builder = VerifierBuilder.from_request(asked)
    for root in _roots():
        builder = builder.add_root_certificate(root)
    try:
        builder.build().verify_message(decode_timestamp_response(data), note)
    except VerificationError as error:
        raise ValueError(f"the time stamp does not verify: {error}") from error
    return data


def _roots() -> list[x509.Certificate]:
    path: Path | None = settings.ATTESTRY_LOG_TIMESTAMP_ROOTS
    assert path is not None  # noqa: S101 - the settings refuse an address without it
    return x509.load_pem_x509_certificates(path.read_bytes())
