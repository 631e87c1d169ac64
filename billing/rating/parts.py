"""Where each definition of a price is in force in a period, and what a part of a fee comes to.
Pure.

Usage is cut at the exact instant, and only where its definition changes. Fees are cut by the basis
of the period's policy: at the local midnight that begins the date of a change, or at its instant.
Source: docs/periods-and-proration.md, "Changes in a period".
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from billing.rating.decisions import State
from billing.rating.facts import Part, PeriodFacts
from billing.rating.plan import PlanPrice
from billing.rating.proration import Basis, Share, Span, prorate, share
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import BillingPeriod
from billing.rating.terms import Terms
from billing.rating.timeline import Held
from neruba.money import Rounding, to_minor
from neruba.period import Interval, local_date, local_midnight

DAY = timedelta(days=1)

StateSpan = tuple[Interval, State]


def usage_parts(facts: PeriodFacts, terms: Terms) -> tuple[Part, ...]:
    """The usage prices of a period of their rhythm, each definition once, in order of its first
    instant, then of the plan. `terms` are those of a period without states of its own.
    """
    states = _states(facts, terms)
    return _parts(_exact(states, facts.period.end), facts, lambda state: state.bills_usage, _usage)


def fee_parts(facts: PeriodFacts, terms: Terms, billing: str) -> tuple[Part, ...]:
    """The fees of a period of their rhythm that are billed `in_advance` or `in_arrears`, each
    definition with its seats once, likewise.
    """
    states = list(fee_spans(facts, terms))
    return _parts(
        states,
        facts,
        lambda state: state.bills_fees,
        lambda price: price.is_fee and price.billing == billing,
    )


def fee_spans(facts: PeriodFacts, terms: Terms) -> Iterator[StateSpan]:
    """The states of a period as its fees follow them, without gap from its start on.

    Under `day` and `day_30` each from the midnight that begins the date of its decision, the last
    decision of a date alone; one that waits is left out, unless a later one that does not brings it
    along. Where a termination ends what is due and its day is inclusive, that day still counts.
    """
    kept = [one for place, one in enumerate(_states(facts, terms)) if place == 0 or not one.waits]
    marks = [one.start if place == 0 else _cut(facts, one) for place, one in enumerate(kept)]
    for place in range(1, len(kept)):
        if kept[place - 1].state.bills_fees and not kept[place].state.bills_fees:
            marks[place] = _last_day(facts, kept[place].start, kept[place].state.terms.zone)
    ends = [*marks[1:], end_of_fees(facts, kept[-1].state.terms.zone)]
    reached = facts.period.start
    for one, start, end in zip(kept, marks, ends, strict=True):
        if max(start, reached) < end:
            yield Interval(max(start, reached), end), one.state
            reached = end


def share_of(facts: PeriodFacts, rhythm: Rhythm, part: Interval, zone: str) -> Share:
    """Which part of its whole period an interval of it is, by the period's policy."""
    period = facts.period
    return share(
        _span(period, part, zone), period.whole, basis=basis_of_period(facts), rhythm=rhythm
    )


def basis_of_period(facts: PeriodFacts) -> Basis:
    return facts.policy.proration_basis  # type: ignore[return-value]


def part_minor(
    amount: Decimal | Fraction, part: Share, *, before: int, currency: str, rounding: Rounding
) -> int:
    """What a part of a fee comes to in minor units: the rounded amount of all its parts so far,
    less that of the ones `before` it (of the same denominator). So the parts of an amount sum to
    it, however it is cut.
    """
    upto = Share(min(before + part.numerator, part.denominator), part.denominator, part.unit)
    minor = to_minor(prorate(amount, upto), currency, rounding)
    if not before:
        return minor
    earlier = Share(before, part.denominator, part.unit)
    return minor - to_minor(prorate(amount, earlier), currency, rounding)


