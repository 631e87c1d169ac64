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
            "metadata": {"phone": "040 123", "segment": "gold"},
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
            "at Quay 1, Hamburg, DE1, 040 123, gold",
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
