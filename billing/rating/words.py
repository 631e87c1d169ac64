"""Numbers in the words of a step."""

from functools import partial

from billing.rating.numbers import Number, number_text
from billing.rating.price import Step
from neruba.decimals import ZERO


def spoken(value: Number) -> str:
    """Write a number with commas between thousands and all its digits: 1,000,000 or 0.0000025."""
    text = number_text(value)
    integer, point, places = text.partition(".")
    return f"{int(integer):,}{point}{places}" if value >= 1 or value <= -1 else text


def units_in_words(units: Number, *, above: Number, unit_amount: Number) -> str:
    """Say what further units cost, above those that came before them."""
    each = f"at {spoken(unit_amount)} each"
    if above:
        return f"the next {spoken(units)}, above {spoken(above)}, {each}"
    return f"the first {spoken(units)} {each}" if units else f"0 {each}"


def free_step(units: Number, of: Number) -> Step:
    """Say how many units are among the free ones of the period."""
    return Step(
        quantity=units,
        unit_amount=ZERO,
        flat_amount=ZERO,
        amount=ZERO,
        words=partial(_free, units, of),
    )


def negative_step(quantity: Number) -> Step:
    """Say that a negative net quantity counts as zero."""
    return Step(
        quantity=ZERO,
        unit_amount=ZERO,
        flat_amount=ZERO,
        amount=ZERO,
        words=partial(_negative, quantity),
    )


def _free(units: Number, of: Number) -> str:
    return f"{spoken(units)} of the {spoken(of)} free units"


def _negative(quantity: Number) -> str:
    return f"the net usage of {spoken(quantity)} is negative and counts as 0"
