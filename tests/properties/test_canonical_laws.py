import json
from enum import IntEnum, StrEnum
from random import Random

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from neruba.canonical import MAX_INTEGER, canonical_json, embedded, sha256_hex

# Text without surrogates, with more characters on both sides of the first plane's end than usual.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text(
    "a\u007f\u20ac\ud7ff\ue000\ufb33\uffff\U00010000\U0001f600", max_size=4
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | texts,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(texts, inner, max_size=6)
    ),
    max_leaves=25,
)


@given(values)
def test_the_bytes_are_those_of_the_reference(value: object) -> None:
    assert canonical_json(value).encode() == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(values)
def test_reading_and_writing_again_changes_nothing(value: object) -> None:
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(texts, values, max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, object], random: Random) -> None:
    keys = list(value)
    random.shuffle(keys)
    assert sha256_hex({key: value[key] for key in keys}) == sha256_hex(value)


@given(values, values)
def test_what_was_written_before_can_be_embedded(first: object, second: object) -> None:
    once = canonical_json({"a": [first, second], "b": first, "\ufb33": second})
    again = {"a": [embedded(canonical_json(first)), second], "b": embedded(canonical_json(first))}
    assert canonical_json({**again, "\ufb33": embedded(canonical_json(second))}) == once
    assert sha256_hex(["x", embedded(canonical_json(first))]) == sha256_hex(["x", first])


class Name(StrEnum):
    FULL = "é\U0001f600"


class Number(IntEnum):
    SEVEN = 7


class Special(dict[str, object]):
    """A dict of a type of its own."""


@given(values)
def test_derived_types_are_written_as_what_they_derive_from(value: object) -> None:
    given_value = Special({Name.FULL: [Number.SEVEN, value], "b": Name.FULL, "a": Number.SEVEN})
    plain = {"é\U0001f600": [7, value], "b": "é\U0001f600", "a": 7}
    assert canonical_json(given_value) == canonical_json(plain)
