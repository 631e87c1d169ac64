"""From rated lines to what is owed: discounts, the plan's minimum, corrections, tax, in this order.
Pure. Source: docs/discounts-and-tax.md.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from billing.rating.correction import correction_discounts, correction_lines
from billing.rating.discounts import DISCOUNTED, Discount, Discountable, discounts_of
from billing.rating.facts import InvoiceFacts, MinimumFacts
from billing.rating.lines import Line
from billing.rating.minimum import (
    counted_minor,
    is_minimum,
    minimum_correction,
    minimum_line,
)
from billing.rating.taxes import Tax, Taxable, TaxFacts, included_minor, taxes_of


@dataclass(frozen=True, slots=True)
class Composition:
    """The lines of a document net of inclusive tax, with what is taken off and put on them."""

    lines: tuple[Line, ...]
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[Tax, ...] = ()

    @property
    def subtotal_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def discount_minor(self) -> int:
        return sum(one.amount_minor for one in self.discounts)

    @property
    def tax_minor(self) -> int:
        return sum(tax.amount_minor for tax in self.taxes)

    @property
    def total_minor(self) -> int:
        return self.subtotal_minor - self.discount_minor + self.tax_minor


def compose(facts: InvoiceFacts, rated: Sequence[Line]) -> Composition:
    """Put together what the lines of a document come to.

    Law: the total is the sum of the lines less discounts with the tax on them, whatever is
    inclusive: subtotal - discounts + taxes.
    """
    discounts: tuple[Discount, ...] = ()
    if facts.coupons:
        discounts = discounts_of(
            list(_discountable(rated)),
            facts.coupons,
            currency=facts.currency,
            rounding=facts.rounding,
        )
    again = correction_lines(facts) if facts.corrections else ()
    moved = correction_discounts(facts, again, discounts)
    discounts += moved
    lines = [
        *rated,
        *_minimum(facts, [*rated, *again], discounts),
        *again,
        *_minimum_corrections(facts, again, moved),
    ]
    return _taxed(facts, lines, discounts)


def corrected_minimum(facts: MinimumFacts, composed: Composition) -> MinimumFacts:
    """The facts of a period's minimum once a document that corrects it is issued."""
    period = facts.held.period
    printed = sum(
        line.gross_minor
        for line in composed.lines
        if line.period == period.interval and is_minimum(line)
    )
    counted = counted_minor(composed.lines, composed.discounts, period)
    return replace(
        facts,
        counted_minor=facts.counted_minor + counted,
        billed_minor=facts.billed_minor + printed,
    )


def _discountable(lines: Sequence[Line]) -> Iterator[Discountable]:
    for line in lines:
        if line.kind not in DISCOUNTED or line.amount_minor <= 0 or line.unit is None:
            continue
        yield Discountable(line.key, line.price, line.unit, line.period.end, line.amount_minor)


def _minimum(
    facts: InvoiceFacts, lines: Sequence[Line], discounts: Sequence[Discount]
) -> Iterator[Line]:
    terms, ended = facts.terms, facts.minimum_period
    if terms is None or ended is None:
        return
    counted = facts.counted_minor + counted_minor(lines, discounts, ended.period)
    line = minimum_line(
        terms, ended, counted=counted, elsewhere=facts.counted_minor, currency=facts.currency
    )
    if line is not None:
        yield line


def _minimum_corrections(
    facts: InvoiceFacts, corrections: Sequence[Line], discounts: Sequence[Discount]
) -> Iterator[Line]:
    for one in facts.minimums:
        assert facts.terms is not None, "a correction is of a subscription"
        moved = counted_minor(corrections, discounts, one.held.period)
        line = minimum_correction(facts.terms, one, moved=moved, currency=facts.currency)
        if line is not None:
            yield line


def _taxed(
    facts: InvoiceFacts, lines: Sequence[Line], discounts: tuple[Discount, ...]
) -> Composition:
    carried = {line.key: facts.tax if line.tax is None else line.tax for line in lines}
    if not any(tax.rates for tax in carried.values()):
        return Composition(tuple(lines), discounts)
    off: dict[str, int] = defaultdict(int)
    for one in discounts:
        off[one.line] += one.amount_minor
    taxes = taxes_of(
        [Taxable(line.key, line.amount_minor - off[line.key], carried[line.key]) for line in lines],
        facts.rounding,
    )
    return _net(facts, Composition(tuple(lines), discounts, taxes), carried)


def _net(facts: InvoiceFacts, composed: Composition, carried: dict[str, TaxFacts]) -> Composition:
    """Take inclusive tax out of lines and discounts: what is printed of both is net."""
    included: dict[str, int] = defaultdict(int)
    for tax in composed.taxes:
        if tax.rate.inclusive and tax.reason is None:
            for line, _, amount in tax.parts:
                included[line] += amount
    if not included:
        return composed
    discounts = []
    for one in composed.discounts:
        part = included_minor(one.amount_minor, carried[one.line], facts.rounding)
        # A discount that is nothing but tax would be nothing in print.
        part = 0 if part == one.amount_minor else part
        included[one.line] += part
        discounts.append(one.net_of(part))
    lines = tuple(
        line.net_of(included[line.key], facts.currency) if line.key in included else line
        for line in composed.lines
    )
    return Composition(lines, tuple(discounts), composed.taxes)