def without(interval: Interval, others: Iterable[Interval]) -> list[Interval]:
    """What is left of an interval without the others, in order."""
    left = [interval]
    for other in sorted(others, key=lambda one: one.start):
        left = [piece for one in left for piece in _difference(one, other)]
    return left


def _difference(one: Interval, other: Interval) -> Iterator[Interval]:
    if one.start < min(other.start, one.end):
        yield Interval(one.start, min(other.start, one.end))
    if max(other.end, one.start) < one.end:
        yield Interval(max(other.end, one.start), one.end)


def _usage(price: PlanPrice) -> bool:
    return price.kind == "usage"


def _states(facts: PeriodFacts, terms: Terms) -> Sequence[Held]:
    return facts.held or (Held(facts.period.start, State(terms)),)


def _exact(states: Sequence[Held], end: datetime) -> list[StateSpan]:
    ends = [*(one.start for one in states[1:]), end]
    return [
        (Interval(one.start, until), one.state)
        for one, until in zip(states, ends, strict=True)
        if one.start < until
    ]


def _cut(facts: PeriodFacts, one: Held) -> datetime:
    return cut_of_fees(facts, one.start, one.state.terms.zone)


def cut_of_fees(facts: PeriodFacts, at: datetime, zone: str) -> datetime:
    """Where the fees of a period follow a decision at an instant."""
    if basis_of_period(facts) == "second":
        return at
    return max(facts.period.start, local_midnight(local_date(at, zone), zone))


def _last_day(facts: PeriodFacts, at: datetime, zone: str) -> datetime:
    """Where a termination at an instant ends what is due."""
    if basis_of_period(facts) == "second":
        return at
    day = local_date(at, zone)
    if facts.policy.termination_day == "inclusive":
        return min(local_midnight(day + DAY, zone), facts.period.whole.end)
    return max(facts.period.start, local_midnight(day, zone))


def end_of_fees(facts: PeriodFacts, zone: str) -> datetime:
    """Where what is due in proportion ends in a period: the day of a termination may count."""
    period = facts.period
    if period.whole_end is None or basis_of_period(facts) == "second":
        return period.end
    if facts.is_terminated:
        return _last_day(facts, period.end, zone)
    return max(period.start, local_midnight(local_date(period.end, zone), zone))


@dataclass(slots=True)
class _Growing:
    """A definition whose spans are being gathered."""

    price: PlanPrice
    terms: Terms
    seats: Decimal | None
    spans: list[Interval]


def _parts(
    states: Sequence[StateSpan],
    facts: PeriodFacts,
    is_due: Callable[[State], bool],
    is_wanted: Callable[[PlanPrice], bool],
) -> tuple[Part, ...]:
    found: list[_Growing] = []
    for interval, state in states:
        if not is_due(state):
            continue
        for price in state.terms.prices:
            is_of = facts.rhythm in ("", state.terms.rhythm_of(price).code)
            if not is_of or not is_wanted(price):
                continue
            seats = state.terms.quantities[price.code] if price.kind == "seat" else None
            _grow(found, interval, state, price, seats)
    return tuple(Part(one.price, one.terms, tuple(one.spans), one.seats) for one in found)


def _grow(
    found: list[_Growing],
    interval: Interval,
    state: State,
    price: PlanPrice,
    seats: Decimal | None,
) -> None:
    for one in found:
        if one.price == price and one.seats == seats:
            if one.spans[-1].end == interval.start:
                one.spans[-1] = Interval(one.spans[-1].start, interval.end)
            else:
                one.spans.append(interval)
            return
    found.append(_Growing(price, state.terms, seats, [interval]))


def _span(period: BillingPeriod, part: Interval, zone: str) -> Span:
    """An interval of a period with its local dates, at its edges those of the period."""
    whole = period.whole
    return Span(
        part.start,
        part.end,
        period.starts_on if part.start == period.start else local_date(part.start, zone),
        whole.ends_on if part.end == whole.end else local_date(part.end, zone),
    )
