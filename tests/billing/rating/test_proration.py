from decimal import Decimal
from fractions import Fraction

import pytest

from billing.rating.proration import POLICIES, Basis, Share, Span, TerminationDay, prorate, share
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import Schedule
from neruba.money import to_minor
from neruba.period import Interval, parse_instant

MONTH = Rhythm("month")


def span(start: str, end: str, zone: str = "UTC") -> Span:
    def full(text: str) -> str:
        return text if "T" in text else f"{text}T00:00:00Z"

    return Span.of(Interval(parse_instant(full(start)), parse_instant(full(end))), zone)


JANUARY = span("2024-01-01", "2024-02-01")


def used(
    part: Span,
    whole: Span,
    basis: Basis,
    termination_day: TerminationDay = "exclusive",
    rhythm: Rhythm = MONTH,
) -> tuple[int, int, str]:
    found = share(part, whole, basis=basis, rhythm=rhythm, termination_day=termination_day)
    return found.numerator, found.denominator, found.unit


def test_policies_have_a_version() -> None:
    assert POLICIES == {"day": "day@1", "second": "second@1", "day_30": "day_30@1"}


@pytest.mark.parametrize("basis", ["day", "second", "day_30"])
@pytest.mark.parametrize(
    ("rhythm", "start", "end"),
    [
        (MONTH, "2024-01-31", "2024-02-29"),
        (MONTH, "2024-02-29", "2024-03-31"),
        (Rhythm("month", 3), "2023-11-30", "2024-02-29"),
        (Rhythm("year"), "2024-01-01", "2025-01-01"),
        (Rhythm("week"), "2024-01-29", "2024-02-05"),
    ],
)
def test_the_whole_period_is_a_whole_share(
    basis: Basis, rhythm: Rhythm, start: str, end: str
) -> None:
    whole = span(start, end)
    assert share(whole, whole, basis=basis, rhythm=rhythm).is_whole


def test_a_day_counts_from_its_beginning_and_a_change_of_clocks_is_no_matter() -> None:
    march = span("2024-02-29T23:00:00Z", "2024-03-31T22:00:00Z", "Europe/Berlin")
    part = span("2024-03-15T17:45:00Z", "2024-03-31T22:00:00Z", "Europe/Berlin")
    assert used(part, march, "day") == (17, 31, "days")
    assert used(march, march, "second") == (31 * 86400 - 3600, 31 * 86400 - 3600, "seconds")


def test_seconds_are_exact_and_turn_to_microseconds_only_where_they_must() -> None:
    assert used(span("2024-01-16T12:00:00Z", "2024-02-01"), JANUARY, "second") == (
        31 * 43200,
        31 * 86400,
        "seconds",
    )
    assert used(span("2024-01-31T23:59:59.5Z", "2024-02-01"), JANUARY, "second") == (
        500_000,
        31 * 86_400_000_000,
        "microseconds",
    )


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2024-01-15", "2024-02-10", 25),
        ("2024-01-15", "2024-01-25", 10),
        ("2024-01-31", "2024-02-10", 9),
        ("2024-01-11", "2024-02-10", 29),
    ],
)
def test_a_month_of_thirty_days(start: str, end: str, days: int) -> None:
    whole = span("2024-01-10", "2024-02-10")
    assert used(span(start, end), whole, "day_30") == (days, 30, "days")


def test_the_31st_day_of_a_month_of_thirty_days_is_free() -> None:
    assert used(span("2024-01-01", "2024-01-31"), JANUARY, "day_30") == (30, 30, "days")
    assert used(span("2024-01-31", "2024-02-01"), JANUARY, "day_30") == (0, 30, "days")


def test_a_part_of_a_month_of_thirty_days_is_no_more_than_the_whole() -> None:
    whole = span("2023-02-28", "2023-03-31")
    assert used(span("2023-02-28", "2023-03-30"), whole, "day_30") == (30, 30, "days")


def test_years_have_360_days_and_weeks_their_own_under_day_30() -> None:
    year = span("2024-01-01", "2025-01-01")
    part = span("2024-04-01", "2025-01-01")
    assert used(part, year, "day_30", rhythm=Rhythm("year")) == (270, 360, "days")
    week = span("2024-01-29", "2024-02-05")
    part = span("2024-01-31", "2024-02-05")
    assert used(part, week, "day_30", rhythm=Rhythm("week")) == (5, 7, "days")


def test_the_day_of_termination_counts_where_it_is_inclusive() -> None:
    ended = span("2024-01-01", "2024-01-20T15:00:00Z")
    assert used(ended, JANUARY, "day") == (19, 31, "days")
    assert used(ended, JANUARY, "day", "inclusive") == (20, 31, "days")
    assert used(ended, JANUARY, "day_30", "inclusive") == (20, 30, "days")
    assert used(ended, JANUARY, "second", "inclusive") == used(ended, JANUARY, "second")
    assert used(JANUARY, JANUARY, "day", "inclusive") == (31, 31, "days")
    at_once = span("2024-01-01T08:00:00Z", "2024-01-01T09:00:00Z")
    assert used(at_once, JANUARY, "day") == (0, 31, "days")
    assert used(at_once, JANUARY, "day", "inclusive") == (1, 31, "days")


def test_a_short_first_period_is_over_the_whole_one_that_ends_there() -> None:
    start = parse_instant("2024-02-10T10:00:00Z")
    first = Schedule(MONTH, "calendar", "UTC", start, "day").period(0)
    assert used(first.span, first.whole, "day") == (20, 29, "days")
    exact = prorate(Decimal("20.00"), share(first.span, first.whole, basis="day", rhythm=MONTH))
    assert exact == Fraction(400, 29)
    assert to_minor(exact, "USD", "half_up") == 1379


def test_a_part_outside_the_whole_is_refused() -> None:
    bases: list[Basis] = ["day", "second", "day_30"]
    for basis in bases:
        for outside in (span("2023-12-31", "2024-01-02"), span("2024-01-31", "2024-02-02")):
            with pytest.raises(ValueError, match="no part"):
                share(outside, JANUARY, basis=basis, rhythm=MONTH)
        nothing = span("2024-01-01", "2024-01-01")
        with pytest.raises(ValueError, match="has no"):
            share(nothing, nothing, basis=basis, rhythm=MONTH)


def test_a_share_of_nothing_is_nothing() -> None:
    assert prorate(Decimal("19.95"), Share(0, 31, "days")) == 0
