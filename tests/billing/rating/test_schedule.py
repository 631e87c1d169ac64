from datetime import UTC, date, datetime, timedelta

import pytest

from billing.rating.proration import Basis
from billing.rating.rhythm import Anchor, IntervalUnit, Rhythm
from billing.rating.schedule import Schedule
from neruba.period import parse_instant, rfc3339


def schedule(  # noqa: PLR0917
    interval: IntervalUnit,
    count: int,
    anchor: Anchor,
    start: str,
    zone: str = "UTC",
    basis: Basis = "day",
    billing_day: int | None = None,
) -> Schedule:
    return Schedule(Rhythm(interval, count), anchor, zone, parse_instant(start), basis, billing_day)


def dates(schedule: Schedule, count: int) -> list[str]:
    periods = [schedule.period(number) for number in range(count)]
    return [str(periods[0].starts_on), *(str(period.ends_on) for period in periods)]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            schedule("month", 1, "anniversary", "2024-01-31T10:30:00Z"),
            ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"],
        ),
        (
            schedule("year", 1, "anniversary", "2024-02-29T00:00:00Z"),
            ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"],
        ),
        (
            schedule("week", 2, "anniversary", "2024-01-03T00:00:00Z"),
            ["2024-01-03", "2024-01-17", "2024-01-31"],
        ),
        (
            schedule("day", 10, "anniversary", "2024-02-25T00:00:00Z"),
            ["2024-02-25", "2024-03-06", "2024-03-16"],
        ),
        (
            schedule("month", 1, "calendar", "2024-01-31T10:30:00Z"),
            ["2024-01-31", "2024-02-01", "2024-03-01"],
        ),
        (
            schedule("month", 1, "calendar", "2024-01-10T00:00:00Z", billing_day=31),
            ["2024-01-10", "2024-01-31", "2024-02-29", "2024-03-31"],
        ),
        (
            schedule("month", 3, "calendar", "2024-02-10T00:00:00Z"),
            ["2024-02-10", "2024-04-01", "2024-07-01", "2024-10-01", "2025-01-01"],
        ),
        (
            schedule("month", 3, "calendar", "2024-01-02T00:00:00Z", billing_day=15),
            ["2024-01-02", "2024-01-15", "2024-04-15"],
        ),
        (
            schedule("week", 1, "calendar", "2024-02-29T00:00:00Z"),
            ["2024-02-29", "2024-03-04", "2024-03-11"],
        ),
        (
            schedule("week", 2, "calendar", "2024-02-29T00:00:00Z"),
            ["2024-02-29", "2024-03-11", "2024-03-25"],
        ),
        (
            schedule("year", 1, "calendar", "2024-02-29T00:00:00Z"),
            ["2024-02-29", "2025-01-01", "2026-01-01"],
        ),
        (
            schedule("year", 2, "calendar", "2023-05-01T00:00:00Z", billing_day=15),
            ["2023-05-01", "2025-01-15", "2027-01-15"],
        ),
        (
            schedule("day", 1, "calendar", "2024-02-28T12:00:00Z"),
            ["2024-02-28", "2024-02-29", "2024-03-01"],
        ),
    ],
)
def test_boundaries_lie_on_the_dates_of_the_anchor(made: Schedule, expected: list[str]) -> None:
    assert dates(made, len(expected) - 1) == expected


def test_boundaries_are_local_midnights_and_the_first_is_the_start() -> None:
    made = schedule("month", 1, "anniversary", "2024-01-15T09:30:00.5Z", "Europe/Berlin")
    assert [rfc3339(made.boundary(number)) for number in range(4)] == [
        "2024-01-15T09:30:00.500000Z",
        "2024-02-14T23:00:00.000000Z",
        "2024-03-14T23:00:00.000000Z",
        "2024-04-14T22:00:00.000000Z",
    ]


def test_the_zone_decides_the_date_of_the_start() -> None:
    late = "2024-01-31T20:00:00Z"
    assert dates(schedule("month", 1, "calendar", late, "Asia/Tokyo"), 1) == [
        "2024-02-01",
        "2024-03-01",
    ]
    assert dates(schedule("month", 1, "calendar", late), 1) == ["2024-01-31", "2024-02-01"]


def test_boundaries_by_second_keep_the_local_time_of_the_start() -> None:
    made = schedule("month", 1, "anniversary", "2024-01-31T01:30:00Z", "Europe/Berlin", "second")
    assert [rfc3339(made.boundary(number)) for number in range(4)] == [
        "2024-01-31T01:30:00.000000Z",
        "2024-02-29T01:30:00.000000Z",
        # On 31 March the clock jumps from 02:00 to 03:00.
        "2024-03-31T01:00:00.000000Z",
        "2024-04-30T00:30:00.000000Z",
    ]


def test_a_start_in_a_repeated_hour_begins_a_whole_period_by_second() -> None:
    made = schedule("month", 1, "anniversary", "2024-10-27T01:30:00Z", "Europe/Berlin", "second")
    assert made.period(0).whole_start == made.start
    assert made.boundary(1) == datetime(2024, 11, 27, 1, 30, tzinfo=UTC)


def test_a_short_first_period_knows_the_whole_one_that_ends_with_it() -> None:
    made = schedule("month", 3, "calendar", "2024-02-10T10:00:00Z")
    first, second = made.period(0), made.period(1)
    assert (first.starts_on, first.whole_starts_on) == (date(2024, 2, 10), date(2024, 1, 1))
    assert rfc3339(first.start) == "2024-02-10T10:00:00.000000Z"
    assert rfc3339(first.whole_start) == "2024-01-01T00:00:00.000000Z"
    assert second.span == second.whole


@pytest.mark.parametrize("start", ["2024-01-01T00:00:00Z", "2024-01-01T10:00:00Z"])
def test_a_start_on_the_day_of_a_calendar_boundary_begins_a_whole_period(start: str) -> None:
    first = schedule("month", 1, "calendar", start).period(0)
    assert rfc3339(first.start) == start.replace("Z", ".000000Z")
    assert first.starts_on == first.whole_starts_on == date(2024, 1, 1)
    assert first.ends_on == date(2024, 2, 1)


def test_an_instant_on_a_boundary_belongs_to_the_period_that_begins() -> None:
    made = schedule("month", 1, "anniversary", "2024-01-31T10:30:00Z", "America/New_York")
    for number in range(30):
        period = made.period(number)
        assert made.number_at(period.start) == number
        assert made.number_at(period.end - timedelta(microseconds=1)) == number
    with pytest.raises(ValueError, match="before the start"):
        made.number_at(made.start - timedelta(microseconds=1))


def test_what_is_no_schedule_is_refused() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    month = Rhythm("month")
    with pytest.raises(ValueError, match="instant in UTC"):
        Schedule(month, "calendar", "UTC", datetime(2024, 1, 1), "day")  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        Schedule(month, "calendar", "Mars/Base", start, "day")
    with pytest.raises(ValueError, match="calendar or anniversary"):
        Schedule(month, "moon", "UTC", start, "day")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no billing day"):
        Schedule(month, "anniversary", "UTC", start, "day", 15)
    for billing_day in (0, 32):
        with pytest.raises(ValueError, match="1 to 31"):
            Schedule(month, "calendar", "UTC", start, "day", billing_day)
    with pytest.raises(ValueError, match="counted from 0"):
        Schedule(month, "calendar", "UTC", start, "day").boundary(-1)
    with pytest.raises(ValueError, match="at least one"):
        Rhythm("month", 0)
    with pytest.raises(ValueError, match="day, week, month or year"):
        Rhythm("quarter")  # type: ignore[arg-type]
