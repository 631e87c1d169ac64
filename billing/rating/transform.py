"""Converting a quantity before it is priced, such as bytes into started gigabytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, cast, get_args

from billing.rating.definition import read_amount, refuse_unknown
from billing.rating.numbers import Number, add, divide, multiply, number_text, subtract
from billing.rating.price import PriceError
from billing.rating.words import spoken

WholeUnits = Literal["up", "down", "half_up"]

FIELDS = frozenset({"divide_by", "multiply_by", "round"})
IN_WORDS: dict[WholeUnits | None, str] = {
    "up": ", rounded up,",
    "down": ", rounded down,",
    "half_up": ", rounded half up,",
    None: "",
}


@dataclass(frozen=True, slots=True)
class Transform:
    """Divide (or else multiply) by `factor` > 0, then round to whole units where `whole` says how.

    A negative total is the mirror of a positive one: `up` is away from zero.
    """

    factor: Decimal
    divides: bool
    whole: WholeUnits | None

    @property
    def ends(self) -> bool:
        """Whether every decimal is a decimal again afterwards, without end or rounding."""
        return not self.divides or _without(_without(self.factor.as_integer_ratio()[0], 2), 5) == 1

    def of(self, total: Number) -> Number:
        """Transform a total: exact, or whole units. Law: never falling, and 0 stays 0."""
        exact = divide(total, self.factor) if self.divides else multiply(total, self.factor)
        return exact if self.whole is None else _whole(exact, self.whole)

    def words(self, total: Number) -> str:
        """Say what a total becomes: "7,400 divided by 1,000, rounded up, is 8"."""
        how = "divided by" if self.divides else "multiplied by"
        return (
            f"{spoken(total)} {how} {spoken(self.factor)}{IN_WORDS[self.whole]} "
            f"is {spoken(self.of(total))}"
        )

    def definition(self) -> dict[str, object]:
        name = "divide_by" if self.divides else "multiply_by"
        return {name: number_text(self.factor), "round": self.whole}


def parse_transform(definition: object) -> Transform:
    """Read `divide_by` or `multiply_by`, of which there is one, and `round` (null).

    Raises PriceError, whose pointer is seen from the price.
    """
    place = "/transform"
    if not isinstance(definition, Mapping):
        raise PriceError(place, "not_a_transform", "write a transform as an object")
    refuse_unknown(definition, FIELDS, place)
    named = [name for name in ("divide_by", "multiply_by") if definition.get(name) is not None]
    if not named:
        raise PriceError(place, "required", "divide_by or multiply_by is missing")
    if len(named) > 1:
        raise PriceError(f"{place}/multiply_by", "conflict", "divide or multiply, not both")
    factor = read_amount(definition, named[0], pointer=place)
    if not factor:
        raise PriceError(f"{place}/{named[0]}", "not_positive", f"{named[0]} is above zero")
    whole = definition.get("round")
    if whole is not None and whole not in get_args(WholeUnits):
        choices = ", ".join(get_args(WholeUnits))
        raise PriceError(f"{place}/round", "invalid", f"round is one of {choices}, or null")
    return Transform(factor, named[0] == "divide_by", cast("WholeUnits | None", whole))


def convert_quantity(
    transform: Transform, before: Number | None, more: Number
) -> tuple[Number | None, Number]:
    """Transform totals: a part is what the total becomes less what the total before became."""
    if before is None:
        return None, transform.of(more)
    start = transform.of(before)
    return start, subtract(transform.of(add(before, more)), start)


def _whole(exact: Number, how: WholeUnits) -> Decimal:
    numerator, denominator = exact.as_integer_ratio()
    units, rest = divmod(abs(numerator), denominator)
    if (how == "up" and rest) or (how == "half_up" and 2 * rest >= denominator):
        units += 1
    return Decimal(-units if numerator < 0 else units)


def _without(number: int, factor: int) -> int:
    while number % factor == 0:
        number //= factor
    return number
