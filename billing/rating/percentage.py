"""A share of the money that passes, event by event in order of time.

Law: each paid event costs value x `rate_percent` / 100 + `fixed_fee`, held between `min_per_event`
and `max_per_event`. First come the free ones: `free_events` of them, or `free_amount` of money,
whichever is used up first; the event that crosses `free_amount` pays the rate on the part above it
and its whole fixed fee. With 5 % and 1 an event after 120 free, events of 100, 10, 20 and 20 cost
0, 0, 10 x 5 % + 1 = 1.5 and 20 x 5 % + 1 = 2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from billing.rating.definition import (
    HUNDREDTH,
    percent_text,
    read_amount,
    read_count,
    read_optional_amount,
    read_percent,
    refuse_unknown,
)
from billing.rating.price import Measured, PriceError, PriceModel, Rated, Step
from billing.rating.words import counted, percent_in_words, spoken
from neruba.decimals import ZERO, add, multiply, plain, subtract

FIELDS = frozenset(
    {
        "rate_percent",
        "fixed_fee",
        "free_events",
        "free_amount",
        "min_per_event",
        "max_per_event",
    }
)


@dataclass(frozen=True, slots=True)
class Percentage:
    """`share` from 0 to 1 of the money; amounts >= 0 in major units; None: there is no such rule.

    An allowance of 0 events or of 0 money is none, and does not end the other one.
    """

    share: Decimal
    fixed_fee: Decimal
    free_events: int | None
    free_amount: Decimal | None
    min_per_event: Decimal | None
    max_per_event: Decimal | None

    def definition(self) -> dict[str, object]:
        return {
            "model": "percentage",
            "rate_percent": percent_text(self.share),
            "fixed_fee": plain(self.fixed_fee),
            "free_events": self.free_events,
            "free_amount": _optional(self.free_amount),
            "min_per_event": _optional(self.min_per_event),
            "max_per_event": _optional(self.max_per_event),
        }


@dataclass(frozen=True, slots=True)
class Passed:
    """So many events, and the money of them."""

    events: int = 0
    amount: Decimal = ZERO

    def plus(self, other: "Passed") -> "Passed":
        return Passed(self.events + other.events, add(self.amount, other.amount))


NOTHING = Passed()


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the events of a period.

    `free` has the money of the allowance that was used, also by the event that crossed it, which
    counts among those that paid. `rated` paid by the rate; the two next would have paid less than
    the minimum, or more than the maximum. Of `negative` nothing was taken.
    """

    free: Passed = NOTHING
    rated: Passed = NOTHING
    at_minimum: Passed = NOTHING
    at_maximum: Passed = NOTHING
    negative: Passed = NOTHING


PARTS = tuple(field.name for field in fields(Tally))


def parse(definition: Mapping[str, object]) -> Percentage:
    """Read `rate_percent` (0 to 100), which is required, `fixed_fee` (0), and `free_events`,
    `free_amount`, `min_per_event`, `max_per_event` (null). Raises PriceError.
    """
    refuse_unknown(definition, FIELDS)
    least = read_optional_amount(definition, "min_per_event")
    most = read_optional_amount(definition, "max_per_event")
    if least is not None and most is not None and most < least:
        raise PriceError(
            "/max_per_event",
            "below_minimum",
            f"the maximum is at least the minimum, {plain(least)}",
        )
    return Percentage(
        share=multiply(read_percent(definition, "rate_percent"), HUNDREDTH),
        fixed_fee=read_amount(definition, "fixed_fee", default="0"),
        free_events=read_count(definition, "free_events") or None,
        free_amount=read_optional_amount(definition, "free_amount") or None,
        min_per_event=least,
        max_per_event=most,
    )


def use(params: Percentage, measured: Measured, after: Tally | None) -> Tally:
    """Tally the events, in their order, when those of `after` came before them."""
    free = NOTHING if after is None else after.free
    free_events, free_amount = free.events, free.amount
    sorts: dict[str, tuple[int, Decimal]] = {}

    def count(sort: str, value: Decimal) -> None:
        events, amount = sorts.get(sort, (0, ZERO))
        sorts[sort] = (events + 1, add(amount, value))

    def is_free() -> bool:
        if params.free_events is None and params.free_amount is None:
            return False
        return (params.free_events is None or free_events < params.free_events) and (
            params.free_amount is None or free_amount < params.free_amount
        )

    for value in measured.values:
        if value < 0:
            count("negative", value)
            continue
        paid = value
        if is_free():
            left = None if params.free_amount is None else subtract(params.free_amount, free_amount)
            taken = value if left is None else min(value, left)
            free_amount = add(free_amount, taken)
            paid = subtract(value, taken)
            if not paid:
                free_events += 1
                continue
        count(_sort(params, paid), paid)
    sorts["free"] = (free_events - free.events, subtract(free_amount, free.amount))
    return Tally(**{sort: Passed(*both) for sort, both in sorts.items()})


