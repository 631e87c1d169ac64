"""Answers of other billing projects (tests/cases/README.md says which rows hold here)."""

import json
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from billing.rating.calculator import rate_request
from billing.rating.prorating import prorate_request
from billing.rating.proration import Span, share
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import Schedule
from neruba.decimals import add
from neruba.money import Money, to_minor
from neruba.period import Interval, local_midnight
from tests.billing.rating.known_parts import (
    BASES,
    TERMINATIONS,
    between,
    line_requests,
    request_of,
    termination_requests,
)
from tests.billing.rating.known_prices import requests_of

CASES = Path(__file__).parents[2] / "cases"
MONTH = Rhythm("month")
RHYTHMS = {
    "monthly": MONTH,
    "quarterly": Rhythm("month", 3),
    "semiannual": Rhythm("month", 6),
    "annual": Rhythm("year"),
}


def cases(name: str, *kinds: str, action: tuple[str, ...] = (), of: str = "") -> list[Any]:
    """The rows of a file of some kinds; of some actions, and from a source that begins so."""
    rows = [json.loads(line) for line in (CASES / f"{name}.jsonl").read_text().splitlines()]
    return [
        pytest.param(row, id=row["id"])
        for row in rows
        if (not kinds or row.get("kind") in kinds)
        and (not action or row.get("action") in action)
        and row["source"].startswith(of)
    ]


@pytest.mark.parametrize("row", cases("pricing"))
def test_price_is_the_known_one(row: dict[str, Any]) -> None:
    answers = [rate_request(request) for request in requests_of(row)]
    amounts = [Decimal(answer["amount_exact"]) for answer in answers]
    if row["params"].get("round_line"):
        amounts = [Decimal(answer["amount"]) for answer in answers]

    assert add(*amounts) == Decimal(row["expected_amount"])
    if "expected_per_event" in row:
        assert amounts == [Decimal(text) for text in row["expected_per_event"]]
    if "expected_minor" in row:
        assert to_minor(add(*amounts), row["currency"], "half_up") == row["expected_minor"]


@pytest.mark.parametrize("row", cases("proration", "fraction"))
def test_share_is_the_known_one(row: dict[str, Any]) -> None:
    answer = prorate_request(request_of(row, row["input"]))
    part, whole = answer["numerator"], answer["denominator"]
    assert (part, whole) == (row["input"]["numerator"], row["input"]["denominator"])
    assert nine_places(Fraction(part, whole)) == Decimal(row["expected_fraction"])


def uncapped() -> list[Any]:
    """Lines that follow from their shares alone; a cap is a rule of documents."""
    every = cases("proration", "lines")
    return [one for one in every if not any("cap_minor" in line for line in one.values[0]["lines"])]


@pytest.mark.parametrize("row", uncapped())
def test_prorated_lines_are_the_known_ones(row: dict[str, Any]) -> None:
    answers = [prorate_request(request) for request in line_requests(row)]
    amounts = [Money.parse(answer["amount"], row["currency"]).minor for answer in answers]
    assert amounts == [line["expected_minor"] for line in row["lines"]]
    assert sum(amounts) == row["expected_net_minor"]


@pytest.mark.parametrize("row", cases("proration", "lines", action=TERMINATIONS, of="getlago/"))
def test_the_day_of_a_termination_counts_as_it_is_known_to(row: dict[str, Any]) -> None:
    asked = list(termination_requests(row))
    assert asked
    for request, field, minor in asked:
        assert Money.parse(prorate_request(request)[field], row["currency"]).minor == minor


@pytest.mark.parametrize("row", cases("proration", "cycles"))
def test_cycles_billed_in_advance_are_the_known_ones(row: dict[str, Any]) -> None:
    given = row["input"]
    schedule = calendar(MONTH, given["start"], given["billing_day"])
    target = date.fromisoformat(given["target"])
    end = date.fromisoformat(given["end"] or "9999-01-01")
    cycles = Decimal(0)
    for period in (schedule.period(number) for number in range(12)):
        if period.starts_on <= target and period.starts_on < end:
            part = days(str(period.starts_on), str(min(period.ends_on, end)))
            used = share(part, period.whole, basis="day", rhythm=MONTH)
            cycles += nine_places(used.fraction)
    assert cycles == Decimal(row["expected_cycles"])


@pytest.mark.parametrize("row", cases("proration", "period"))
def test_period_that_holds_a_date_is_the_known_one(row: dict[str, Any]) -> None:
    given = row["input"]
    rhythm = RHYTHMS[given["period"]]
    if date.fromisoformat(given["start"]).day == given["anchor_day"]:
        schedule = anniversary(rhythm, given["start"])
    else:
        schedule = calendar(rhythm, given["start"], given["anchor_day"])
    period = schedule.period(schedule.number_at(midnight(given["at"])))
    assert str(period.starts_on) == row["expected_from"]
    assert str(period.ends_on) == row["expected_to_exclusive"]


@pytest.mark.parametrize("row", cases("proration", "next_date"))
def test_next_boundary_is_the_known_one(row: dict[str, Any]) -> None:
    given = row["input"]
    rhythm = RHYTHMS[given["period"]]
    rhythm = Rhythm(rhythm.interval, rhythm.count * given["count"])
    if given["current"] == given["anchor"]:
        schedule = anniversary(rhythm, given["current"])
    else:
        schedule = calendar(rhythm, given["current"], date.fromisoformat(given["anchor"]).day)
    assert str(schedule.period(0).ends_on) == row["expected_next"]


@pytest.mark.parametrize("row", cases("proration", "day_count"))
def test_days_are_the_known_number(row: dict[str, Any]) -> None:
    given = row["input"]
    year = between(date(2024, 1, 1), date(2025, 1, 1), given["tz"])
    part = {"start": given["from"], "end": given["to"]}
    request = {"amount": "1", "currency": "USD", "timezone": given["tz"]}
    answer = prorate_request({**request, "period": year, "part": part})
    assert answer["numerator"] == row["expected_days"]
    assert answer["denominator"] == 366


@pytest.mark.parametrize("row", cases("proration", "credits_prorated"))
def test_credits_by_second_are_the_known_ones(row: dict[str, Any]) -> None:
    given = row["input"]
    answer = prorate_request(
        {
            "amount": given["credits"],
            "currency": "USD",
            "period": {"start": given["full_from"], "end": given["full_to"]},
            "part": {"start": given["from"], "end": given["to"]},
            "basis": BASES[row["policy"]],
        }
    )
    assert Decimal(answer["amount_exact"]) == Decimal(row["expected_amount"])


def days(first: str, end: str) -> Span:
    return Span.of(Interval(midnight(first), midnight(end)), "UTC")


def midnight(day: str) -> datetime:
    return local_midnight(date.fromisoformat(day), "UTC")


def calendar(rhythm: Rhythm, start: str, billing_day: int) -> Schedule:
    return Schedule(rhythm, "calendar", "UTC", midnight(start), "day", billing_day)


def anniversary(rhythm: Rhythm, start: str) -> Schedule:
    return Schedule(rhythm, "anniversary", "UTC", midnight(start), "day")


def nine_places(exact: Fraction) -> Decimal:
    """Round as the sources print their shares."""
    quotient = Decimal(exact.numerator) / Decimal(exact.denominator)
    return quotient.quantize(Decimal("1e-9"), rounding=ROUND_HALF_UP)
