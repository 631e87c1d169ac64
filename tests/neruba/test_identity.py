"""The words that name a person: found in texts and in JSON, and nowhere else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neruba.identity import ERASED, Identity

ANN = Identity.of(
    [
        {
            "name": "Ann",
            "email": "ann@private.example",
            "tax_ids": ["DE1"],
            "billing_address": {"street": "Quay 1", "city": "Hamburg"},
            "metadata": {"phone": "040 1234", "segment": "gold"},
        }
    ]
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Ann asked", f"{ERASED} asked"),
        ("ANN@PRIVATE.EXAMPLE!", f"{ERASED}!"),
        ("Annual report of Joann", "Annual report of Joann"),
        (
            "at Quay 1, Hamburg, DE1, 040 1234, gold",
            f"at {ERASED}, Hamburg, {ERASED}, {ERASED}, gold",
        ),
        ("Quay 11", "Quay 11"),
    ],
)
def test_words_go_and_longer_ones_stay(text: str, cleaned: str) -> None:
    assert ANN.without(text) == cleaned
    assert ANN.is_in(text) is (text != cleaned)


def test_who_has_no_words_changes_nothing() -> None:
    assert Identity(["", " ", "ab"]).without("ab and more") == "ab and more"
    assert Identity(["Acme"]).but("ACME").words == ()


@given(st.text(st.characters(codec="utf-8"), min_size=3, max_size=20))
def test_no_spelling_of_a_name_is_left_in_json(name: str) -> None:
    identity = Identity([name])
    for ensure_ascii in (True, False):
        text = json.dumps({"to": name, "n": 1}, ensure_ascii=ensure_ascii)
        cleaned = json.loads(identity.without(text))
        assert not identity.words or cleaned == {"to": ERASED, "n": 1} or name != name.strip()


def strings(value: object) -> list[str]:
    """The string values of a JSON document, in order."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


def shape(value: object) -> object:
    """The document without what its strings say."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "text" if isinstance(value, str) else value


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False).map(str) | TEXTS
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20
).filter(lambda value: isinstance(value, dict | list))


@given(DOCUMENTS, st.data())
def test_a_document_keeps_its_shape_keys_and_numbers(document: object, data: st.DataObject) -> None:
    """Whatever the words are: those of the document itself, numbers and literals too."""
    known = [*strings(document), "null", "true", "1234567", "20354"]
    identity = Identity(data.draw(st.lists(st.sampled_from(known), min_size=1)))
    for ensure_ascii in (True, False):
        text = json.dumps(document, ensure_ascii=ensure_ascii)
        assert shape(json.loads(identity.without(text))) == shape(document)


@pytest.mark.parametrize(
    "text",
    [
        '{"events":20000,"size":5,"note":"20000 events"}',
        '{"amount":"1234567.00","at":"1234-05-06T07:08:09.000000Z","none":null}',
        '{"1234567":true, "Null":  1e3}',
    ],
)
def test_what_only_looks_like_a_word_of_theirs_stays_byte_for_byte(text: str) -> None:
    assert Identity(["20000", "1234567", "1234", "Null", "true"]).without(text) == text


def test_a_number_that_names_somebody_goes_where_it_is_the_value() -> None:
    assert Identity(["1234567"]).without('{"tax":"1234567"}') == f'{{"tax":"{ERASED}"}}'
