"""A fixed amount, whatever the quantity."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.rating.definition import read_amount, refuse_unknown
from billing.rating.price import PriceModel, Rated, Step
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


def rate(params: Flat, /, *, before: Decimal | None, quantity: Decimal) -> Rated:
    """Price a part of a period: the amount is due once, with the first part (`before` is None).

    Parts sum: rate(None, a) + rate(a, b) == rate(None, a + b).
    """
    if before is not None:
        return Rated.of()
    text = f"a fixed {spoken(params.amount)}"
    return Rated.of(
        Step(
            text,
            quantity=ZERO,
            unit_amount=ZERO,
            flat_amount=params.amount,
            amount=params.amount,
        )
    )


MODEL = PriceModel(name="flat", version=1, fields=FIELDS, parse=parse, rate=rate)
