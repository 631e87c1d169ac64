"""Money in minor units, the one rounding function, and the splitting of amounts.

Exponents are those of ISO 4217 (JPY 0, USD 2, KWD 3); a payment provider's exceptions belong at its
door. Nothing is ever converted from one currency to another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, Self

import iso4217

from neruba.decimals import parse_decimal

Rounding = Literal["half_up", "half_even"]

# What a BIGINT column holds with room to add: 10**18 - 1 minor units.
MAX_MINOR_DIGITS = 18

_EXPONENTS: dict[str, int | None] = {unit.value: unit.exponent for unit in iso4217.Currency}


class CurrencyMismatchError(ValueError):
    """Two currencies met in one operation."""


def exponent(currency: str) -> int:
    """Return the number of minor digits that ISO 4217 gives a currency.

    Raises ValueError for an unknown code (codes are upper case) and for one without minor units,
    such as gold.
    """
    if currency not in _EXPONENTS:
        raise ValueError(f"{currency[:8]!r} is not a currency of ISO 4217")
    digits = _EXPONENTS[currency]
    if digits is None:
        raise ValueError(f"{currency} has no minor unit, so that nothing can be paid in it")
    return digits


def is_currency(code: str) -> bool:
    """Say whether amounts can be stated in this currency code."""
    try:
        exponent(code)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units; adding and ordering two of them needs one currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"minor units are an int, not {type(self.minor).__name__}")
        exponent(self.currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Read an amount in major units, such as "12.30", with at most the currency's digits.

        Raises ValueError for more digits, for other notations (see `parse_decimal`), from 10**18
        minor units on, and for an unknown currency.
        """
        places = exponent(currency)
        try:
            value = parse_decimal(
                text, max_integer_digits=MAX_MINOR_DIGITS - places, max_places=places
            )
        except ValueError as error:
            raise ValueError(f"{error} ({currency} has {places} decimals)") from None
        return cls(to_minor(value, currency, "half_up"), currency)

    @property
    def amount(self) -> str:
        """The amount in major units with all of the currency's digits: "12.30", "1230", "-0.05"."""
        places = exponent(self.currency)
        sign = "-" if self.minor < 0 else ""
        digits = str(abs(self.minor)).zfill(places + 1)
        return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def __add__(self, other: Self) -> Self:
        return type(self)(self.minor + self._minor_of(other), self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.minor - self._minor_of(other), self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __lt__(self, other: Self) -> bool:
        return self.minor < self._minor_of(other)

    def __le__(self, other: Self) -> bool:
        return self.minor <= self._minor_of(other)

    def __gt__(self, other: Self) -> bool:
        return self.minor > self._minor_of(other)

    def __ge__(self, other: Self) -> bool:
        return self.minor >= self._minor_of(other)

    def _minor_of(self, other: Self) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} do not mix")
        return other.minor


def to_minor(exact: Decimal | Fraction, currency: str, rounding: Rounding) -> int:
    """Round an exact amount in major units to minor units: the only place where money is rounded.

    `half_up` takes a half away from zero, `half_even` to the even neighbour; both are symmetric:
    to_minor(-x) == -to_minor(x). Raises ValueError for an unknown currency, and for NaN and
    infinities (OverflowError). Source: docs/pricing.md, "Rounding".
    """
    numerator, denominator = exact.as_integer_ratio()
    scale: int = 10 ** exponent(currency)
    return _nearest(numerator * scale, denominator, rounding)


def rounded_minor(exact_minor: Fraction, rounding: Rounding) -> int:
    """Round an exact number of minor units, such as a percentage of an amount, as `to_minor`
    does.
    """
    return _nearest(exact_minor.numerator, exact_minor.denominator, rounding)


def _nearest(numerator: int, denominator: int, rounding: Rounding) -> int:
    units, rest = divmod(abs(numerator), denominator)
    if 2 * rest > denominator or (2 * rest == denominator and (rounding == "half_up" or units % 2)):
        units += 1
    return -units if numerator < 0 else units


def allocate(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion to weights by largest remainder; of equal ones the first wins.

    Takes weights >= 0 with a sum above zero. Returns one part for each weight, in their order; a
    weight of zero gets nothing. A negative total gives the negated parts of the positive one.
    Raises ValueError for a negative weight, and where nothing has weight but there is an amount to
    split. Law: sum(parts) == total, and each part lies less than one minor unit from its exact
    share.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("weights are zero or positive")
    whole = sum(weights)
    if whole == 0:
        if total_minor:
            raise ValueError("an amount cannot be split over weights that are all zero")
        return [0] * len(weights)
    shares = [divmod(abs(total_minor) * weight, whole) for weight in weights]
    parts = [units for units, _ in shares]
    missing = abs(total_minor) - sum(parts)
    # sorted() is stable: equal remainders keep the order of their weights.
    for index in sorted(range(len(weights)), key=lambda index: -shares[index][1])[:missing]:
        parts[index] += 1
    return [-part for part in parts] if total_minor < 0 else parts


def apportion(total_minor: int, shares: Sequence[Fraction]) -> list[int]:
    """Give each exact share (minor units, of any sign) whole units that add up to the total, by
    largest remainder; of equal ones the first wins.

    Takes a total less than one unit away from the sum of the shares. Returns one part for each
    share, in their order, less than one unit from it; a share of zero gets nothing. Law:
    sum(parts) == total, and the negated shares of the negated total give the negated parts. Raises
    ValueError for a total that is further away.
    """
    parts = [int(share) for share in shares]  # toward zero
    missing = total_minor - sum(parts)
    sign = -1 if missing < 0 else 1
    rests = [sign * (share - part) for share, part in zip(shares, parts, strict=True)]
    # sorted() is stable: equal remainders keep the order of their shares.
    order = [
        index for index in sorted(range(len(rests)), key=lambda i: -rests[i]) if rests[index] > 0
    ]
    if abs(missing) > len(order):
        raise ValueError(f"{total_minor} is not the sum of these shares")
    for index in order[: abs(missing)]:
        parts[index] += sign
    return parts
