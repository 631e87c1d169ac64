import json
from random import Random

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from neruba.canonical import MAX_INTEGER, canonical_json, sha256_hex

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
