"""A price at quantities that show how it works: what somebody who writes one looks at. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from billing.rating.models import Price
from billing.rating.price import GroupUse, Measured, Rated, Scalar
from neruba.decimals import ZERO, add, multiply

ONE = Decimal(1)
TWO = Decimal(2)
TEN = Decimal(10)
# Where nothing in a price says which quantities matter.
HUNDRED = Decimal(100)
USUAL = (TEN, HUNDRED, Decimal(1000))
# Fields of a price whose value is a quantity at which its amount turns.
TURNS = ("free_units", "free_amount", "package_size")
CURVE_POINTS = 120
MAX_ROWS = 60
MAX_CELLS = 12
PACKAGES = 5
NOWHERE: Mapping[str, Scalar] = {}
# The largest quantity has 19 digits before its point and 9 after it.
NEAR = Context(prec=60)
PLACES = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class Sample:
    """A quantity and what it comes to. `parts` are the values of the events that it came in, `by`
    the properties of all of them; `is_own` where somebody asked for it by hand; `conversion` says
    what a transform makes of the quantity.
    """

    parts: tuple[Decimal, ...]
    by: Mapping[str, Scalar]
    rated: Rated
    is_own: bool = False
    conversion: str | None = None

    @property
    def quantity(self) -> Decimal:
        return add(ZERO, *self.parts)


def rate_parts(price: Price, parts: Sequence[Decimal], by: Mapping[str, Scalar] = NOWHERE) -> Rated:
    """Rate events of these values, all with these properties, as the whole usage of a period."""
    quantity = add(ZERO, *parts)
    groups = (GroupUse(by, quantity, len(parts)),) if price.reads == "groups" else ()
    values = tuple(parts) if price.reads == "events" else ()
    return price.rate(price.use(Measured(quantity, groups, values)))


def samples_of(price: Price, own: Iterable[tuple[Decimal, ...]] = ()) -> list[Sample]:
    """Nothing, one, each bound and one past it, ten times the last bound, and `own`, ascending.

    Each comes as `arriving` says, but for `own`, which says the values of its events. For a price
    that asks where something was used, in each cell, and elsewhere.
    """
    mine = set(own)
    wanted = {arriving(price, one) for one in _quantities(price)} | mine
    ordered = sorted(wanted, key=lambda parts: (add(ZERO, *parts), parts))
    return [
        Sample(parts, by, rate_parts(price, parts, by), parts in mine, _conversion(price, parts))
        for by in _places(price)
        for parts in ordered
    ]


def arriving(price: Price, quantity: Decimal) -> tuple[Decimal, ...]:
    """The values of the events in which a sample quantity comes: one, or for a price that goes
    event by event as many of the same size as it takes, the last one smaller.
    """
    if price.reads != "events":
        return (quantity,)
    size = event_size(price)
    whole, rest = NEAR.divmod(quantity, size)
    return (*(size for _ in range(int(whole))), *([rest] if rest or not whole else []))


def event_size(price: Price) -> Decimal:
    """How large the events of samples are: 100, or more where bounds are so large that it would
    take thousands of them.
    """
    last = max([*bounds_of(price), HUNDRED])
    return max(HUNDRED, Decimal(10) ** (last.adjusted() - 1))


def _conversion(price: Price, parts: Sequence[Decimal]) -> str | None:
    return price.conversion(add(ZERO, *parts)) if price.reads == "quantity" else None


def _quantities(price: Price) -> set[Decimal]:
    if price.reads == "groups":
        return {ONE, USUAL[1]}
    bounds = bounds_of(price)
    if not bounds:
        return {
            ZERO,
            ONE,
            *USUAL,
            *((multiply(USUAL[-1], TEN),) if price.reads == "events" else ()),
        }
    near = {quantity for bound in bounds[:MAX_ROWS] for quantity in (bound, add(bound, ONE))}
    return {ZERO, ONE, multiply(bounds[-1], TEN)} | near


def _places(price: Price) -> list[Mapping[str, Scalar]]:
    """Where something can be used so that it makes a difference: the cells, and none of them."""
    if price.reads != "groups":
        return [NOWHERE]
    definition: Mapping[str, Any] = price.definition()
    cells = definition.get("cells", ())[:MAX_CELLS]
    return [*(_first_values(cell["match"]) for cell in cells), NOWHERE]


def _first_values(match: Mapping[str, Any]) -> Mapping[str, Scalar]:
    """Properties that a cell matches: of several values the first."""
    return {name: one[0] if isinstance(one, list) else one for name, one in match.items()}


def curve_of(price: Price, upto: Decimal) -> list[tuple[Decimal, Rated]]:
    """What quantities from zero up to `upto` come to, in their order: evenly spread, and at each
    bound and right after it, so that a jump is seen as one.
    """
    step = NEAR.divide(upto, Decimal(CURVE_POINTS))
    right_after = NEAR.divide(step, Decimal(CURVE_POINTS))
    wanted = {NEAR.multiply(step, Decimal(index)) for index in range(CURVE_POINTS + 1)}
    for bound in (ZERO, *bounds_of(price)[:MAX_ROWS], *_packages(price)):
        wanted |= {bound, NEAR.add(bound, right_after)}
    asked = sorted({NEAR.quantize(one, PLACES) for one in wanted if one <= upto})
    return [(quantity, rate_parts(price, arriving(price, quantity))) for quantity in asked]


def curve_end(price: Price, samples: Sequence[Sample]) -> Decimal:
    """How far a chart goes: twice the last bound, or to the largest quantity asked for by hand.

    What was asked for in events of other sizes than the samples' lies on no line of theirs.
    """
    bounds = bounds_of(price)
    last = max([multiply(bounds[-1], TWO) if bounds else USUAL[-1], *_packages(price)])
    if price.reads == "events":
        return last
    return max([last, *(sample.quantity for sample in samples if sample.is_own)])


def bounds_of(price: Price) -> list[Decimal]:
    """The quantities above zero at which the price turns, ascending, as the meter counts them."""
    definition = price.definition()
    found = {bound for bound in _bounds(definition) if bound > 0}
    return sorted(before_transform(bound, definition.get("transform")) for bound in found)


def _packages(price: Price) -> list[Decimal]:
    """Where the first packages of a price by packages end."""
    definition = price.definition()
    size = definition.get("package_size")
    if size is None:
        return []
    free = Decimal(str(definition.get("free_units") or 0))
    ends = (add(free, multiply(Decimal(str(size)), Decimal(n))) for n in range(1, PACKAGES + 1))
    return [before_transform(end, definition.get("transform")) for end in ends]


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
