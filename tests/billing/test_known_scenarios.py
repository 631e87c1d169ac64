"""Billing years of other projects, told to the engine (tests/cases/README.md has the rules)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.billing.known_scenarios import Group, Telling

pytestmark = pytest.mark.django_db
CASES = Path(__file__).parents[1] / "cases" / "scenarios.jsonl"
ROWS = [json.loads(line) for line in CASES.read_text().splitlines()]
# Where the engine gives another number than it should.
OTHERWISE = {
    "sc-lago-020": "a weighted_sum of a short first period is divided by that period, not by the "
    "whole one",
}


def known(row: dict[str, Any]) -> Any:
    reason = OTHERWISE.get(row["id"])
    marks = [] if reason is None else [pytest.mark.xfail(strict=True, reason=reason)]
    return pytest.param(row, id=row["id"], marks=marks)


@pytest.mark.parametrize("row", [known(row) for row in ROWS])
def test_documents_are_the_known_ones(row: dict[str, Any]) -> None:
    telling = Telling(row)
    groups, previews = telling.told()
    expected, expected_previews = telling.expected()

    assert expected or expected_previews
    assert {day: groups.get(day, Group()) for day in expected} == expected
    assert previews == expected_previews
