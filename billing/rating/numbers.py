"""Exact numbers of a rating: decimals, and fractions where the division of a transform has no end.

Decimals and fractions compare exactly with each other in Python; only their arithmetic needs help.
"""

from decimal import Decimal, Inexact
from fractions import Fraction

from neruba.decimals import EXACT, plain

Number = Decimal | Fraction

EXACT_PLACES = 12


# Rating does little else than call these three.
_add, _subtract, _multiply = EXACT.add, EXACT.subtract, EXACT.multiply


def add(first: Number, *others: Number) -> Number:
    """Add without loss. Raises `decimal.Inexact` where decimals need more than 200 digits."""
    total = first
    for other in others:
        try:
            total = _add(total, other)  # type: ignore[arg-type]
        except TypeError:
            total = Fraction(total) + Fraction(other)
    return total


def subtract(first: Number, second: Number) -> Number:
    """Subtract without loss. Raises `decimal.Inexact` as `add` does."""
    try:
        return _subtract(first, second)  # type: ignore[arg-type]
    except TypeError:
        return Fraction(first) - Fraction(second)


def multiply(first: Number, second: Number) -> Number:
    """Multiply without loss. Raises `decimal.Inexact` as `add` does."""
    try:
        return _multiply(first, second)  # type: ignore[arg-type]
    except TypeError:
        return Fraction(first) * Fraction(second)


def divide(first: Number, second: Decimal) -> Number:
    """Divide without loss: a decimal where the division ends, else a fraction."""
    try:
        return EXACT.divide(first, second)  # type: ignore[arg-type]
    except (TypeError, Inexact):
        return Fraction(first) / Fraction(second)


def negated(number: Number) -> Number:
    """The number with the other sign, in any context."""
    return -number if isinstance(number, Fraction) else number.copy_negate()


def packages(units: Number, size: Decimal, *, begun: bool = True) -> Decimal:
    """How many packages of `size` > 0 so many units >= 0 begin, or else fill."""
    try:
        full = EXACT.divide_int(units, size)  # type: ignore[arg-type]
    except TypeError:
        full = Decimal(Fraction(units) // Fraction(size))
    return EXACT.add(full, 1) if begun and multiply(full, size) < units else full


def number_text(number: Number) -> str:
    """Write a number in plain notation: a decimal whole, a fraction to 12 decimals, half even.

    What a fraction loses here is in the evidence all the same: the share or the transform that made
    it stands there.
    """
    if isinstance(number, Decimal):
        return plain(number)
    scaled = _rounded(number.numerator * 10**EXACT_PLACES, number.denominator)
    digits = f"{abs(scaled):0{EXACT_PLACES + 1}d}"
    sign = "-" if scaled < 0 else ""
    return plain(Decimal(f"{sign}{digits[:-EXACT_PLACES]}.{digits[-EXACT_PLACES:]}"))


def _rounded(numerator: int, denominator: int) -> int:
    """The nearest integer, of two the even one: as `round` of the fraction, without making it."""
    units, rest = divmod(numerator, denominator)
    return units + (2 * rest > denominator or (2 * rest == denominator and units % 2 == 1))
