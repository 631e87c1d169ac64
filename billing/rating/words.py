"""Numbers in the words of a step."""

from decimal import Decimal

from billing.rating.price import Step
from neruba.decimals import ZERO, plain


def spoken(value: Decimal) -> str:
    """Write a decimal with commas between thousands and all its digits: 1,000,000 or 0.0000025."""
    integer, point, places = plain(value).partition(".")
    return f"{int(integer):,}{point}{places}" if value >= 1 or value <= -1 else plain(value)


def units_in_words(units: Decimal, *, above: Decimal, unit_amount: Decimal) -> str:
    """Say what further units cost, above those that came before them."""
    each = f"at {spoken(unit_amount)} each"
    if above:
        return f"the next {spoken(units)}, above {spoken(above)}, {each}"
    return f"the first {spoken(units)} {each}" if units else f"0 {each}"


def negative_step(quantity: Decimal) -> Step:
    """Say that a negative net quantity counts as zero."""
    text = f"the net usage of {spoken(quantity)} is negative and counts as 0"
    return Step(text, quantity=ZERO, unit_amount=ZERO, flat_amount=ZERO, amount=ZERO)
