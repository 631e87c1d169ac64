"""Each unit at the price of the tier that it falls in."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from billing.rating.definition import read_amount, read_boolean, read_quantity, refuse_unknown
from billing.rating.numbers import Number, add, multiply, subtract
from billing.rating.price import PriceError, Rated, Step
from billing.rating.quantity import quantity_model, reach
from billing.rating.words import negative_step, spoken, units_in_words
from neruba.decimals import ZERO, plain

FIELDS = frozenset({"tiers", "first_flat_at_zero"})
TIER_FIELDS = frozenset({"up_to", "unit_amount", "flat_amount"})


@dataclass(frozen=True, slots=True)
class Tier:
    """The units above the bound of the tier before, up to and including `up_to` (None: all others).

    Bounds are points on a line of real numbers: 100.5 lies above a bound of 100. Amounts are >= 0,
    in major units; `flat_amount` is due once in each period, when the first unit enters the tier.
    """

    up_to: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal

    def definition(self) -> dict[str, object]:
        return {
            "up_to": None if self.up_to is None else plain(self.up_to),
            "unit_amount": plain(self.unit_amount),
            "flat_amount": plain(self.flat_amount),
        }


@dataclass(frozen=True, slots=True)
class Graduated:
    """Tiers with ascending bounds, the last one open.

    With `first_flat_at_zero` the flat amount of the first tier is due also where nothing is used.
    """

    tiers: tuple[Tier, ...]
    first_flat_at_zero: bool

    def definition(self) -> dict[str, object]:
        return {
            "model": "graduated",
            "tiers": [tier.definition() for tier in self.tiers],
            "first_flat_at_zero": self.first_flat_at_zero,
        }


def parse(definition: Mapping[str, object]) -> Graduated:
    """Read `tiers`, which are required, and `first_flat_at_zero` (true). Raises PriceError.

    A tier needs `up_to` (null: open) and `unit_amount`; its `flat_amount` is 0 where it is left
    out.
    """
    refuse_unknown(definition, FIELDS)
    rows = definition.get("tiers")
    if rows is None:
        raise PriceError("/tiers", "required", "tiers are missing")
    if not isinstance(rows, list | tuple) or not rows:
        raise PriceError("/tiers", "not_tiers", "write a list of at least one tier")
    tiers = tuple(_parse_tier(row, f"/tiers/{index}") for index, row in enumerate(rows))
    floor = ZERO
    for index, tier in enumerate(tiers):
        place = f"/tiers/{index}/up_to"
        if index == len(tiers) - 1:
            if tier.up_to is not None:
                raise PriceError(place, "not_open", "the last tier is open: its up_to is null")
        elif tier.up_to is None:
            raise PriceError(place, "open_too_early", "only the last tier is open")
        elif tier.up_to <= floor:
            raise PriceError(
                place, "not_ascending", f"up_to is above {plain(floor)}, where the tier begins"
            )
        else:
            floor = tier.up_to
    return Graduated(
        tiers=tiers,
        first_flat_at_zero=read_boolean(definition, "first_flat_at_zero", default=True),
    )


def rate(params: Graduated, /, *, before: Number | None, more: Number) -> Rated:
    """Price `more` units when `before` units of the period are already rated.

    `before` is None for the first part of a period, with which the first flat amount is due. A
    negative quantity rates as zero. Returns a step for each tier touched, lowest first. Parts sum:
    rate(None, a) + rate(a, b) == rate(None, a + b) for a, b >= 0. Source: docs/pricing.md,
    "graduated".
    """
    steps = [negative_step(more)] if more < 0 else []
    start, end = reach(before, more)
    floor: Number = ZERO
    for index, tier in enumerate(params.tiers):
        ceiling = max(end, floor) if tier.up_to is None else tier.up_to
        low, high = max(start, floor), min(end, ceiling)
        units = max(subtract(high, low), ZERO)
        if index == 0 and params.first_flat_at_zero:
            entered = before is None
        else:
            entered = units > 0 and low == floor
        if units or entered:
            steps.append(_step(tier, units, above=low, flat=tier.flat_amount if entered else ZERO))
        floor = ceiling
    return Rated.of(*steps)


def _parse_tier(row: object, pointer: str) -> Tier:
    if not isinstance(row, Mapping):
        raise PriceError(pointer, "not_a_tier", "write a tier as an object")
    refuse_unknown(row, TIER_FIELDS, pointer)
    if "up_to" not in row:
        raise PriceError(f"{pointer}/up_to", "required", "up_to is missing; null means open")
    is_open = row["up_to"] is None
    return Tier(
        up_to=None if is_open else read_quantity(row, "up_to", pointer=pointer),
        unit_amount=read_amount(row, "unit_amount", pointer=pointer),
        flat_amount=read_amount(row, "flat_amount", default="0", pointer=pointer),
    )


def _step(tier: Tier, units: Number, *, above: Number, flat: Decimal) -> Step:
    return Step(
        quantity=units,
        unit_amount=tier.unit_amount,
        flat_amount=flat,
        amount=add(multiply(units, tier.unit_amount), flat),
        words=partial(_say, units, above, tier.unit_amount, flat),
    )


def _say(units: Number, above: Number, unit_amount: Decimal, flat: Decimal) -> str:
    text = units_in_words(units, above=above, unit_amount=unit_amount)
    return f"{text}, plus {spoken(flat)} for the tier" if flat else text


MODEL = quantity_model(name="graduated", version=1, fields=FIELDS, parse=parse, rate=rate)
