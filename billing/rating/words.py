"""Numbers in the words of a step."""

from decimal import Decimal

from billing.rating.definition import percent_text
from billing.rating.numbers import Number, number_text
from billing.rating.price import Step
from neruba.decimals import ZERO


def spoken(value: Number) -> str:
    """Write a number with commas between thousands and all its digits: 1,000,000 or 0.0000025."""
    text = number_text(value)
    integer, point, places = text.partition(".")
    return f"{int(integer):,}{point}{places}" if value >= 1 or value <= -1 else text


def units_in_words(units: Number, above: Number | None, unit_amount: Number) -> str:
    """Say what further units cost, above those that came before them (None: these are all)."""
    comma = "," if above else ""
    return f"{further(units, above)}{comma} at {spoken(unit_amount)} each"


def further(units: Number, above: Number | None) -> str:
    """Name units by those that came before them (None: these are all)."""
    if above:
        return f"the next {spoken(units)}, above {spoken(above)}"
    if not units:
        return "0"
    return f"all {spoken(units)}" if above is None else f"the first {spoken(units)}"


def percent_in_words(money: Number, *, share: Decimal, above: Number = ZERO) -> str:
    """Say which percentage is taken of money, above what came before it."""
    what = f"the next {spoken(money)}, above {spoken(above)}" if above else spoken(money)
    return f"{percent_text(share)} % of {what}"


def counted(number: int, noun: str) -> str:
    """Say how many of a thing there are: "1 event", "2 events"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def packages_in_words(
    count: Number, units: Number, above: Number | None, size: Number, amount: Number
) -> str:
    """Say what packages for further units cost."""
    noun = "package" if count == 1 else "packages"
    price = f"{spoken(count)} {noun} of {spoken(size)} at {spoken(amount)} each"
    return f"{price} for {further(units, above)}"


def free_step(units: Number, of: Number) -> Step:
    """Say how many units are among the free ones of the period."""
    return Step(
        quantity=units,
        unit_amount=ZERO,
        flat_amount=ZERO,
        amount=ZERO,
        say=_free,
        about=(units, of),
    )


def negative_step(quantity: Number) -> Step:
    """The step of a negative net quantity."""
    return Step(
        quantity=ZERO,
        unit_amount=ZERO,
        flat_amount=ZERO,
        amount=ZERO,
        say=negative_words,
        about=(quantity,),
    )


def _free(units: Number, of: Number) -> str:
    return f"{spoken(units)} of the {spoken(of)} free units"


def negative_words(quantity: Number) -> str:
    """Say that a negative net quantity counts as zero."""
    return f"the net usage of {spoken(quantity)} is negative and counts as 0"
