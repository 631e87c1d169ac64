"""Exact decimal arithmetic, and decimals as text.

Prices, quantities and rates are `Decimal` values that never lose a digit on their way to the
invoice line; the line rounds once (`neruba.money.to_minor`). A result that would not be exact
raises instead of rounding.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Underflow,
    localcontext,
)

# A quantity has at most 28 significant digits, a unit price 30. Their product fits three times
# over, so that the precision is never what decides a result; a longer one raises Inexact.
EXACT = Context(
    prec=200,
    Emin=MIN_EMIN,
    Emax=MAX_EMAX,
    traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, Underflow, FloatOperation],
)

QUANTITY_INTEGER_DIGITS = 19
QUANTITY_PLACES = 9
UNIT_AMOUNT_INTEGER_DIGITS = 18
UNIT_AMOUNT_PLACES = 12

ZERO = Decimal(0)

_QUOTED = 40
_PLAIN = re.compile(r"-?(0|[1-9][0-9]*)(?:\.([0-9]+))?")


@contextmanager
def exact() -> Iterator[Context]:
    """Make the operators of `Decimal` exact in a block: what is not raises `decimal.Inexact`."""
    with localcontext(EXACT) as context:
        yield context


def add(first: Decimal, *others: Decimal) -> Decimal:
    """Add without loss, in any context. Raises `decimal.Inexact` above 200 digits."""
    total = first
    for other in others:
        total = EXACT.add(total, other)
    return total


def subtract(first: Decimal, second: Decimal) -> Decimal:
    """Subtract without loss. Raises `decimal.Inexact` above 200 digits."""
    return EXACT.subtract(first, second)


def multiply(first: Decimal, second: Decimal) -> Decimal:
    """Multiply without loss. Raises `decimal.Inexact` above 200 digits."""
    return EXACT.multiply(first, second)


def parse_decimal(text: str, *, max_integer_digits: int, max_places: int) -> Decimal:
    """Read a decimal in plain notation: the number of JSON without its exponent, as text.

    Takes ASCII digits with an optional leading `-` and at most the given number of digits before
    and after the point, counted as written ("1.50" has two places). Returns the exact value; a
    negative zero is zero. Raises ValueError for anything else: exponents, `+`, blanks, underscores,
    leading zeros, NaN, infinities.
    """
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise ValueError(f"{_quoted(text)} is not a decimal number in plain notation, such as 12.5")
    if len(match[1]) > max_integer_digits:
        raise ValueError(
            f"{_quoted(text)} has more than {max_integer_digits} digits before the point"
        )
    if len(match[2] or "") > max_places:
        raise ValueError(f"{_quoted(text)} has more than {max_places} decimals")
    value = Decimal(text)
    return value if value else value.copy_abs()


def plain(value: Decimal) -> str:
    """Write a finite decimal canonically: no exponent, no trailing decimal zeros, no negative zero.

    Equal values give equal text: `plain(Decimal("1E+2"))` and `plain(Decimal("100.0"))` are "100".
    Raises ValueError for NaN and infinities.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not a finite number")
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _quoted(text: str) -> str:
    """Quote what a caller sent for a message, cut to a bearable length."""
    return repr(text if len(text) <= _QUOTED else text[:_QUOTED] + "…")
