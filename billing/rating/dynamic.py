"""The price comes with the usage: the sum of the events' own amounts, times a factor.

Law: amount(q) = q x `multiplier`, where q is the sum of the amounts. Costs of 0.101 and 9.019 with
a multiplier of 1.5 are 9.12 x 1.5 = 13.68.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.rating.definition import read_amount, refuse_unknown
from billing.rating.numbers import Number, multiply, subtract
from billing.rating.price import Rated, Step
from billing.rating.quantity import quantity_model, reach
from billing.rating.words import negative_step, spoken
from neruba.decimals import ZERO, plain

FIELDS = frozenset({"multiplier"})


@dataclass(frozen=True, slots=True)
class Dynamic:
    """`multiplier` >= 0, up to 12 decimals; 1.2 is cost plus 20 percent."""

    multiplier: Decimal

    def definition(self) -> dict[str, object]:
        return {"model": "dynamic", "multiplier": plain(self.multiplier)}


def parse(definition: Mapping[str, object]) -> Dynamic:
    """Read `multiplier` (1). Raises PriceError."""
    refuse_unknown(definition, FIELDS)
    return Dynamic(multiplier=read_amount(definition, "multiplier", default="1"))


def rate(params: Dynamic, /, *, before: Number | None, more: Number) -> Rated:
    """Price a further sum of amounts; a negative one rates as zero.

    Parts sum: rate(None, a) + rate(a, b) == rate(None, a + b) for a, b >= 0. Source:
    docs/pricing.md, "dynamic".
    """
    if more < 0:
        return Rated.of(negative_step(more))
    start, end = reach(before, more)
    part = subtract(end, start)
    return Rated.of(
        Step(
            quantity=part,
            unit_amount=params.multiplier,
            flat_amount=ZERO,
            amount=multiply(part, params.multiplier),
            say=_say,
            about=(part, params.multiplier),
        )
    )


def _say(part: Number, multiplier: Decimal) -> str:
    amounts = f"amounts of {spoken(part)}, which came with the usage"
    return amounts if multiplier == 1 else f"{amounts}, times {spoken(multiplier)}"


MODEL = quantity_model(name="dynamic", version=1, fields=FIELDS, parse=parse, rate=rate)
