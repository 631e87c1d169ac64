"""docs/periods-and-proration.md, "Changes in a period": its numbers are what documents print."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.rating.numbers import number_text
from billing.rating.parts import part_minor
from billing.rating.proration import Share, prorate
from neruba.money import Money
from neruba.period import rfc3339
from tests.billing.story import SUBSCRIPTION, Story, flat
from tests.docs.pages import instant_of, page, rows_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGE = page("periods-and-proration.md")
START = datetime(2026, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
LATER = timedelta(hours=1)


def begun(*, price: dict[str, Any], then: dict[str, Any] | None = None, **settings: str) -> Story:
    """A subscription to a plan from 1 January on, and a plan that it may go to."""
    story = Story(currency="EUR", **settings)
    story.customer(START)
    story.plan(START, "first", [price])
    if then is not None:
        story.plan(START, "second", [then])
    story.subscribe(START, "first", anchor="calendar")
    return story


def changed_lines(documents: list[Any]) -> list[Any]:
    lines = [line for document in documents for line in document["lines"]]
    return [line for line in lines if line["kind"] == "proration"]


@pytest.mark.parametrize(
    "row", rows_of(PAGE, "basis", "changed at", "kept", "credit", "charge"), ids=str
)
def test_a_change_costs_what_the_page_says(row: dict[str, str]) -> None:
    at = instant_of(row["changed at"])
    story = begun(
        price=flat("fee", "100.00"),
        then=flat("fee", "200.00"),
        proration_basis=row["basis"].strip("`"),
    )
    story.change(at, "change_plan", plan="second", invoice="now")
    credit, charge = changed_lines(story.documents(at + LATER, "page"))
    assert (credit["amount"], charge["amount"]) == (row["credit"], row["charge"])
    assert kept(credit) == row["kept"]


def kept(credit: Any) -> str:
    share = credit["evidence"]["share"]
    return f"{share['numerator']} of {share['denominator']} {share['unit']}"


@pytest.mark.parametrize("row", rows_of(PAGE, "`termination_day`", "kept", "credit"), ids=str)
def test_an_end_gives_back_what_the_page_says(row: dict[str, str]) -> None:
    at = instant_of("20 January 15:00")
    day = row["`termination_day`"].strip("`")
    story = begun(price=flat("fee", "100.00"), termination_day=day)
    story.change(at, "cancel", at="now")
    (credit,) = changed_lines(story.documents(at + LATER, "page"))
    assert (kept(credit), credit["amount"]) == (row["kept"], row["credit"])


def test_parts_of_one_amount_are_what_the_page_says() -> None:
    columns = ("days", "days so far", "exact, so far", "rounded, so far", "part")
    amount, before, parts = Decimal(10), 0, []
    for row in rows_of(PAGE, *columns):
        days, whole = map(int, re.findall(r"\d+", row["days so far"]))
        share = Share(days - before, whole, "days")
        minor = part_minor(amount, share, before=before, currency="EUR", rounding="half_up")
        parts.append(minor)
        assert row["part"] == Money(minor, "EUR").amount
        assert row["rounded, so far"] == Money(sum(parts), "EUR").amount
        exact = number_text(prorate(amount, Share(days, whole, "days")))
        assert exact.startswith(row["exact, so far"].removesuffix("…"))
        before = days
    assert sum(parts) == 1000


@pytest.mark.parametrize(
    "row",
    rows_of(PAGE, "`proration`", "lines of the change", "document", "next boundary after it"),
    ids=str,
)
def test_fees_follow_a_change_as_the_page_says(row: dict[str, str]) -> None:
    at, document = instant_of("16 January 10:00"), instant_of(row["document"].split(",")[0])
    story = begun(price=flat("fee", "31.00"), then=flat("fee", "62.00"))
    story.change(at, "change_plan", plan="second", proration=row["`proration`"].strip("`"))
    looked = max(at, document) + LATER
    story.call(looked, f"GET /subscriptions/{SUBSCRIPTION}")
    _, last = story.documents(looked, "page")
    amounts = [line["amount"] for line in last["lines"]]
    beside = ["62.00"] if "62.00 for February" in row["document"] else []
    wanted = [one for one in row["lines of the change"].split(", ") if one]
    assert sorted(amounts) == sorted([*beside, *wanted])
    state = story.answers[-2]
    boundary = datetime.fromisoformat(state["next_boundary_at"])
    assert boundary == instant_of(row["next boundary after it"])


def test_seats_and_the_minimum_come_to_what_the_page_says() -> None:
    at = instant_of("16 January")
    seats = {"code": "seats", "kind": "seat", "model": "per_unit", "unit_amount": "31.00"}
    story = Story(currency="EUR")
    story.customer(START)
    story.plan(START, "first", [seats])
    story.subscribe(START, "first", anchor="calendar", quantities={"seats": "3"})
    story.change(at, "set_quantity", price="seats", quantity="5", invoice="now")
    amounts = [line["amount"] for line in changed_lines(story.documents(at + LATER, "seats"))]
    assert amounts == ["-48.00", "80.00"]
    assert "3 seats credited (-48.00) and 5 charged (80.00)" in PAGE

    story = Story(currency="EUR")
    story.customer(START)
    fee = flat("fee", "0", billing="in_arrears")
    story.plan(START, "first", [fee], minimum_commitment="100.00")
    story.plan(START, "second", [fee], minimum_commitment="200.00")
    story.subscribe(START, "first", anchor="calendar")
    story.change(at, "change_plan", plan="second")
    (document,) = story.documents(FEBRUARY + LATER, "minimum")
    assert document["total"] == "151.61"
    assert "151.6129…, 151.61." in PAGE


def test_usage_in_parts_comes_to_what_the_page_says() -> None:
    price = {"code": "calls", "kind": "usage", "model": "per_unit", "meter": "calls"}
    prices = {
        "A": {**price, "unit_amount": "1.00", "free_units": "10"},
        "B": {**price, "unit_amount": "0.50"},
    }
    story = Story(currency="EUR")
    meter = {"code": "calls", "event_type": "call", "aggregation": "count"}
    story.call(START, "POST /meters", meter)
    story.customer(START)
    for code, one in prices.items():
        story.plan(START, code, [one])
    story.subscribe(START, "A", anchor="calendar")
    for row in rows_of(PAGE, "calls", "plan", "when"):
        start, end = (instant_of(text) for text in row["when"].split(" to "))
        if start > START:
            story.change(start, "change_plan", plan=row["plan"])
        calls = int(row["calls"])
        for number in range(calls):
            story.event(start + (end - start) * number / calls, "call", {})
    (document,) = story.documents(FEBRUARY + LATER, "usage")
    assert [line["amount"] for line in document["lines"]] == ["3.00", "4.00"]
    assert "13 calls less 10 free ones, 3.00; B is 8 × 0.50, 4.00" in PAGE
    assert rfc3339(instant_of("11 January 12:00")) in str(document["lines"][1]["period"])
