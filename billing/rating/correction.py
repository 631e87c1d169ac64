"""Corrections: what late usage makes of lines that were printed before. Pure.

A correction is round(all that is known, rated) less all that was printed for the line so far. A
document that comes out below zero goes to the customer balance. Source: docs/late-usage.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from billing.rating.decisions import price_of
from billing.rating.discounts import Discount, Discountable, discounts_of, known_discounts
from billing.rating.facts import BilledUsage, CorrectionFacts, InvoiceFacts, Part
from billing.rating.lines import (
    Line,
    common_evidence,
    limits_share,
    rate,
    rounding_of,
    share_evidence,
    spans_evidence,
    usage_evidence,
    usage_key,
)
from billing.rating.plan import PlanPrice
from billing.rating.price import Rated
from billing.rating.proration import Share
from billing.rating.terms import Terms
from neruba.decimals import plain
from neruba.money import Money, to_minor


@dataclass(frozen=True, slots=True)
class _Rerated:
    """A line rated again; `owed` is what no document has printed of it yet, in minor units."""

    facts: CorrectionFacts
    used: Part
    use: Any
    part: Share
    rated: Rated
    exact: Fraction
    known: int

    @property
    def price(self) -> PlanPrice:
        return self.used.price

    @property
    def owed(self) -> int:
        return self.known - self.facts.billed.amount_minor


def correction_lines(facts: InvoiceFacts) -> tuple[Line, ...]:
    """The corrections of a document, in the order of the facts; no line where nothing moves."""
    assert facts.terms is not None, "a correction is of a subscription"
    again = [_rerate(one, _part(one, facts.terms), facts.currency) for one in facts.corrections]
    return tuple(_line(one, facts.currency) for one in again if one.owed)


def _part(one: CorrectionFacts, terms: Terms) -> Part:
    """Where the definition of the line is in force: in all of the period, unless it says less."""
    if one.part is not None:
        return one.part
    return Part(price_of(terms, one.price), terms, (one.held.period.interval,))


def correction_discounts(
    facts: InvoiceFacts, lines: Sequence[Line], before: Sequence[Discount]
) -> tuple[Discount, ...]:
    """What corrections move of the discounts that their lines were printed with.

    A line that came to nothing so far had nothing to take a discount off: its first correction is
    discounted as it would have been, by the coupons that cover its period, after the discounts
    `before` it on the document.
    """
    by_key = {corrected_key(one): one for one in facts.corrections}
    answer: list[Discount] = []
    fresh: list[Discountable] = []
    for line in lines:
        one = by_key.get(line.corrects["line"]) if line.corrects is not None else None
        if one is None:
            continue
        if not one.billed.amount_minor and not one.billed.discounts:
            if line.amount_minor > 0:
                ends_at = line.period.end
                fresh.append(
                    Discountable(line.key, line.price, one.unit, ends_at, line.amount_minor)
                )
            continue
        known = one.billed.amount_minor + line.amount_minor
        for given, now in zip(
            one.billed.discounts,
            known_discounts(known, one.billed.discounts, one.billed.first_off, facts.rounding),
            strict=True,
        ):
            if moved := now.amount_minor - given.amount_minor:
                answer.append(replace(now, line=line.key, amount_minor=moved))
    coupons = [one.after([*before, *answer]) for one in facts.coupons] if fresh else []
    answer += discounts_of(fresh, coupons, currency=facts.currency, rounding=facts.rounding)
    return tuple(answer)


def corrected(
    corrections: Sequence[CorrectionFacts], lines: Sequence[Line], discounts: Sequence[Discount]
) -> tuple[CorrectionFacts, ...]:
    """The facts of the same corrections once these lines are printed."""
    printed = {line.corrects["line"]: line for line in lines if line.corrects is not None}
    return tuple(
        replace(one, billed=_billed(one, printed[key], discounts)) if key in printed else one
        for one in corrections
        for key in [corrected_key(one)]
    )


def _billed(one: CorrectionFacts, line: Line, discounts: Sequence[Discount]) -> BilledUsage:
    mine = [of for of in discounts if of.line == line.key]
    moved = {of.coupon.number: of.gross_minor for of in mine}
    given = tuple(
        replace(of, amount_minor=of.amount_minor + moved.get(of.coupon.number, 0))
        for of in one.billed.discounts
    ) or tuple(replace(of, amount_minor=of.gross_minor, included_minor=0) for of in mine)
    first_off = one.billed.first_off or {of.coupon.number: of.amount_minor for of in given}
    total = one.billed.amount_minor + line.gross_minor
    return replace(
        one.billed,
        amount_minor=total,
        quantity=one.usage.quantity,
        events=one.usage.events,
        discounts=given,
        first_off=first_off,
    )


def corrected_key(correction: CorrectionFacts) -> str:
    """The key of the usage line that is corrected."""
    part, held = correction.part, correction.held
    return usage_key(correction.price, held.period.interval if part is None else part.period)


def _rerate(facts: CorrectionFacts, used: Part, currency: str) -> _Rerated:
    use = used.price.price.use(facts.usage.measured)
    part = limits_share(facts.held, used)
    rated, exact = rate(used.price, use, part)
    known = 0 if facts.is_gone else to_minor(exact, currency, rounding_of(facts.held.policy))
    return _Rerated(facts, used, use, part, rated, exact, known)


def _line(one: _Rerated, currency: str) -> Line:
    held, usage, billed = one.facts.held, one.facts.usage, one.facts.billed
    key = corrected_key(one.facts)
    return Line(
        key=f"correction:{key}",
        kind="correction",
        price=one.price.code,
        description=f"{one.price.name}, correction",
        period=one.used.period,
        quantity=plain(usage.quantity - billed.quantity),
        unit_amount=None,
        amount_minor=one.owed,
        earned="usage",
        evidence={
            **common_evidence(one.used.terms, held, one.price, one.rated, one.exact),
            "usage": usage_evidence(one.price, usage, one.use),
            **({} if one.part.is_whole else {"share": share_evidence(held.period, one.part)}),
            **spans_evidence(one.used, held),
            "correction": {
                "quantity_billed": plain(billed.quantity),
                "events_billed": billed.events,
                "amount_known": Money(one.known, currency).amount,
                "amount_billed": Money(billed.amount_minor, currency).amount,
                **({"is_gone": True} if one.facts.is_gone else {}),
            },
        },
        corrects={"invoice": one.facts.invoice, "line": key},
        tax=one.facts.tax,
    )
