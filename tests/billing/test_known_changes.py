"""Known credits and charges of changes, told to the engine: tests/cases/README.md."""

import json
from pathlib import Path
from typing import Any

import pytest

from neruba.money import Money
from tests.billing.known_changes import ChangeStory, cap_story

pytestmark = [pytest.mark.django_db, pytest.mark.once]
CASES = Path(__file__).parents[1] / "cases" / "proration.jsonl"
ROWS = [json.loads(line) for line in CASES.read_text().splitlines()]
# Rows that no story can be told of: tests/cases/README.md.
UNTOLD = {"po-killbill-058", "po-killbill-066", "po-meteroid-008", "po-meteroid-009"}
LINES = [row for row in ROWS if row["kind"] == "lines" and row["id"] not in UNTOLD]
CAPS = [row for row in ROWS if row["kind"] == "credit_cap"]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in LINES])
def test_credits_and_charges_are_the_known_ones(row: dict[str, Any]) -> None:
    found = ChangeStory(row).told()
    assert found == [line["expected_minor"] for line in row["lines"]]
    assert sum(found) == row["expected_net_minor"]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in CAPS])
def test_a_credit_is_never_more_than_what_is_left_of_its_line(row: dict[str, Any]) -> None:
    story, at = cap_story(row["input"])
    documents = story.documents(at, row["id"])
    printed = [line for document in documents for line in document["lines"]]
    credits = [
        Money.parse(line["amount"], "USD") for line in printed if line["kind"] == "proration"
    ]
    assert sum(one.minor for one in credits) == -Money.parse(row["expected_amount"], "USD").minor
