"""Prices as they are asked in tests of rating."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from billing.rating.models import Price, parse_price
from billing.rating.numbers import Number, add, multiply
from billing.rating.price import GroupUse, Measured, Rated, Scalar

TIERS = [
    {"up_to": "10", "unit_amount": "2", "flat_amount": "100"},
    {"up_to": "20.5", "unit_amount": "1"},
    {"up_to": None, "unit_amount": "0.5", "flat_amount": "3"},
]
PERCENTAGE = {"model": "percentage", "rate_percent": "1", "fixed_fee": "5"}


def price(**definition: object) -> Price:
    return parse_price(definition)


def amount(price: Price, before: str | None, quantity: str) -> Number:
    rated = price.rate(Decimal(quantity), before=None if before is None else Decimal(before))
    for step in rated.steps:
        assert step.amount == add(multiply(step.quantity, step.unit_amount), step.flat_amount)
    assert rated.amount_exact == sum(step.amount for step in rated.steps)
    return rated.amount_exact


def words(price: Price, before: str | None, quantity: str) -> list[str]:
    rated = price.rate(Decimal(quantity), before=None if before is None else Decimal(before))
    return [step.text for step in rated.steps]


def rated(price: Price, *values: str, before: Sequence[str] = (), **more: Any) -> Rated:
    """Events with these values, in order, after others."""
    earlier = price.use(measured(before)) if before else None
    return price.rate(price.use(measured(values), after=earlier), before=earlier, **more)


def measured(values: Sequence[str]) -> Measured:
    numbers = tuple(map(Decimal, values))
    return Measured(sum(numbers, Decimal(0)), values=numbers)


def said(rated: Rated) -> list[str]:
    return [step.text for step in rated.steps]


def grouped(*groups: tuple[dict[str, Scalar], str]) -> Measured:
    uses = tuple(GroupUse(by, Decimal(quantity), 1) for by, quantity in groups)
    return Measured(sum((use.quantity for use in uses), Decimal(0)), uses)
