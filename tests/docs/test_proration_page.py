"""The worked numbers of docs/periods-and-proration.md are what the calculator answers."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.rating.prorating import prorate_request
from tests import factories

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "periods-and-proration.md").read_text(encoding="utf-8")
BLOCKS = re.compile(r"```json\n(.*?)```", re.DOTALL)
CUT = "…"


def table(*columns: str) -> Iterator[dict[str, str]]:
    head = f"| {' | '.join(columns)} |\n"
    start = PAGE.index(head)
    _, _, *rows = PAGE[start : PAGE.index("\n\n", start)].splitlines()
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        yield dict(zip(columns, cells, strict=True))


def stretch(text: str, year: str) -> dict[str, str]:
    """An interval such as 15 May – 15 June 2023, or a year, in UTC; the year may stand beside."""
    if text.isdigit():
        return {"start": f"{text}-01-01T00:00:00Z", "end": f"{int(text) + 1}-01-01T00:00:00Z"}
    start, end = (day if day[-4:].isdigit() else f"{day} {year}" for day in text.split(" – "))
    days = [datetime.strptime(f"{day} +0000", "%d %B %Y %z") for day in (start, end)]
    return dict(zip(("start", "end"), (day.isoformat() for day in days), strict=True))


def asked(period: Any, part: Any, basis: str, amount: str = "1") -> dict[str, Any]:
    return prorate_request(
        {"amount": amount, "currency": "USD", "period": period, "part": part, "basis": basis}
    )


def test_shares_are_what_the_page_says() -> None:
    rows = list(table("part", "whole", "`day`", "`day_30`"))
    assert len(rows) == 5
    for row in rows:
        period = stretch(row["whole"], row["part"][-4:])
        part = stretch(row["part"], row["part"][-4:])
        for basis in ("day", "day_30"):
            answer = asked(period, part, basis)
            assert f"{answer['numerator']} of {answer['denominator']}" == row[f"`{basis}`"], row


def test_amounts_are_what_the_page_says() -> None:
    rows = list(table("amount", "share", "exact", "line"))
    assert len(rows) == 4
    start = datetime.fromisoformat("2024-01-01T00:00:00+00:00")
    for row in rows:
        bounds = [timedelta(days=int(number)) for number in re.findall(r"\d+", row["share"])]
        part, period = (
            {"start": start.isoformat(), "end": (start + days).isoformat()} for days in bounds
        )
        answer = asked(period, part, "day", row["amount"].removesuffix(" USD"))
        exact = row["exact"].split(" = ")[-1]
        if exact.endswith(CUT):
            assert answer["amount_exact"].startswith(exact.removesuffix(CUT))
        else:
            assert Decimal(answer["amount_exact"]) == Decimal(exact)
        assert answer["amount"] == row["line"]


@pytest.mark.django_db
@pytest.mark.once
def test_the_calculator_answers_as_the_page_says() -> None:
    request, answer = map(json.loads, BLOCKS.findall(PAGE))
    client = factories.client(project=factories.project())
    response = client.post("/api/v1/prorate", request, format="json")
    assert response.status_code == 200, response.content
    assert response.json() == answer
