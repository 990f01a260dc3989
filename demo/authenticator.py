"""The authenticator app on somebody's phone: codes of six digits, after RFC 6238."""

import base64
import hmac
import time

_STEP_SECONDS = 30
_DIGITS = 6


def code(secret: str, *, steps_ahead: int = 0) -> str:
    """Return the code of now; none is taken twice, but already that of the next step."""
    counter = int(time.time()) // _STEP_SECONDS + steps_ahead
    mac = hmac.digest(base64.b32decode(secret), counter.to_bytes(8), "sha1")
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"
