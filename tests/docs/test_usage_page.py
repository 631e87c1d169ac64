"""The worked quantities of docs/usage.md are what the API answers."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from ingest.aggregation.rounding import MODES, Rounding
from ingest.services.windows import rebuild_windows
from neruba.decimals import plain
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "usage.md").read_text(encoding="utf-8")
MONTHS = {"January": ("2026-01", "2026-02"), "February": ("2026-02", "2026-03")}


def table(header: str) -> list[dict[str, str]]:
    """The rows of the table whose header begins so, by the names of its columns."""
    lines = PAGE[PAGE.index(header) :].split("\n\n", 1)[0].splitlines()
    names, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(names, row, strict=True)) for row in rows]


def quantity(caller: APIClient, meter: str, start: str, end: str) -> str:
    query = {"customer": "acme", "meter": meter}
    query |= {"from": f"{start}-01T00:00:00Z", "to": f"{end}-01T00:00:00Z"}
    answer = caller.get("/api/v1/usage", query)
    assert answer.status_code == 200, answer.content
    (row,) = answer.json()["data"]
    found: str = row["quantity"]
    return found


def test_the_events_of_the_page_make_its_quantities() -> None:
    project = factories.project(clock_at=factories.START.replace(month=4))
    factories.customer(project=project, external_id="acme")
    bodies = [
        factories.event_body(
            id=row["id"],
            time=row["time"],
            data={name: row[name] for name in ("n", "who", "operation") if row[name]},
        )
        for row in table("| id | time | n | who | operation |")
    ]
    outcomes = factories.accept(*bodies, project=project)
    assert [outcome.outcome for outcome in outcomes] == ["accepted"] * 5
    rows = table("| meter | January | February | why |")
    assert len(rows) == 10
    for code, row in enumerate(rows):
        (kind,) = re.findall("`(.*)`", row["meter"])
        value = {"count": "", "unique_count": "who"}.get(kind, "n")
        factories.meter(
            project=project,
            code=str(code),
            aggregation=kind,
            value_property=value,
            carry_over="carried over" in row["meter"],
        )
    caller = factories.client(project=project)
    for _ in range(2):
        for code, row in enumerate(rows):
            for month, bounds in MONTHS.items():
                assert quantity(caller, str(code), *bounds) == row[month], (row, month)
        rebuild_windows(project)


def test_the_modes_of_the_page_round_as_it_says() -> None:
    found = table("| `mode` | 2.5 to 0")
    assert len(found) == len(MODES)
    for row in found:
        (mode,) = re.findall("`(.*)`", row.pop("`mode`"))
        for asked, rounded in row.items():
            value, places = asked.replace("−", "-").split(" to ")
            assert plain(Rounding(mode, int(places)).apply(Decimal(value))) == rounded
