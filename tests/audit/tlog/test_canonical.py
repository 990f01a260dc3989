import math
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.tlog.canonical import canonical_bytes, digest
from audit.tlog.errors import MalformedError


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (333333333.3333332, "333333333.3333332"),
        (True, "true"),
        (None, "null"),
    ],
)
def test_numbers_are_written_as_appendix_b_of_rfc8785_says(number: object, text: str):
    assert canonical_bytes(number) == text.encode()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (float("nan"), '"NaN"'),
        (float("inf"), '"Infinity"'),
        (float("-inf"), '"-Infinity"'),
        (2**53 - 1, "9007199254740991"),
        (-(2**53) + 1, "-9007199254740991"),
        (2**53, '"9007199254740992"'),
        (-(2**53), '"-9007199254740992"'),
    ],
)
def test_numbers_that_rfc8785_does_not_know_become_strings(number: float, text: str):
    assert canonical_bytes({"n": [number]}) == f'{{"n":[{text}]}}'.encode()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1e-3, 1e-3),
    st.floats(1e14, 1e24),
    st.integers(-(2**53) + 1, 2**53 - 1),
)
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), TEXTS, NUMBERS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)
    ),
)


@given(value=JSON_VALUES)
def test_bytes_are_those_of_another_implementation(value: Any):
    assert canonical_bytes(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("exponent", range(-330, 310))
def test_powers_of_ten_are_those_of_another_implementation(exponent: int):
    for digits in ("1", "-1", "1.5", "9.999999999999998", "1.2345678901234567"):
        number = float(f"{digits}e{exponent}")
        if math.isfinite(number):
            assert canonical_bytes(number) == rfc8785.dumps(number)


def test_keys_are_sorted_by_utf16_as_in_section_3_2_3():
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = canonical_bytes(dict.fromkeys(names, 0)).decode()
    order = ["\\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert written == "{" + ",".join(f'"{name}":0' for name in order) + "}"


def test_equal_values_have_one_digest():
    assert digest({"b": 1, "a": [1.0]}) == digest({"a": (1,), "b": 1.0})
    assert digest({}) == (
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )


def nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    ["\ud800", {"\udc00": 1}, {1: 2}, b"bytes", {1, 2}, object(), nested(100_000)],
    ids=range(7),
)
def test_a_value_without_canonical_json_is_refused(value: object):
    with pytest.raises(MalformedError):
        canonical_bytes(value)
