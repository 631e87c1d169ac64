"""Each unit at the price of the tier that it falls in.

Law: amount(q) = the sum over the tiers of the units in (bound below, up_to] x `unit_amount`, plus
the `flat_amount` of every tier entered. With up to 10 at 2 each plus 100, then 1 each, 15 units
cost 10 x 2 + 100 + 5 x 1 = 125.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from billing.rating.definition import refuse_unknown
from billing.rating.numbers import Number
from billing.rating.price import Rated
from billing.rating.quantity import quantity_model
from billing.rating.tiers import FIELDS, Tiered, graduated_steps, parse_tier, parse_tiered


@dataclass(frozen=True, slots=True)
class Graduated:
    tiered: Tiered

    def definition(self) -> dict[str, object]:
        return self.tiered.definition("graduated")


def parse(definition: Mapping[str, object]) -> Graduated:
    """Read `tiers`, `first_flat_at_zero` (true) and `free_units` (0). Raises PriceError."""
    refuse_unknown(definition, FIELDS)
    return Graduated(parse_tiered(definition, parse_tier))


def rate(params: Graduated, /, *, before: Number | None, more: Number) -> Rated:
    """Price `more` units when `before` units of the period are already rated.

    `before` is None for the first part of a period, with which the first flat amount is due. A
    negative quantity rates as zero. Returns a step for each tier touched, lowest first. Parts sum:
    rate(None, a) + rate(a, b) == rate(None, a + b) for a, b >= 0. Source: docs/pricing.md,
    "graduated".
    """
    return Rated.of(*graduated_steps(params.tiered, before=before, more=more))


MODEL = quantity_model(name="graduated", version=1, fields=FIELDS, parse=parse, rate=rate)
