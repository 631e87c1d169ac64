from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from billing.rating.proration import Basis, Span, prorate, share
from billing.rating.rhythm import Anchor, IntervalUnit, Rhythm
from billing.rating.schedule import Schedule
from neruba.period import (
    Interval,
    _any_instant,
    day_interval,
    days_between,
    local_date,
    local_midnight,
    parse_instant,
    rfc3339,
)

MICROSECOND = timedelta(microseconds=1)
zones = st.sampled_from(
    [
        *("UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana"),
        *("Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"),
        *("Pacific/Kiritimati", "America/Scoresbysund", "Africa/Casablanca", "America/Asuncion"),
    ]
)
instants = st.datetimes(datetime(2012, 1, 2), datetime(2036, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
near_midnight = st.builds(
    lambda day, zone, offset: local_midnight(day, zone) + offset,
    st.dates(date(2012, 1, 2), date(2036, 1, 1)),
    zones,
    st.sampled_from([timedelta(), MICROSECOND, -MICROSECOND, timedelta(minutes=90)]),
)
units = st.sampled_from(list[IntervalUnit](["day", "week", "month", "year"]))
rhythms = st.builds(Rhythm, units, st.integers(1, 14))
bases = st.sampled_from(list[Basis](["day", "second", "day_30"]))
within_ten_years = st.timedeltas(timedelta(), timedelta(days=3653))
anchors = st.sampled_from(list[Anchor](["calendar", "anniversary"]))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    anchor = draw(anchors)
    billing_day = draw(st.none() | st.integers(1, 31)) if anchor == "calendar" else None
    start = draw(instants | near_midnight)
    return Schedule(draw(rhythms), anchor, draw(zones), start, draw(bases), billing_day)


@given(schedules(), st.just(timedelta()) | within_ten_years, st.integers(1, 30))
def test_periods_tile_time_without_gap_or_overlap(
    schedule: Schedule, later: timedelta, count: int
) -> None:
    first = schedule.number_at(schedule.start + later)
    periods = [schedule.period(number) for number in range(first, first + count)]
    assert schedule.period(0).start == schedule.start
    for period, following in pairwise(periods):
        assert (period.end, period.ends_on) == (following.start, following.starts_on)
    for period in periods:
        assert period.start < period.end
        assert period.whole_starts_on <= period.starts_on < period.ends_on
        assert period.whole_start <= period.start
        assert local_date(period.start, schedule.zone) == period.starts_on
        assert local_date(period.end, schedule.zone) == period.ends_on


@given(schedules(), st.integers(0, 60))
def test_a_boundary_does_not_depend_on_the_ones_before(schedule: Schedule, number: int) -> None:
    period = schedule.period(number)
    assert schedule.number_at(period.start) == number
    assert schedule.number_at(period.end - MICROSECOND) == number
    again = Schedule(
        schedule.rhythm,
        schedule.anchor,
        schedule.zone,
        schedule.start,
        schedule.basis,
        schedule.billing_day,
    )
    assert again.period(number) == period


@given(schedules(), st.timedeltas(timedelta(), timedelta(days=8000)))
def test_every_instant_lies_in_the_period_that_it_is_said_to(
    schedule: Schedule, later: timedelta
) -> None:
    instant = schedule.start + later
    assert instant in schedule.period(schedule.number_at(instant)).interval


@given(schedules(), st.integers(0, 20), st.lists(st.fractions(0, 1), max_size=5))
def test_shares_of_adjoining_parts_add_up(
    schedule: Schedule, number: int, cuts: list[Fraction]
) -> None:
    assume(schedule.basis != "day_30")
    period = schedule.period(number)
    length = (period.end - period.start) // MICROSECOND
    inner = sorted(period.start + int(length * cut) * MICROSECOND for cut in cuts)
    bounds = [period.start, *inner, period.end]
    parts = [Span.of(Interval(*pair), schedule.zone) for pair in pairwise(bounds)]
    amount = Decimal("19.95")

    def due(part: Span) -> Fraction:
        used = share(part, period.whole, basis=schedule.basis, rhythm=schedule.rhythm)
        return prorate(amount, used)

    assert sum(map(due, parts)) == due(period.span)
    if number:
        assert due(period.span) == Fraction(amount)


@given(schedules(), st.integers(0, 20), st.fractions(0, 1), st.booleans())
def test_a_share_lies_between_nothing_and_the_whole(
    schedule: Schedule,
    number: int,
    cut: Fraction,
    inclusive: bool,  # noqa: FBT001
) -> None:
    period = schedule.period(number)
    middle = period.start + int((period.end - period.start) // MICROSECOND * cut) * MICROSECOND
    used = share(
        Span.of(Interval(period.start, middle), schedule.zone),
        period.whole,
        basis=schedule.basis,
        rhythm=schedule.rhythm,
        termination_day="inclusive" if inclusive else "exclusive",
    )
    assert 0 <= used.numerator <= used.denominator


@given(instants, st.timedeltas(timedelta(), timedelta(days=60)), zones)
def test_days_tile_an_interval(start: datetime, length: timedelta, zone: str) -> None:
    end = start + length
    days = [day_interval(day, zone) for day in days_between(start, end, zone)]
    for day, following in pairwise(days):
        assert day.end == following.start
    if length:
        assert days[0].start <= start < days[0].end
        assert days[-1].start < end <= days[-1].end
    else:
        assert days == []


@given(st.dates(date(2012, 1, 2), date(2036, 1, 1)), zones)
def test_a_day_holds_exactly_the_instants_of_its_date(day: date, zone: str) -> None:
    hours = day_interval(day, zone)
    assert local_date(hours.start, zone) == day
    assert local_date(hours.start - MICROSECOND, zone) < day
    assert local_date(hours.end - MICROSECOND, zone) == day


@given(st.datetimes(datetime(1900, 1, 3), datetime(2999, 12, 30), timezones=st.timezones()))  # noqa: DTZ001
def test_an_instant_is_read_as_it_was_written(instant: datetime) -> None:
    utc = instant.astimezone(UTC)
    assert parse_instant(rfc3339(instant)) == utc
    assert rfc3339(parse_instant(rfc3339(utc))) == rfc3339(utc)


written = st.builds(
    "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}".format,
    st.sampled_from([0, 1899, 1900, 1970, 2024, 2026, 2999, 3000, 9999]),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from(["T", "T", "t", " "]),
    st.integers(0, 24),
    st.integers(0, 60),
    st.integers(0, 60),
    st.just("") | st.text("0123456789", max_size=8).map(".{}".format),
    st.sampled_from(["Z", "z", "+00:00", "-00:00", "+02:00", "-23:59", "+0000", "+00", ""]),
)


@given(written)
def test_an_instant_in_utc_is_read_fast_as_it_is_read_carefully(text: str) -> None:
    assert read_or_refusal(parse_instant, text) == read_or_refusal(_any_instant, text)


def read_or_refusal(read: Callable[[str], datetime], text: str) -> datetime | str:
    try:
        return read(text)
    except ValueError as error:
        return str(error)


@given(
    st.datetimes(
        datetime(2, 1, 1),  # noqa: DTZ001 - the zone is drawn apart
        datetime(9998, 1, 1),  # noqa: DTZ001
        timezones=st.builds(
            lambda seconds: timezone(timedelta(seconds=seconds)), st.integers(-86399, 86399)
        )
        | st.just(UTC),
    )
)
def test_an_instant_is_written_as_python_writes_it(instant: datetime) -> None:
    text = rfc3339(instant)
    assert text == f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat('T', 'microseconds')}Z"
