"""What a meter does with the exact result of its aggregation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from neruba.decimals import EXACT, QUANTITY_PLACES

# Totals go to 10^18: rounded to fewer places than that, every quantity would be nothing.
LOWEST_PLACES = -18


def _half_up(exact: Fraction) -> int:
    """The nearest whole number; of two, the one further from zero."""
    nearest = floor(abs(exact) + Fraction(1, 2))
    return nearest if exact >= 0 else -nearest


MODES: Mapping[str, Callable[[Fraction], int]] = {"half_up": _half_up, "up": ceil, "down": floor}


@dataclass(frozen=True, slots=True)
class Rounding:
    """To `places` decimals, or to tens, hundreds … where that is negative: -18 to 9.

    `half_up` takes the nearest and rounds a half away from zero; `up` never goes down (-2.5 becomes
    -2), `down` never up (-2.5 becomes -3). Law: a result has at most `places` decimals, and is its
    own rounding.
    """

    mode: str
    places: int

    def apply(self, exact: Decimal | Fraction) -> Decimal:
        """The rounded value; exact in any decimal context."""
        power = 10 ** abs(self.places)
        if self.places < 0:
            return Decimal(MODES[self.mode](Fraction(exact) / power) * power)
        whole = MODES[self.mode](Fraction(exact) * power)
        return Decimal(whole).scaleb(-self.places, EXACT)


# What a quantity keeps of a result that has no end.
QUANTITY = Rounding("half_up", QUANTITY_PLACES)
