"""The calculator of proration for any period of any schedule, however it is cut."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from billing.rating.prorating import months_between, prorate_request
from billing.rating.proration import Span, prorate, share
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import BillingPeriod, Schedule
from neruba.decimals import plain
from neruba.money import Money, Rounding, to_minor
from neruba.period import Interval, rfc3339
from tests.properties.test_period_laws import bases, instants, schedules, zones

MICROSECOND = timedelta(microseconds=1)
amounts = st.decimals(Decimal(-(10**9)), Decimal(10**9), places=12)
roundings = st.sampled_from(list[Rounding](["half_up", "half_even"]))
currencies = st.sampled_from(["USD", "JPY", "KWD"])
places = st.fractions(0, 1)
numbers = st.integers(0, 40)
# Billed on days that not every month has, where months of thirty days are hardest.
late_in_months = st.builds(
    Schedule,
    st.builds(Rhythm, st.just("month"), st.integers(1, 14)),
    st.just("calendar"),
    zones,
    instants,
    bases,
    st.integers(28, 31),
)


@st.composite
def billed(draw: st.DrawFn) -> tuple[Schedule, BillingPeriod]:
    """A schedule and one of its periods. Weeks and days are no months of thirty days."""
    schedule = draw(schedules() | late_in_months)
    assume(schedule.basis != "day_30" or schedule.rhythm.months is not None)
    return schedule, schedule.period(draw(numbers))


def request_of(
    schedule: Schedule, period: BillingPeriod, start: datetime, end: datetime, **more: Any
) -> dict[str, Any]:
    return {
        "amount": "1",
        "currency": "USD",
        "period": {"start": rfc3339(period.whole_start), "end": rfc3339(period.end)},
        "part": {"start": rfc3339(start), "end": rfc3339(end)},
        "basis": schedule.basis,
        "timezone": schedule.zone,
        **more,
    }


def inside(start: datetime, end: datetime, place: Fraction) -> datetime:
    return start + int((end - start) // MICROSECOND * place) * MICROSECOND


@given(billed(), amounts, currencies, roundings, st.lists(places, max_size=6))
def test_the_parts_of_an_amount_sum_to_it_to_the_cent_however_a_period_is_cut(
    of: tuple[Schedule, BillingPeriod],
    amount: Decimal,
    currency: str,
    rounding: Rounding,
    cuts: list[Fraction],
) -> None:
    schedule, period = of
    ends = sorted(inside(period.whole_start, period.end, cut) for cut in cuts)
    terms = {"amount": plain(amount), "currency": currency, "rounding": rounding}
    due = [Money(0, currency)]
    rest = []
    for end in (*ends, period.end):
        asked = request_of(schedule, period, period.whole_start, end, **terms)
        answer = prorate_request(asked)
        due.append(Money.parse(answer["amount"], currency))
        rest.append(Money.parse(answer["complement"], currency))
    whole = Money(to_minor(amount, currency, rounding), currency)
    parts = [later - sooner for sooner, later in pairwise(due)]

    assert sum(part.minor for part in parts) == whole.minor
    # What comes later is never taken back from what came before.
    assert all(part.minor * (-1 if amount < 0 else 1) >= 0 for part in parts)
    assert all(used + left == whole for used, left in zip(due[1:], rest, strict=True))


@given(billed(), amounts, roundings, st.tuples(places, places), st.booleans())
def test_the_answer_is_what_an_invoice_of_that_schedule_would_say(
    of: tuple[Schedule, BillingPeriod],
    amount: Decimal,
    rounding: Rounding,
    bounds: tuple[Fraction, Fraction],
    inclusive: bool,  # noqa: FBT001
) -> None:
    schedule, period = of
    start, end = sorted(inside(period.start, period.end, place) for place in bounds)
    used = share(
        Span.of(Interval(start, end), schedule.zone),
        period.whole,
        basis=schedule.basis,
        rhythm=schedule.rhythm,
        termination_day="inclusive" if inclusive else "exclusive",
    )
    terms = {"amount": plain(amount), "rounding": rounding, "termination": inclusive}
    answer = prorate_request(request_of(schedule, period, start, end, **terms))
    assert (answer["numerator"], answer["denominator"], answer["unit"]) == (
        used.numerator,
        used.denominator,
        used.unit,
    )
    minor = to_minor(prorate(amount, used), "USD", rounding)
    assert answer["amount"] == Money(minor, "USD").amount


@given(schedules() | late_in_months, numbers)
def test_a_period_says_how_many_months_its_rhythm_has(schedule: Schedule, number: int) -> None:
    assume(schedule.rhythm.months is not None)
    period = schedule.period(number)
    assert months_between(period.whole_starts_on, period.ends_on) == schedule.rhythm.months


@given(billed(), places)
def test_a_day_of_termination_adds_no_more_than_a_day(
    of: tuple[Schedule, BillingPeriod], place: Fraction
) -> None:
    schedule, period = of
    end = inside(period.whole_start, period.end, place)
    asked = request_of(schedule, period, period.whole_start, end)
    without, counted = (
        prorate_request({**asked, "termination": flag})["numerator"] for flag in (False, True)
    )
    if schedule.basis == "second":
        assert counted == without
    elif schedule.basis == "day":
        assert without <= counted <= without + 1
    else:
        # The last date of February stands for up to three of the thirty days.
        assert without <= counted <= without + 3
