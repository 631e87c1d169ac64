from collections.abc import Callable
from decimal import Decimal

import pytest

from neruba.canonical import MAX_INTEGER, canonical_json, sha256_hex


def test_keys_are_sorted_and_nothing_is_spaced() -> None:
    value = {"b": [1, -2, True, None], "a": {"é": '\u20ac/"\\\n\x1f\x7f'}, "": ()}
    assert canonical_json(value) == (
        '{"":[],"a":{"é":"€/\\"\\\\\\n\\u001f\x7f"},"b":[1,-2,true,null]}'
    )


def test_keys_are_ordered_by_utf_16_code_units() -> None:
    # By code points the emoji would come last; its first surrogate is smaller than U+FB33.
    value = {"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "nested": [{"\ufb33": 1, "\U0001f600": 2}]}
    assert canonical_json(value) == (
        '{"nested":[{"\U0001f600":2,"\ufb33":1}],"\u20ac":3,"\U0001f600":2,"\ufb33":1}'
    )


@pytest.mark.parametrize(
    "value",
    [1.0, Decimal(1), {"a": [1.5]}, {"é": 1, "b": 2.0}, {1: "a"}, {None: "a"}, {"a": b"x"}, {1, 2}],
)
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, ["a", {"b": "x\ud83d"}]])
@pytest.mark.parametrize("write", [canonical_json, sha256_hex])
def test_lone_surrogates_are_refused(value: object, write: Callable[[object], str]) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        write(value)


def test_integers_that_some_readers_would_change_are_refused() -> None:
    assert canonical_json([MAX_INTEGER, -MAX_INTEGER]) == "[9007199254740991,-9007199254740991]"
    for value in (MAX_INTEGER + 1, -MAX_INTEGER - 1):
        with pytest.raises(ValueError, match="too large"):
            canonical_json(value)


def test_hash_is_of_the_utf_8_bytes() -> None:
    # printf '{"a":"é"}' | sha256sum
    assert sha256_hex({"a": "é"}) == (
        "b3a092a6af48807fa9482b2ee140105575daa26d5b24b3c0e60a7e2dee6683b1"
    )
