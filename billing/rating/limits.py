"""The least and the most that a price asks for a period."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing.rating.definition import read_optional_amount
from billing.rating.numbers import Number, add, multiply, number_text, subtract
from billing.rating.price import PriceError, Rated, Step
from billing.rating.words import spoken
from neruba.decimals import ZERO

FIELDS = ("minimum_amount", "maximum_amount")


@dataclass(frozen=True, slots=True)
class Limits:
    """`minimum` <= `maximum`, both >= 0 in major units for a whole period; None: no such limit."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None

    def __bool__(self) -> bool:
        return self.minimum is not None or self.maximum is not None

    def definition(self) -> dict[str, object]:
        """The limits that are set."""
        both = zip(FIELDS, (self.minimum, self.maximum), strict=True)
        return {name: number_text(limit) for name, limit in both if limit is not None}

    def bounded(
        self, rated: Rated, earlier: Number | None, *, is_last: bool, part: Fraction
    ) -> Rated:
        """Add the step that keeps the total of the period between the limits, scaled by `part`.

        `earlier` is the amount, before any limit, of what was rated before (None: nothing was).
        The minimum is raised to with the last part alone, the maximum kept to with each. Law: the
        parts sum to the bounded total.
        """
        total = rated.amount_exact if earlier is None else add(earlier, rated.amount_exact)
        floor = _scaled(self.minimum, part) if is_last else None
        ceiling = _scaled(self.maximum, part)
        before = ZERO if earlier is None else _bounded(earlier, None, ceiling)
        difference = subtract(subtract(_bounded(total, floor, ceiling), before), rated.amount_exact)
        if not difference:
            return rated
        if floor is not None and total < floor:
            about: tuple[object, ...] = ("raised to the minimum of", floor)
        else:
            assert ceiling is not None, "a total is bounded by one of the two"
            about = ("lowered to the maximum of", ceiling)
        step = Step(
            quantity=ZERO,
            unit_amount=ZERO,
            flat_amount=difference,
            amount=difference,
            say=_say,
            about=about,
        )
        return Rated(add(rated.amount_exact, difference), (*rated.steps, step))


def parse_limits(definition: Mapping[str, object]) -> Limits:
    """Read `minimum_amount` and `maximum_amount`; null or left out: no such limit.

    Raises PriceError.
    """
    minimum, maximum = (read_optional_amount(definition, name) for name in FIELDS)
    if minimum is not None and maximum is not None and maximum < minimum:
        raise PriceError(
            "/maximum_amount", "below_minimum", f"the maximum is at least the minimum, {minimum}"
        )
    return Limits(minimum, maximum)


def _scaled(limit: Decimal | None, part: Fraction) -> Number | None:
    return limit if limit is None or part == 1 else multiply(limit, part)


def _bounded(total: Number, floor: Number | None, ceiling: Number | None) -> Number:
    raised = total if floor is None else max(total, floor)
    return raised if ceiling is None else min(raised, ceiling)


def _say(words: str, limit: Number) -> str:
    return f"{words} {spoken(limit)}"
