"""A fixed amount, whatever the quantity.

Law: amount = `amount`, once in a period. A platform fee of 20 is 20 for 0 calls and for 7,000.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.rating.definition import read_amount, refuse_unknown
from billing.rating.numbers import Number
from billing.rating.price import Rated, Step
from billing.rating.quantity import quantity_model
from billing.rating.words import spoken
from neruba.decimals import ZERO, plain

FIELDS = frozenset({"amount"})


@dataclass(frozen=True, slots=True)
class Flat:
    """`amount` >= 0 in major units, up to 12 decimals."""

    amount: Decimal

    def definition(self) -> dict[str, object]:
        return {"model": "flat", "amount": plain(self.amount)}


def parse(definition: Mapping[str, object]) -> Flat:
    """Read `amount`, which is required. Raises PriceError."""
    refuse_unknown(definition, FIELDS)
    return Flat(amount=read_amount(definition, "amount"))


def rate(params: Flat, /, *, before: Number | None, more: Number) -> Rated:
    """Price a part of a period: the amount is due once, with the first part (`before` is None).

    Parts sum: rate(None, a) + rate(a, b) == rate(None, a + b).
    """
    if before is not None:
        return Rated.of()
    return Rated.of(
        Step(
            quantity=ZERO,
            unit_amount=ZERO,
            flat_amount=params.amount,
            amount=params.amount,
            say=_say,
            about=(params.amount,),
        )
    )


def _say(amount: Decimal) -> str:
    return f"a fixed {spoken(amount)}"


MODEL = quantity_model(name="flat", version=1, fields=FIELDS, parse=parse, rate=rate)
