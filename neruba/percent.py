"""Percentages of rates and coupons. Pure."""

from decimal import Decimal

from neruba.decimals import parse_decimal

PLACES = 4
HUNDRED = Decimal(100)


def parse_percent(text: str) -> Decimal:
    """Read a percentage from 0 to 100 with at most four decimals, in plain notation.

    Raises ValueError for anything else.
    """
    value = parse_decimal(text, max_integer_digits=3, max_places=PLACES)
    if not 0 <= value <= HUNDRED:
        raise ValueError(f"{text} is not a percentage from 0 to 100")
    return value
