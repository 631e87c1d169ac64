"""The worked quantities of docs/usage.md are what the API answers."""

import re
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from rest_framework.test import APIClient

from ingest.aggregation.rounding import MODES, Rounding
from ingest.models import Meter
from ingest.selectors.readings import Source
from ingest.selectors.usage import UsageNeed, usage_of
from ingest.services.windows import rebuild_windows
from neruba.decimals import plain
from neruba.models import Project, Subject
from neruba.period import Interval, parse_instant
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "usage.md").read_text(encoding="utf-8")
MONTHS = {"January": ("2026-01", "2026-02"), "February": ("2026-02", "2026-03")}
WINDOWS = "| meter | January | February | why |"
PARTS = "| meter | A | B | why |"


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


def send_events_of_the_page(project: Project, quantities: str) -> list[Meter]:
    """A customer with the page's events, and the meters of the table with this header."""
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
    rows = table(quantities)
    assert len(rows) == 10
    return [meter_of(project, str(code), row["meter"]) for code, row in enumerate(rows)]


def meter_of(project: Project, code: str, words: str) -> Meter:
    (kind,) = re.findall("`(.*)`", words)
    return factories.meter(
        project=project,
        code=code,
        aggregation=kind,
        value_property={"count": "", "unique_count": "who"}.get(kind, "n"),
        carry_over="carried over" in words,
    )


def test_the_events_of_the_page_make_its_quantities() -> None:
    project = factories.project(clock_at=factories.START.replace(month=4))
    meters = send_events_of_the_page(project, WINDOWS)
    caller = factories.client(project=project)
    for _ in range(2):
        for meter, row in zip(meters, table(WINDOWS), strict=True):
            for month, bounds in MONTHS.items():
                assert quantity(caller, meter.code, *bounds) == row[month], (row, month)
        rebuild_windows(project)


def test_the_parts_of_january_have_the_quantities_of_the_page() -> None:
    project = factories.project(clock_at=factories.START.replace(month=4))
    meters = send_events_of_the_page(project, PARTS)
    january = Interval(parse_instant("2026-01-01T00:00:00Z"), parse_instant("2026-02-01T00:00:00Z"))
    cuts = [january.start + timedelta(days=days) for days in (0, 10, 20, 31)]
    first, second, third = (Interval(*bounds) for bounds in pairwise(cuts))
    assert third.end == january.end
    subject = Subject.objects.get(project=project)
    turns = {"A": (first, third), "B": (second,)}
    needs = [
        UsageNeed(
            *(subject.pk, meter.pk, "UTC", january.start, january.end, None), parts=turns[plan]
        )
        for meter in meters
        for plan in turns
    ]
    for _ in range(2):
        for source in get_args(Source):
            found = usage_of(project, needs, bound=None, source=source)
            quantities = iter([plain(usage.quantity) for usage in found])
            for row in table(PARTS):
                assert {plan: next(quantities) for plan in turns} == {
                    plan: row[plan] for plan in turns
                }, row
        rebuild_windows(project)


def test_the_modes_of_the_page_round_as_it_says() -> None:
    found = table("| `mode` | 2.5 to 0")
    assert len(found) == len(MODES)
    for row in found:
        (mode,) = re.findall("`(.*)`", row.pop("`mode`"))
        for asked, rounded in row.items():
            value, places = asked.replace("−", "-").split(" to ")
            assert plain(Rounding(mode, int(places)).apply(Decimal(value))) == rounded
