"""Tiers: quantities between bounds, each with a price of its own. What tiered models share.

A tier prices its units one by one, or by packages that are begun: 21 units in packages of 10 are 3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.rating.definition import (
    read_amount,
    read_boolean,
    read_positive,
    read_quantity,
    refuse_unknown,
)
from billing.rating.numbers import Number, add, multiply, packages, subtract
from billing.rating.price import PriceError, Step
from billing.rating.quantity import reach
from billing.rating.words import (
    free_step,
    negative_step,
    packages_in_words,
    spoken,
    units_in_words,
)
from neruba.decimals import ZERO, plain

FIELDS = frozenset({"tiers", "first_flat_at_zero", "free_units"})
TIER_FIELDS = frozenset({"up_to", "unit_amount", "flat_amount", "package_size", "package_amount"})
PACKAGE_FIELDS = ("package_size", "package_amount")


@dataclass(frozen=True, slots=True)
class Tier:
    """The units above the bound of the tier before, up to and including `up_to` (None: all others).

    Bounds are points on a line of real numbers: 100.5 lies above a bound of 100. Amounts are >= 0,
    in major units; `unit_amount` is for a package where there is a `package_size` > 0.
    """

    up_to: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal
    package_size: Decimal | None = None

    def counted(self, units: Number) -> Number:
        """How many units, or packages begun, are priced for so many units of the tier."""
        return units if self.package_size is None else packages(units, self.package_size)

    def words(self, counted: Number, units: Number, above: Number | None, flat: Number) -> str:
        """Say what so many units, or packages for them, cost in this tier."""
        if self.package_size is None:
            text = units_in_words(units, above, self.unit_amount)
        else:
            text = packages_in_words(counted, units, above, self.package_size, self.unit_amount)
        return f"{text}, plus {spoken(flat)} for the tier" if flat else text

    def definition(self) -> dict[str, object]:
        price: dict[str, object] = {"unit_amount": plain(self.unit_amount)}
        if self.package_size is not None:
            price = {
                "package_size": plain(self.package_size),
                "package_amount": plain(self.unit_amount),
            }
        return {
            "up_to": None if self.up_to is None else plain(self.up_to),
            **price,
            "flat_amount": plain(self.flat_amount),
        }


@dataclass(frozen=True, slots=True)
class Tiered:
    """Tiers with ascending bounds, the last one open, and what is the same for all models of them.

    With `first_flat_at_zero` the flat amount of the first tier is due also where nothing is used.
    The first `free_units` >= 0 of a period are outside of the tiers.
    """

    tiers: tuple[Tier, ...]
    first_flat_at_zero: bool
    free_units: Decimal

    def definition(self, model: str) -> dict[str, object]:
        """The canonical definition under the name of a model."""
        free: dict[str, object] = {"free_units": plain(self.free_units)} if self.free_units else {}
        return {
            "model": model,
            "tiers": [tier.definition() for tier in self.tiers],
            "first_flat_at_zero": self.first_flat_at_zero,
            **free,
        }

    def paid(self, start: Number, end: Number) -> tuple[Number, Number, list[Step]]:
        """The part of a stretch above the free units, counted from there, and the step of those
        that are free.
        """
        if not self.free_units:
            return start, end, []
        free = subtract(min(end, self.free_units), min(start, self.free_units))
        steps = [free_step(free, self.free_units)] if free else []
        return above(start, self.free_units), above(end, self.free_units), steps


def above(quantity: Number, bound: Number) -> Number:
    """How far a quantity lies above a bound; below it 0."""
    return subtract(quantity, bound) if quantity > bound else ZERO


def graduated_steps(params: Tiered, *, before: Number | None, more: Number) -> list[Step]:
    """Price `more` units, each in its own tier, when `before` are already rated.

    `before` is None for the first part of a period, with which the first flat amount is due; the
    flat amount of any other tier is due as its first unit enters. Packages are counted tier by
    tier, from the bound below it. Returns a step for each tier touched, lowest first.
    """
    negative = [negative_step(more)] if more < 0 else []
    start, end, steps = params.paid(*reach(before, more))
    floor: Number = ZERO
    for index, tier in enumerate(params.tiers):
        ceiling = end if tier.up_to is None else tier.up_to
        if index and ceiling <= start:
            floor = ceiling
            continue
        low, high = max(start, floor), min(end, ceiling)
        units = above(high, low)
        if index == 0 and params.first_flat_at_zero:
            entered = before is None
        else:
            entered = units > 0 and low == floor
        if units or entered:
            flat = tier.flat_amount if entered else ZERO
            counted = units
            if tier.package_size is not None:
                counted = subtract(
                    tier.counted(above(high, floor)), tier.counted(above(low, floor))
                )
            amount = multiply(counted, tier.unit_amount)
            steps.append(
                Step(
                    quantity=counted,
                    unit_amount=tier.unit_amount,
                    flat_amount=flat,
                    amount=add(amount, flat) if flat else amount,
                    say=_say,
                    about=(tier, counted, units, low, flat),
                )
            )
        if ceiling >= end:
            break
        floor = ceiling
    return negative + steps


def _say(tier: Tier, *about: Any) -> str:
    return tier.words(*about)


def parse_tiered(
    definition: Mapping[str, object], parse_tier: Callable[[Mapping[str, object], str], Tier]
) -> Tiered:
    """Read `tiers`, which are required, `first_flat_at_zero` (true) and `free_units` (0).

    Raises PriceError, also where the bounds of the tiers leave a gap or overlap.
    """
    return Tiered(
        tiers=parse_tiers(definition.get("tiers"), parse_tier),
        first_flat_at_zero=read_boolean(definition, "first_flat_at_zero", default=True),
        free_units=read_quantity(definition, "free_units", default="0"),
    )


def parse_tiers(
    rows: object, parse_tier: Callable[[Mapping[str, object], str], Tier]
) -> tuple[Tier, ...]:
    """Read a list of tiers and check that their bounds ascend to an open one. Raises PriceError."""
    if rows is None:
        raise PriceError("/tiers", "required", "tiers are missing")
    if not isinstance(rows, list | tuple) or not rows:
        raise PriceError("/tiers", "not_tiers", "write a list of at least one tier")
    tiers: list[Tier] = []
    for index, row in enumerate(rows):
        place = f"/tiers/{index}"
        if not isinstance(row, Mapping):
            raise PriceError(place, "not_a_tier", "write a tier as an object")
        tiers.append(parse_tier(row, place))
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
    return tuple(tiers)


def parse_tier(row: Mapping[str, object], pointer: str) -> Tier:
    """Read a tier: `up_to` (null: open), and `unit_amount`, or in its place `package_size` and
    `package_amount`; `flat_amount` is 0 where it is left out. Raises PriceError.
    """
    refuse_unknown(row, TIER_FIELDS, pointer)
    up_to = read_bound(row, pointer)
    size = None
    if any(row.get(name) is not None for name in PACKAGE_FIELDS):
        if row.get("unit_amount") is not None:
            raise PriceError(
                f"{pointer}/unit_amount", "conflict", "a tier is priced by units or by packages"
            )
        size = read_positive(row, "package_size", pointer=pointer)
    name = "unit_amount" if size is None else "package_amount"
    return Tier(
        up_to=up_to,
        unit_amount=read_amount(row, name, pointer=pointer),
        flat_amount=read_amount(row, "flat_amount", default="0", pointer=pointer),
        package_size=size,
    )


def read_bound(row: Mapping[str, object], pointer: str) -> Decimal | None:
    """Read `up_to`, which is required; null means open."""
    if "up_to" not in row:
        raise PriceError(f"{pointer}/up_to", "required", "up_to is missing; null means open")
    return None if row["up_to"] is None else read_quantity(row, "up_to", pointer=pointer)
