"""Answers of other billing projects (tests/cases/README.md says which rows hold here)."""

import json
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta

from billing.rating.calculator import rate_request
from billing.rating.proration import Basis, Share, Span, prorate, share
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import Schedule
from neruba.decimals import add
from neruba.money import to_minor
from neruba.period import Interval, local_midnight, parse_instant
from tests.billing.rating.known_prices import requests_of

CASES = Path(__file__).parents[2] / "cases"
MONTH = Rhythm("month")
RHYTHMS = {
    "monthly": MONTH,
    "quarterly": Rhythm("month", 3),
    "semiannual": Rhythm("month", 6),
    "annual": Rhythm("year"),
}
BASES: dict[str, Basis] = {"by_day": "day", "by_second": "second", "fixed_30_day_month": "day_30"}


def cases(name: str, *kinds: str) -> list[Any]:
    rows = [json.loads(line) for line in (CASES / f"{name}.jsonl").read_text().splitlines()]
    return [
        pytest.param(row, id=row["id"]) for row in rows if not kinds or row.get("kind") in kinds
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
    part = days(row["input"]["from"], row["input"]["to"])
    known = share(part, whole_of(row, row["input"]), basis=BASES[row["policy"]], rhythm=MONTH)
    assert known == Share(row["input"]["numerator"], row["input"]["denominator"], "days")
    assert nine_places(known.fraction) == Decimal(row["expected_fraction"])


@pytest.mark.parametrize("row", cases("proration", "lines"))
def test_prorated_lines_are_the_known_ones(row: dict[str, Any]) -> None:
    amounts = []
    for line in row["lines"]:
        if "from" in line:
            part = days(line["from"], line["to"])
            used = share(part, whole_of(row, line), basis=BASES[row["policy"]], rhythm=MONTH)
        else:
            used = Share(line["numerator"], line["denominator"], "days")
        sign = "-" if line.get("sign") == "-" else ""
        exact = prorate(Decimal(sign + line["full_amount"]), used)
        amounts.append(to_minor(exact, row["currency"], "half_up"))

    assert amounts == [line["expected_minor"] for line in row["lines"]]
    assert sum(amounts) == row["expected_net_minor"]


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
    interval = Interval(parse_instant(given["from"]), parse_instant(given["to"]))
    span = Span.of(interval, given["tz"])
    assert (span.ends_on - span.starts_on).days == row["expected_days"]


@pytest.mark.parametrize("row", cases("proration", "credits_prorated"))
def test_credits_by_second_are_the_known_ones(row: dict[str, Any]) -> None:
    given = row["input"]
    whole = Interval(parse_instant(given["full_from"]), parse_instant(given["full_to"]))
    part = Interval(parse_instant(given["from"]), parse_instant(given["to"]))
    used = share(Span.of(part, "UTC"), Span.of(whole, "UTC"), basis="second", rhythm=MONTH)
    assert prorate(Decimal(given["credits"]), used) == Decimal(row["expected_amount"])


def whole_of(row: dict[str, Any], given: dict[str, Any]) -> Span:
    """The whole period of a part, where the row leaves it out: the one with its denominator."""
    if "full_from" in given:
        return days(given["full_from"], given["full_to"])
    if row["policy"] == "by_day":
        end = date.fromisoformat(given["to"])
        return days(str(end - relativedelta(days=given["denominator"])), given["to"])
    # These rows all bill on the 15th.
    first = date.fromisoformat(given["from"])
    starts_on = (first - relativedelta(days=14)).replace(day=15)
    return days(str(starts_on), str(starts_on + relativedelta(months=1)))


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
