"""The worked example of docs/entitlements.md is what the API answers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.billing.sandbox import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGE = (Path(__file__).parents[2] / "docs" / "entitlements.md").read_text(encoding="utf-8")
NOTHING = "–"


def rows(header: str) -> list[dict[str, str]]:
    """The rows of the table whose header begins so, by the names of its columns."""
    lines = PAGE[PAGE.index(header) :].split("\n\n", 1)[0].splitlines()
    names, _, *found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(names, row, strict=True)) for row in found]


def blocks() -> list[Any]:
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def text(value: Any) -> str:
    """A value of JSON as a cell of the table writes it."""
    return NOTHING if value is None else value if isinstance(value, str) else json.dumps(value)


def test_the_answers_of_the_page_are_those_of_the_api() -> None:
    pro, pack, whole = blocks()
    sandbox = Sandbox()
    sandbox.meter("api_calls")
    for plan in (pro, pack):
        sandbox.post("/plans", plan)
    sandbox.customer()
    sandbox.subscribe("pro", plan="pro", start_at="2026-01-01T00:00:00Z")
    sandbox.subscribe("pack", plan="pack", start_at="2026-01-20T00:00:00Z")
    sandbox.clock("2026-02-05T00:00:00Z")
    events = rows("| event | time |")
    assert len(events) == 5
    for event in events:
        sandbox.event(event["time"], id=event["event"], type="api_calls")
    answers = rows("| at | limit | used |")
    assert len(answers) == 6
    for row in answers:
        body = sandbox.get(f"/customers/acme/entitlements?at={row['at']}")
        (one,) = [one for one in body["entitlements"] if one["feature"] == "api_calls"]
        columns = ("limit", "used", "remaining", "has_access")
        assert [text(one[name]) for name in columns] == [row[name] for name in columns], row
        assert ", ".join(one["subscriptions"]) == row["by"]
    assert sandbox.get(f"/customers/acme/entitlements?at={whole['at']}") == whole
