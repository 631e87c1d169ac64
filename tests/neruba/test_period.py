from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from neruba.period import (
    Interval,
    day_interval,
    days_between,
    local_date,
    local_instant,
    local_midnight,
    parse_duration,
    parse_instant,
    rfc3339,
    zone_named,
)

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("day", "zone", "midnight", "hours"),
    [
        ("2024-01-15", "UTC", "2024-01-15T00:00:00Z", 24),
        ("2024-03-31", "Europe/Berlin", "2024-03-30T23:00:00Z", 23),
        ("2024-10-27", "Europe/Berlin", "2024-10-26T22:00:00Z", 25),
        # Midnight does not exist: the clock jumps from 00:00 to 01:00.
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z", 23),
        # Midnight comes twice: at 01:00 the clock goes back to it.
        ("2023-11-05", "America/Havana", "2023-11-05T04:00:00Z", 25),
        # The hour before midnight comes twice.
        ("2018-02-17", "America/Sao_Paulo", "2018-02-17T02:00:00Z", 25),
        # The jump begins before midnight, at 23:30, and ends after it.
        ("1919-03-31", "America/Toronto", "1919-03-31T04:30:00Z", 23.5),
        # The zone crossed the date line and left this date out.
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z", 0),
        ("2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00Z", 24),
    ],
)
def test_a_day_begins_with_the_first_instant_of_its_date(
    day: str, zone: str, midnight: str, hours: float
) -> None:
    local = date.fromisoformat(day)
    assert rfc3339(local_midnight(local, zone)) == midnight.replace("Z", ".000000Z")
    assert day_interval(local, ZoneInfo(zone)).duration == hours * HOUR
    if hours:
        assert local_date(local_midnight(local, zone), zone) == local
        before = local_midnight(local, zone) - timedelta(microseconds=1)
        assert local_date(before, zone) < local


def test_a_reading_in_a_gap_means_the_jump_and_a_double_one_its_first_time() -> None:
    jump = local_instant(date(2024, 3, 31), time(2, 30, 0, 123456), "Europe/Berlin")
    assert jump == datetime(2024, 3, 31, 1, tzinfo=UTC)
    for fold in (0, 1):
        twice = local_instant(date(2024, 10, 27), time(2, 30, fold=fold), "Europe/Berlin")
        assert twice == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)


def test_days_are_those_that_have_an_instant_in_the_interval() -> None:
    zone = "Europe/Berlin"
    start, end = local_midnight(date(2024, 3, 30), zone), local_midnight(date(2024, 4, 1), zone)
    both = [date(2024, 3, 30), date(2024, 3, 31)]
    assert list(days_between(start, end, zone)) == both
    assert list(days_between(start + 23 * HOUR, end - 22 * HOUR, zone)) == both
    assert list(days_between(start, end + timedelta(microseconds=1), zone)) == [
        *both,
        date(2024, 4, 1),
    ]
    assert list(days_between(start, start, zone)) == []


def test_a_date_that_a_zone_left_out_is_no_day() -> None:
    start = datetime(2011, 12, 29, 12, tzinfo=UTC)
    days = list(days_between(start, start + timedelta(days=2), "Pacific/Apia"))
    assert days == [date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)]


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../etc/passwd", "localtime", "Europe", "a" * 999]
)
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        zone_named(name)


def test_intervals_are_half_open_instants_in_utc() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    hour = Interval(start, start + HOUR)
    assert start in hour
    assert start + HOUR not in hour
    assert hour.intersection(Interval(start + HOUR, start + 2 * HOUR)) is None
    assert hour.intersection(Interval(start - HOUR, start + HOUR / 2)) == Interval(
        start, start + HOUR / 2
    )
    assert Interval(start, start).is_empty
    for bad in (datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=timezone(HOUR))):  # noqa: DTZ001
        with pytest.raises(ValueError, match="instant in UTC"):
            Interval(bad, start + HOUR)
    with pytest.raises(ValueError, match="before it starts"):
        Interval(start, start - HOUR)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-05-01T12:30:00Z", "2024-05-01T12:30:00.000000Z"),
        ("2024-05-01t12:30:00.5z", "2024-05-01T12:30:00.500000Z"),
        ("2024-05-01T12:30:00+02:00", "2024-05-01T10:30:00.000000Z"),
        ("2024-05-01T00:30:00-23:59", "2024-05-02T00:29:00.000000Z"),
        ("2024-05-01T00:00:00-00:00", "2024-05-01T00:00:00.000000Z"),
        ("2024-04-30T23:59:59.9999999999Z", "2024-04-30T23:59:59.999999Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00.000000Z"),
    ],
)
def test_instants_of_any_offset_are_read_as_utc(text: str, instant: str) -> None:
    assert rfc3339(parse_instant(text)) == instant


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="names no offset"):
        parse_instant("2024-05-01T12:30:00")
    with pytest.raises(ValueError, match="without an offset"):
        rfc3339(datetime(2024, 5, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "text",
    [
        *("", "2024-05-01", "2024-05-01 12:30:00Z", "2024-05-01T12:30Z", "20240501T123000Z"),
        *("2024-05-01T24:00:00Z", "2024-05-01T23:59:60Z", "2024-02-30T00:00:00Z"),
        *("2024-05-01T12:30:00.Z", "2024-05-01T12:30:00+2:00", "2024-05-01T12:30:00+24:00"),
        *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00Z"),
        *("\uff12024-05-01T12:30:00Z", "2024-05-01T12:30:00Z\n", "1714566600"),
    ],
)
def test_other_notations_and_times_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time"):
        parse_instant(text)


@pytest.mark.parametrize(
    "text", ["1899-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "3000-01-01T00:00:00Z"]
)
def test_instants_near_the_ends_of_what_can_be_stored_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1900 to 2999"):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT0S", timedelta()),
        ("PT1H", HOUR),
        ("P3D", timedelta(days=3)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("PT90M", timedelta(minutes=90)),
    ],
)
def test_durations_are_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "P",
            "PT",
            "P1DT",
            "P1",
            "PT1",
            "1H",
            "P1W",
            "P1M",
            "P1Y",
            "-PT1H",
            "PT-1H",
            "PT1.5H",
        ),
        *("pt1h", "PT1S1M", "PT1H ", "P999999999DT24H", "PT9999999999S"),
    ],
)
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)
