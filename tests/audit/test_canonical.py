"""Canonical bytes: one value, one text, and a clean refusal where there is none."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.tlog.canonical import canonical_bytes, digest
from audit.tlog.commitment import SALT_BYTES, commitment

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": 2}, b'{"a":2,"b":1}'),
        # RFC 8785 section 3.2.3 sorts by UTF-16 code units: U+1F600 before U+FB33.
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'.encode()),
        ({"a": [True, None, "x"]}, b'{"a":[true,null,"x"]}'),
        (1.0, b"1"),
        (-0.0, b"0"),
        (1e21, b"1e+21"),
        (0.000001, b"0.000001"),
        (float("nan"), b'"NaN"'),
        (float("inf"), b'"Infinity"'),
        ([float("-inf")], b'["-Infinity"]'),
        (2**53 - 1, b"9007199254740991"),
        (2**53, b'"9007199254740992"'),
        (-(2**53), b'"-9007199254740992"'),
        ((1, 2), b"[1,2]"),
        ("\u20ac\n\x0f", b'"\xe2\x82\xac\\n\\u000f"'),
    ],
)
def test_value_has_exactly_these_bytes(value, expected):
    assert canonical_bytes(value) == expected


@pytest.mark.parametrize(
    "value", ["\ud800", {"\udfff": 1}, ["\ud83d"], {1: 2}, {1, 2}, b"raw", object()]
)
def test_what_has_no_canonical_json_is_refused_as_a_value_error(value):
    with pytest.raises(ValueError, match=r"this value has no canonical JSON"):
        canonical_bytes(value)


@given(values)
def test_canonical_bytes_are_json_of_the_same_value(value):
    assert json.loads(canonical_bytes(value), parse_int=float) == value


@given(st.dictionaries(texts, values, max_size=5))
def test_order_of_keys_does_not_matter(value):
    backwards = dict(reversed(value.items()))
    assert canonical_bytes(backwards) == canonical_bytes(value)


@given(st.floats())
def test_every_float_has_canonical_bytes(value):
    text = json.loads(canonical_bytes(value))
    assert float(text) == value or math.isnan(value)


def test_digest_is_sha256_over_the_canonical_bytes():
    assert digest({}) == (
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )


def test_commitment_depends_on_salt_field_and_value():
    salt, other = bytes(SALT_BYTES), bytes([1]) * SALT_BYTES
    made = {
        commitment(salt, "name", "Alice"),
        commitment(other, "name", "Alice"),
        commitment(salt, "mail", "Alice"),
        commitment(salt, "name", "Bob"),
    }
    assert len(made) == 4
    assert commitment(salt, "name", "Alice") in made


def test_commitment_cannot_be_opened_as_another_split_of_field_and_value():
    salt = bytes(SALT_BYTES)
    assert commitment(salt, "ab", "c") != commitment(salt, "a", "bc")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_salt_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match=r"a salt has 32 bytes"):
        commitment(bytes(length), "name", "Alice")
