"""Turns JSON values into one exact sequence of bytes (RFC 8785) and digests them.

RFC 8785 knows neither non-finite numbers nor integers beyond 2**53 - 1, which occur
among metrics. The rule here: NaN, infinity and minus infinity become the strings "NaN",
"Infinity" and "-Infinity"; an integer beyond ±(2**53 - 1) becomes its decimal string.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import rfc8785

from audit.tlog.errors import MalformedError

LARGEST_EXACT_INTEGER = 2**53 - 1


def canonical_bytes(value: Any) -> bytes:
    """Return the canonical JSON of `value` (RFC 8785 section 3.2).

    A MalformedError names what has none: a lone surrogate, a key that is no text.
    """
    try:
        return rfc8785.dumps(_with_plain_numbers(value))
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise MalformedError(f"this value has no canonical JSON: {error}") from error
    except RecursionError:
        raise MalformedError("this value is nested too deeply for JSON") from None


def digest(value: Any) -> str:
    """Return `sha256:<hex>` over the canonical bytes of a JSON value."""
    return f"sha256:{hashlib.sha256(canonical_bytes(value)).hexdigest()}"


def _with_plain_numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_plain_numbers(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return "NaN"
        return "Infinity" if value > 0 else "-Infinity"
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if is_integer and abs(value) > LARGEST_EXACT_INTEGER:
        return str(value)
    return value
