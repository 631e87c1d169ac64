"""Corrections: what late usage makes of lines that were printed before. Pure.

A correction is round(all that is known, rated) less all that was printed for the line so far. A
document that comes out below zero goes to the customer balance. Source: docs/late-usage.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

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
    use: Any
    rated: Rated
    exact: Fraction
    known: int

    @property
    def owed(self) -> int:
        return self.known - self.facts.billed.amount_minor


def correction_lines(facts: InvoiceFacts) -> tuple[Line, ...]:
    """The corrections of a document, in the order of the facts; no line where nothing moves."""
    assert facts.terms is not None, "a correction is of a subscription"
    prices = {price.code: price for price in facts.terms.prices}
    again = [_rerate(one, prices[one.price], facts.currency) for one in facts.corrections]
    return tuple(_line(one, facts.terms, facts.currency) for one in again if one.owed)


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


def corrected_key(correction: CorrectionFacts) -> str:
    """The key of the usage line that is corrected."""
    return usage_key(correction.price, correction.held.period.interval)


def _rerate(facts: CorrectionFacts, price: PlanPrice, currency: str) -> _Rerated:
    use = price.price.use(facts.usage.measured)
    rated, exact = rate(price, use, WHOLE)
    known = to_minor(exact, currency, rounding_of(facts.held.policy))
    return _Rerated(facts, price, use, rated, exact, known)


def _line(one: _Rerated, terms: Terms, currency: str) -> Line:
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
        amount_minor=one.owed,
        earned="usage",
        evidence={
            **common_evidence(terms, held, one.price, one.rated, one.exact),
            "usage": usage_evidence(one.price, usage, one.use),
            "correction": {
                "quantity_billed": plain(billed.quantity),
                "events_billed": billed.events,
                "amount_known": Money(one.known, currency).amount,
                "amount_billed": Money(billed.amount_minor, currency).amount,
            },
        },
        corrects={"invoice": one.facts.invoice, "line": key},
    )
