"""A price at quantities that show how it works: what somebody who writes one looks at. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from billing.rating.models import Price
from billing.rating.price import GroupUse, Measured, Rated
from neruba.decimals import ZERO, add, multiply

ONE = Decimal(1)
TEN = Decimal(10)
# Where nothing in a price says which quantities matter.
USUAL = (Decimal(10), Decimal(100), Decimal(1000))
# Fields of a price whose value is a quantity at which its amount turns.
TURNS = ("free_units", "free_events", "package_size")
CURVE_POINTS = 120
MAX_ROWS = 60
# The largest quantity has 19 digits before its point and 9 after it.
NEAR = Context(prec=60)
PLACES = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class Sample:
    """A quantity and what it comes to; `is_own` where somebody asked for it by hand."""

    quantity: Decimal
    rated: Rated
    is_own: bool = False


def measured_of(price: Price, quantity: Decimal) -> Measured:
    """What a meter would say of a quantity that came in one event of no properties."""
    groups = (GroupUse({}, quantity, 1),) if price.reads == "groups" else ()
    return Measured(quantity, groups, (quantity,) if price.reads == "events" else ())


def rate_quantity(price: Price, quantity: Decimal) -> Rated:
    """Rate a quantity as the whole usage of a period."""
    return price.rate(price.use(measured_of(price, quantity)))


def samples_of(price: Price, own: Iterable[Decimal] = ()) -> list[Sample]:
    """Nothing, one, each bound and one past it, ten times the last bound, and `own`, ascending."""
    bounds, mine = bounds_of(price), set(own)
    wanted = {ZERO, ONE}
    for bound in bounds[:MAX_ROWS]:
        wanted |= {bound, add(bound, ONE)}
    if bounds:
        wanted.add(multiply(bounds[-1], TEN))
    else:
        wanted |= set(USUAL)
    return [
        Sample(quantity, rate_quantity(price, quantity), quantity in mine)
        for quantity in sorted(wanted | mine)
    ]


def curve_of(price: Price, upto: Decimal) -> list[tuple[Decimal, Rated]]:
    """What quantities from zero up to `upto` come to, in their order: evenly spread, and at each
    bound and right after it, so that a jump is seen as one.
    """
    step = NEAR.divide(upto, Decimal(CURVE_POINTS))
    right_after = NEAR.divide(step, Decimal(CURVE_POINTS))
    wanted = {NEAR.multiply(step, Decimal(index)) for index in range(CURVE_POINTS + 1)}
    for bound in (ZERO, *bounds_of(price)[:MAX_ROWS]):
        wanted |= {bound, NEAR.add(bound, right_after)}
    asked = sorted({NEAR.quantize(one, PLACES) for one in wanted if one <= upto})
    return [(quantity, rate_quantity(price, quantity)) for quantity in asked]


def curve_end(price: Price, samples: Sequence[Sample]) -> Decimal:
    """How far a chart goes: twice the last bound, or to the largest quantity asked for by hand."""
    bounds = bounds_of(price)
    last = multiply(bounds[-1], Decimal(2)) if bounds else USUAL[-1]
    return max([last, *(sample.quantity for sample in samples if sample.is_own)])


def bounds_of(price: Price) -> list[Decimal]:
    """The quantities above zero at which the price turns, ascending, as the meter counts them."""
    definition = price.definition()
    found = {bound for bound in _bounds(definition) if bound > 0}
    return sorted(before_transform(bound, definition.get("transform")) for bound in found)


def before_transform(bound: Decimal, transform: Any) -> Decimal:
    """The quantity that becomes `bound` by the transform of a definition; where that is no decimal,
    one near it.
    """
    if not isinstance(transform, Mapping):
        return bound
    if transform.get("divide_by"):
        return multiply(bound, Decimal(str(transform["divide_by"])))
    if transform.get("multiply_by"):
        near = NEAR.divide(bound, Decimal(str(transform["multiply_by"])))
        return NEAR.quantize(near, PLACES)
    return bound


def _bounds(definition: Mapping[str, Any]) -> Iterator[Decimal]:
    for name in TURNS:
        if definition.get(name):
            yield Decimal(str(definition[name]))
    for tier in definition.get("tiers", ()):
        if tier.get("up_to") is not None:
            yield Decimal(tier["up_to"])
