"""Billing years of other projects, told to the engine (tests/cases/README.md has the rules)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.billing.known_scenarios import Group, Telling

pytestmark = pytest.mark.django_db
CASES = Path(__file__).parents[1] / "cases" / "scenarios.jsonl"
ROWS = [json.loads(line) for line in CASES.read_text().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_documents_are_the_known_ones(row: dict[str, Any]) -> None:
    telling = Telling(row)
    groups, previews = telling.told()
    expected, expected_previews = telling.expected()

    assert expected or expected_previews
    assert {day: groups.get(day, Group()) for day in expected} == expected
    assert previews == expected_previews