def join(first: Tally, second: Tally) -> Tally:
    """The tally of all events, the second one of which was made after the first."""
    return Tally(**{name: getattr(first, name).plus(getattr(second, name)) for name in PARTS})


def evidence(_: Percentage, tally: Tally) -> dict[str, Any]:
    """What there was, by sort: the number of events and their money."""
    found = ((name, getattr(tally, name)) for name in PARTS)
    return {
        "tally": {
            name: {"events": passed.events, "amount": plain(passed.amount)}
            for name, passed in found
            if passed != NOTHING
        }
    }


def read(_: Percentage, usage: Mapping[str, Any]) -> Tally:
    """Read what `evidence` wrote."""
    return Tally(
        **{
            name: Passed(passed["events"], Decimal(passed["amount"]))
            for name, passed in usage["tally"].items()
        }
    )


def rate(params: Percentage, /, *, before: Tally | None, more: Tally) -> Rated:
    """Price a tally; what came before it is in it already: the allowance that was left.

    Returns a step for each sort of events. Parts sum: rate(None, a) + rate(a, b) == rate(None, a
    and b joined). Source: docs/pricing.md, "percentage".
    """
    steps = []
    if more.negative.events:
        steps.append(_zero(_negative, more.negative))
    if more.free != NOTHING:
        steps.append(_zero(_free, more.free, quantity=more.free.amount))
    if more.rated.events or not (steps or more.at_minimum.events or more.at_maximum.events):
        flat = multiply(params.fixed_fee, Decimal(more.rated.events))
        steps.append(
            Step(
                quantity=more.rated.amount,
                unit_amount=params.share,
                flat_amount=flat,
                amount=add(multiply(more.rated.amount, params.share), flat),
                say=_rated,
                about=(more.rated, params),
            )
        )
    for passed, bound, name in (
        (more.at_minimum, params.min_per_event, "minimum"),
        (more.at_maximum, params.max_per_event, "maximum"),
    ):
        if passed.events and bound is not None:
            number = Decimal(passed.events)
            steps.append(
                Step(
                    quantity=number,
                    unit_amount=bound,
                    flat_amount=ZERO,
                    amount=multiply(number, bound),
                    say=_bounded,
                    about=(passed, bound, name),
                )
            )
    return Rated.of(*steps)


def convert(_: object, before: Tally | None, more: Tally) -> tuple[Tally | None, Tally]:
    """A transform is of each event's value, before the tally."""
    return before, more


def _sort(params: Percentage, paid: Decimal) -> str:
    least, most = params.min_per_event, params.max_per_event
    if least is None and most is None:
        return "rated"
    price = add(multiply(paid, params.share), params.fixed_fee)
    if least is not None and price < least:
        return "at_minimum"
    return "at_maximum" if most is not None and price > most else "rated"


def _zero(say: Callable[[Passed], str], passed: Passed, quantity: Decimal = ZERO) -> Step:
    return Step(
        quantity=quantity,
        unit_amount=ZERO,
        flat_amount=ZERO,
        amount=ZERO,
        say=say,
        about=(passed,),
    )


def _events(passed: Passed) -> str:
    return counted(passed.events, "event")


def _negative(passed: Passed) -> str:
    return f"nothing of {_events(passed)} below zero, {spoken(passed.amount)} in all"


def _free(passed: Passed) -> str:
    return f"the free {spoken(passed.amount)}, with {_events(passed)} wholly free"


def _rated(passed: Passed, params: Percentage) -> str:
    text = f"{percent_in_words(passed.amount, share=params.share)}, in {_events(passed)}"
    return f"{text}, plus {spoken(params.fixed_fee)} for each" if params.fixed_fee else text


def _bounded(passed: Passed, bound: Decimal, name: str) -> str:
    return f"{_events(passed)} at the {name} of {spoken(bound)} each, for {spoken(passed.amount)}"


def _optional(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


MODEL = PriceModel(
    name="percentage",
    version=1,
    fields=FIELDS,
    parse=parse,
    use=use,
    evidence=evidence,
    read=read,
    join=join,
    convert=convert,
    rate=rate,
    reads="events",
)
