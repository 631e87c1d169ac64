"""Corrections: what late usage makes of lines that were printed before. Pure.

A correction is round(all that is known, rated) less all that was printed for the line so far. No
document goes below zero: corrections that give back take at most what its other lines leave, and
the remainder waits for the next one. Source: docs/late-usage.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from billing.rating.facts import BilledUsage, CorrectionFacts, InvoiceFacts
from billing.rating.lines import (
    WHOLE,
    Line,
    common_evidence,
    rate,
    rounding_of,
    usage_evidence,
    usage_key,
)
from billing.rating.plan import PlanPrice
from billing.rating.price import Rated
from billing.rating.terms import Terms
from neruba.decimals import plain
from neruba.money import Money, to_minor


@dataclass(frozen=True, slots=True)
class _Rerated:
    """A line rated again; `owed` is what no document has printed of it yet, in minor units."""

    facts: CorrectionFacts
    price: PlanPrice
    rated: Rated
    exact: Fraction
    known: int

    @property
    def owed(self) -> int:
        return self.known - self.facts.billed.amount_minor


def correction_lines(facts: InvoiceFacts, others: int) -> tuple[Line, ...]:
    """The corrections of a document whose other lines sum to `others`, in the order of the facts.

    What is owed in full, what is given back as far as it goes; no line where nothing moves.
    """
    assert facts.terms is not None, "a correction is of a subscription"
    prices = {price.code: price for price in facts.terms.prices}
    again = [_rerate(one, prices[one.price], facts.currency) for one in facts.corrections]
    left = max(0, others + sum(one.owed for one in again if one.owed > 0))
    lines = []
    for one in again:
        amount = max(one.owed, -left)
        if amount < 0:
            left += amount
        if amount:
            lines.append(_line(one, facts.terms, facts.currency, amount))
    return tuple(lines)


def corrected(
    corrections: Sequence[CorrectionFacts], lines: Sequence[Line]
) -> tuple[CorrectionFacts, ...]:
    """The facts of the same corrections once these lines are printed."""
    printed = {
        line.corrects["line"]: line.amount_minor for line in lines if line.corrects is not None
    }
    return tuple(
        replace(one, billed=_billed(one, printed[key])) if key in printed else one
        for one in corrections
        for key in [corrected_key(one)]
    )


def _billed(one: CorrectionFacts, amount_minor: int) -> BilledUsage:
    total = one.billed.amount_minor + amount_minor
    return BilledUsage(total, one.usage.quantity, one.usage.events)


def is_settled(correction: CorrectionFacts, terms: Terms) -> bool:
    """Whether documents have printed just what is known."""
    price = next(price for price in terms.prices if price.code == correction.price)
    return _rerate(correction, price, terms.currency).owed == 0


def corrected_key(correction: CorrectionFacts) -> str:
    """The key of the usage line that is corrected."""
    return usage_key(correction.price, correction.held.period.interval)


def _rerate(facts: CorrectionFacts, price: PlanPrice, currency: str) -> _Rerated:
    rated, exact = rate(price, facts.usage.quantity, WHOLE)
    known = to_minor(exact, currency, rounding_of(facts.held.policy))
    return _Rerated(facts, price, rated, exact, known)


def _line(one: _Rerated, terms: Terms, currency: str, amount: int) -> Line:
    held, usage, billed = one.facts.held, one.facts.usage, one.facts.billed
    key = corrected_key(one.facts)
    return Line(
        key=f"correction:{key}",
        kind="correction",
        price=one.price.code,
        description=f"{one.price.name}, correction",
        period=held.period.interval,
        quantity=plain(usage.quantity - billed.quantity),
        unit_amount=None,
        amount_minor=amount,
        earned="usage",
        evidence={
            **common_evidence(terms, held, one.price, one.rated, one.exact),
            "usage": usage_evidence(usage),
            "correction": {
                "quantity_billed": plain(billed.quantity),
                "events_billed": billed.events,
                "amount_known": Money(one.known, currency).amount,
                "amount_billed": Money(billed.amount_minor, currency).amount,
                "carried": Money(one.owed - amount, currency).amount,
            },
        },
        corrects={"invoice": one.facts.invoice, "line": key},
    )
