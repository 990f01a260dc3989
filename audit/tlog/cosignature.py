"""What an Ed25519 cosignature of a witness covers and holds (tlog-cosignature)."""

from audit.tlog.errors import MalformedError

TIME_BYTES = 8
SIGNATURE_BYTES = 64
MAX_TIME = 2**63 - 1


def signed_message(time: int, text: bytes) -> bytes:
    """Return what is signed (tlog-cosignature, Ed25519 signed message).

    The whole note text is in it, extension lines and final newline included.
    """
    return b"cosignature/v1\ntime %d\n" % _checked(time) + text


def join(time: int, signature: bytes) -> bytes:
    """Return the signature field: time and signature (tlog-cosignature, Format)."""
    if len(signature) != SIGNATURE_BYTES:
        raise MalformedError(f"An Ed25519 signature has {SIGNATURE_BYTES} bytes.")
    return _checked(time).to_bytes(TIME_BYTES, "big") + signature


def split(data: bytes) -> tuple[int, bytes]:
    """Return POSIX seconds and signature of a field (tlog-cosignature, Format)."""
    if len(data) != TIME_BYTES + SIGNATURE_BYTES:
        raise MalformedError("A cosignature is 8 bytes of time and 64 of signature.")
    time = _checked(int.from_bytes(data[:TIME_BYTES], "big"))
    return time, data[TIME_BYTES:]


def _checked(time: int) -> int:
    if not 0 <= time <= MAX_TIME:
        raise MalformedError("A cosignature's time is at least 0 and below 2**63.")
    return time
