"""One price for each unit, after the free ones.

Law: amount(q) = max(q - `free_units`, 0) x `unit_amount`. With 100 free units at 2 each, 150.5
units cost 50.5 x 2 = 101.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.rating.definition import read_amount, read_quantity, refuse_unknown
from billing.rating.numbers import Number, multiply, subtract
from billing.rating.price import Rated, Step
from billing.rating.quantity import quantity_model, reach
from billing.rating.words import free_step, negative_step, units_in_words
from neruba.decimals import ZERO, plain

FIELDS = frozenset({"unit_amount", "free_units"})


@dataclass(frozen=True, slots=True)
class PerUnit:
    """`unit_amount` >= 0 in major units, up to 12 decimals; `free_units` >= 0 in each period."""

    unit_amount: Decimal
    free_units: Decimal

    def definition(self) -> dict[str, object]:
        return {
            "model": "per_unit",
            "unit_amount": plain(self.unit_amount),
            "free_units": plain(self.free_units),
        }


def parse(definition: Mapping[str, object]) -> PerUnit:
    """Read `unit_amount`, which is required, and `free_units` (0). Raises PriceError."""
    refuse_unknown(definition, FIELDS)
    return PerUnit(
        unit_amount=read_amount(definition, "unit_amount"),
        free_units=read_quantity(definition, "free_units", default="0"),
    )


def rate(params: PerUnit, /, *, before: Number | None, more: Number) -> Rated:
    """Price `more` units when `before` units of the period are already rated.

    The period's first units are free, so the free ones that are left come first. A negative
    quantity rates as zero. Parts sum: rate(None, a) + rate(a, b) == rate(None, a + b) for a, b >=
    0. Source: docs/pricing.md, "per_unit".
    """
    if more < 0:
        return Rated.of(negative_step(more))
    start, end = reach(before, more)
    free_until = min(end, max(start, params.free_units))
    steps: list[Step] = []
    free = subtract(free_until, start)
    if free:
        steps.append(free_step(free, params.free_units))
    paid = subtract(end, free_until)
    if paid or not free:
        steps.append(
            Step(
                quantity=paid,
                unit_amount=params.unit_amount,
                flat_amount=ZERO,
                amount=multiply(paid, params.unit_amount),
                say=units_in_words,
                about=(paid, free_until, params.unit_amount),
            )
        )
    return Rated.of(*steps)


MODEL = quantity_model(name="per_unit", version=1, fields=FIELDS, parse=parse, rate=rate)
