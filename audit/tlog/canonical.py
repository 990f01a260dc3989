"""Turns JSON values into one exact sequence of bytes (RFC 8785) and digests them.

RFC 8785 knows neither non-finite numbers nor integers beyond 2**53 - 1, which occur
among metrics. The rule here: NaN, infinity and minus infinity become the strings "NaN",
"Infinity" and "-Infinity"; an integer beyond ±(2**53 - 1) becomes its decimal string.

Written out here and not left to a library, because every write waits for it: the
package rfc8785 takes more than twice as long. The tests hold one against the other.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any

from audit.tlog.errors import MalformedError

LARGEST_EXACT_INTEGER = 2**53 - 1


def canonical_bytes(value: Any) -> bytes:
    """Return the canonical JSON of `value` (RFC 8785 section 3.2).

    A MalformedError names what has none: a lone surrogate, a key that is no text.
    """
    try:
        return _text(value).encode()
    except (TypeError, ValueError) as error:
        raise MalformedError(f"this value has no canonical JSON: {error}") from error
    except RecursionError:
        raise MalformedError("this value is nested too deeply for JSON") from None


def digest(value: Any) -> str:
    """Return `sha256:<hex>` over the canonical bytes of a JSON value."""
    return f"sha256:{hashlib.sha256(canonical_bytes(value)).hexdigest()}"


def _text(value: Any) -> str:
    write = _WRITERS.get(type(value)) or _writer_of_relative(value)
    return write(value)


def _integer(value: int) -> str:
    return str(value) if abs(value) <= LARGEST_EXACT_INTEGER else f'"{value}"'


def _list(values: Sequence[Any]) -> str:
    return f"[{','.join([_text(value) for value in values])}]"


def _object(value: Mapping[str, Any]) -> str:
    pairs = [f"{encode_basestring(k)}:{_text(value[k])}" for k in _sorted(value)]
    return f"{{{','.join(pairs)}}}"


def _sorted(keys: Mapping[str, Any]) -> list[str]:
    """Return the keys in the order of their UTF-16 code units (section 3.2.3)."""
    if "".join(keys).isascii():  # the order is the same, and nearly all keys are
        return sorted(keys)
    return sorted(keys, key=lambda key: str.encode(key, "utf-16-be"))


def _float(value: float) -> str:
    """Return a number as ECMAScript prints it (section 3.2.2.3)."""
    text = repr(value)  # the same shortest digits, in another notation
    if text.endswith(".0"):
        return text[:-2] if value else "0"
    return _LIKE_NO_OTHER.get(text) or (
        _without_python_exponent(text) if "e" in text else text
    )


def _without_python_exponent(text: str) -> str:
    """Return what Python writes with an exponent, from 1e16 or below 1e-4, as ECMA-262.

    Number::toString (ECMA-262 section 6.1.6.1.20) writes digits up to 1e21 and down to
    1e-6, and no zeros before an exponent.
    """
    mantissa, _, exponent = text.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    digits, point = whole + fraction, len(whole) + int(exponent)
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    after = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{after}e{point - 1:+d}"


def _writer_of_relative(value: Any) -> Callable[[Any], str]:
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return write
    raise TypeError(f"JSON has no {type(value).__name__}")


_LIKE_NO_OTHER = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
# By exact type, because most values are of one; a StrEnum is then written as a text.
_WRITERS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,  # escapes just what section 3.2.2.2 says
    float: _float,
    bool: lambda value: "true" if value else "false",
    int: _integer,
    list: _list,
    tuple: _list,
    dict: _object,
    type(None): lambda _: "null",
    Mapping: _object,
}
