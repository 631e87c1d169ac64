"""What the price that is being written comes to: a table of quantities, and a chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.safestring import SafeString

from billing.admin.pricing.chart import Chart, chart_of
from billing.admin.tariff import lines_of
from billing.rating.plan import PlanPrice
from billing.rating.samples import (
    NOWHERE,
    ONE,
    Sample,
    curve_end,
    curve_of,
    event_size,
    rate_parts,
    samples_of,
)
from billing.rating.words import spoken
from neruba.admin.page import Table, figure
from neruba.decimals import QUANTITY_INTEGER_DIGITS, QUANTITY_PLACES, parse_decimal
from neruba.errors import InvalidError
from neruba.money import Money, Rounding, is_currency, to_minor

MAX_OWN = 20
SHOWN_LINES = 8
FEES = ("recurring", "one_time")


@dataclass(frozen=True, slots=True)
class Trial:
    """The table and the chart of one price; a fee has no chart, since no quantity changes it."""

    table: Table
    chart: Chart | None


def own_quantities(text: str) -> list[tuple[Decimal, ...]]:
    """The quantities in a text, with blanks between: `1500 250000`, or `10+20` for what came in two
    events. Raises InvalidError at `/quantities`.
    """
    words = text.split()
    if len(words) > MAX_OWN:
        raise InvalidError(f"Write at most {MAX_OWN} quantities.", pointer="/quantities")
    try:
        return [tuple(_quantity(part) for part in word.split("+")) for word in words]
    except ValueError as error:
        raise InvalidError(f"{error}.", pointer="/quantities") from None


def _quantity(text: str) -> Decimal:
    return parse_decimal(
        text, max_integer_digits=QUANTITY_INTEGER_DIGITS, max_places=QUANTITY_PLACES
    )


def trial_of(
    price: PlanPrice, own: Sequence[tuple[Decimal, ...]], *, currency: str, rounding: Rounding
) -> Trial:
    """What the price comes to at sample quantities, each with its steps in words, rounded as on an
    invoice.
    """
    unit = currency if is_currency(currency) else ""
    if price.kind in FEES:
        fee = Sample((ONE,), NOWHERE, rate_parts(price.price, [ONE]))
        return Trial(_table([fee], unit, rounding), None)
    samples = samples_of(price.price, own)
    return Trial(_table(samples, unit, rounding), _chart(price, samples, unit))


def _chart(price: PlanPrice, samples: Sequence[Sample], unit: str) -> Chart | None:
    """None where the amount does not follow from the quantity alone: a line would not say where."""
    if price.price.reads == "groups":
        return None
    curve = curve_of(price.price, curve_end(price.price, samples))
    return chart_of(
        [(quantity, rated.amount_exact) for quantity, rated in curve],
        [(one.quantity, one.rated.amount_exact) for one in samples if _is_on_line(price, one)],
        title=f"What {price.name} costs, by {_axis(price)}",
        unit=unit,
    )


def _table(samples: Sequence[Sample], unit: str, rounding: Rounding) -> Table:
    amount = f"Amount ({unit})" if unit else "Amount, exact"
    return Table(
        title="At these quantities",
        columns=("Quantity", "How", amount),
        rows=[
            (
                _words(one),
                lines_of(_steps(one)),
                figure(Money(to_minor(one.rated.amount_exact, unit, rounding), unit))
                if unit
                else spoken(one.rated.amount_exact),
            )
            for one in samples
        ],
        empty="",
        numeric=("Quantity", amount),
        anchor="trial",
    )


def _is_on_line(price: PlanPrice, sample: Sample) -> bool:
    return price.price.reads != "events" or not sample.is_own


def _axis(price: PlanPrice) -> str:
    """What the chart goes over."""
    if price.price.reads != "events":
        return "quantity"
    return f"sum of events of {spoken(event_size(price.price))} each"


def _words(sample: Sample) -> SafeString | str:
    if sample.is_own or len(sample.parts) == 1:
        parts = " + ".join(spoken(part) for part in sample.parts)
    else:
        each = spoken(sample.parts[0])
        events = f"{len(sample.parts):,} events of up to {each}"
        return lines_of([spoken(sample.quantity), events])
    where = ", ".join(f"{name}={value}" for name, value in sample.by.items())
    return f"{where}: {parts}" if where else parts


def _steps(sample: Sample) -> list[str]:
    steps = [sample.conversion] if sample.conversion else []
    steps += [f"{one.text} = {spoken(one.amount)}" for one in sample.rated.steps[:SHOWN_LINES]]
    if more := len(sample.rated.steps) - SHOWN_LINES:
        steps += [f"and {more} more steps"] if more > 0 else []
    return steps or ["nothing"]
