"""From facts to an invoice: the one function behind preview, issue and `verify`. Pure.

The order of lines: what is billed after the fact for the period that ended, what is billed ahead
for the one that begins, what changes made of what was billed, the charges that waited, the
corrections. Each line is rounded once; totals
add what is printed. Source: docs/invoices.md, docs/late-usage.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from billing.rating.changed import amount_of_credit, changed_lines
from billing.rating.composition import Composition, compose, corrected_minimum
from billing.rating.correction import corrected
from billing.rating.discounts import discount_content
from billing.rating.facts import (
    ChargeFacts,
    CorrectionFacts,
    InvoiceFacts,
    MinimumFacts,
    Part,
    PeriodFacts,
    UsageFacts,
)
from billing.rating.fees import ONE, fee_lines
from billing.rating.lines import (
    WHOLE,
    Earned,
    Line,
    common_evidence,
    limits_share,
    period_content,
    rate,
    rounding_of,
    share_evidence,
    spans_evidence,
    unit_amount_of,
    usage_evidence,
    usage_key,
)
from billing.rating.minimum import amount_of_minimum, counted_minor
from billing.rating.parts import fee_parts, part_minor, usage_parts
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.proration import Share
from billing.rating.schedule import BillingPeriod
from billing.rating.taxes import Exemption, TaxFacts
from billing.rating.terms import Terms
from neruba.canonical import sha256_hex
from neruba.decimals import plain
from neruba.money import Money, to_minor
from neruba.period import Interval, rfc3339


@dataclass(frozen=True, slots=True)
class InvoiceContent:
    """An invoice as computed, before it is stored."""

    facts: InvoiceFacts
    composed: Composition

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.composed.lines

    @property
    def corrected(self) -> tuple[CorrectionFacts, ...]:
        """The facts of its corrections as the next document finds them: this one is billed too."""
        return corrected(self.facts.corrections, self.lines, self.composed.discounts)

    @property
    def corrected_minimums(self) -> tuple[MinimumFacts, ...]:
        """The minimums of corrected periods as the next document finds them."""
        return tuple(corrected_minimum(one, self.composed) for one in self.facts.minimums)

    @property
    def total(self) -> Money:
        return Money(self.composed.total_minor, self.facts.currency)

    def counted_minor(self, period: BillingPeriod) -> int:
        """What it counts towards the plan's minimum of a period, in minor units."""
        return counted_minor(self.lines, self.composed.discounts, period)

    @property
    def is_made(self) -> bool:
        """Whether a document comes of it: nothing but zero lines is issued only for a plan with a
        fee, and not for a trial or a pause.
        """
        if any(line.amount_minor for line in self.lines):
            return True
        return bool(self.lines) and self.facts.bills_fees

    def content(self) -> dict[str, Any]:
        return self._content([line.content(self.facts.currency) for line in self.lines])

    @property
    def content_hash(self) -> str:
        return sha256_hex(
            self._content([line.hashed_content(self.facts.currency) for line in self.lines])
        )

    def _content(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        facts = self.facts
        return invoice_content(
            customer=facts.customer,
            subscription=facts.subscription,
            currency=facts.currency,
            period=facts.period,
            lines=lines,
            discounts=discount_content(self.composed.discounts, facts.currency),
            taxes=[tax.content(facts.currency) for tax in self.composed.taxes],
            total=self.total,
        )


def invoice_content(
    *,
    customer: str,
    subscription: str,
    currency: str,
    period: Interval,
    lines: list[dict[str, Any]],
    discounts: list[dict[str, Any]],
    taxes: list[dict[str, Any]],
    total: Money,
) -> dict[str, Any]:
    """An invoice in the form whose hash is `content_hash`: natural keys and business times only."""
    return {
        "customer": customer,
        "subscription": subscription or None,
        "currency": currency,
        "period": period_content(period),
        "lines": lines,
        "discounts": discounts,
        "taxes": taxes,
        "total": total.amount,
    }


def compute_invoice(facts: InvoiceFacts) -> InvoiceContent:
    """Compute an invoice. For the same facts the same lines, on any machine, in any year."""
    return InvoiceContent(facts, compose(facts, tuple(_lines(facts))))


def amount_of_evidence(evidence: Mapping[str, Any], currency: str) -> int:
    """Compute a line's amount in minor units again, from its evidence alone."""
    amount = _gross_of_evidence(evidence, currency)
    if "included_tax" in evidence:
        amount -= Money.parse(evidence["included_tax"]["tax"], currency).minor
    return amount


def _gross_of_evidence(evidence: Mapping[str, Any], currency: str) -> int:
    if "charge" in evidence:
        return Money.parse(evidence["charge"]["amount"], currency).minor
    if "minimum" in evidence:
        return amount_of_minimum(evidence, currency)
    if "credit" in evidence:
        return amount_of_credit(evidence, currency)
    price = parse_plan_price(evidence["price"])
    use, part = use_of_evidence(price, evidence), part_of_evidence(evidence)
    rounding = evidence["policy"]["rounding"]
    if price.kind != "usage":
        whole = price.price.rate(use).amount_exact
        before = evidence["share"].get("before", 0)
        return part_minor(whole, part, before=before, currency=currency, rounding=rounding)
    _, exact = rate(price, use, part)
    amount = to_minor(exact, currency, rounding)
    if "correction" in evidence:
        if evidence["correction"].get("is_gone"):
            amount = 0
        amount -= Money.parse(evidence["correction"]["amount_billed"], currency).minor
    return amount


def part_of_evidence(evidence: Mapping[str, Any]) -> Share:
    """Which part of its period a line, or its minimum and maximum, is for."""
    part = evidence.get("share")
    return Share(part["numerator"], part["denominator"], part["unit"]) if part else WHOLE


def use_of_evidence(price: PlanPrice, evidence: Mapping[str, Any]) -> Any:
    """What a line's price was applied to: usage, seats, or the one of a fee."""
    if "usage" in evidence:
        return price.price.read(evidence["usage"])
    return Decimal(evidence["quantity"]) if "quantity" in evidence else ONE


def _lines(facts: InvoiceFacts) -> Iterator[Line]:
    terms = facts.terms
    if terms is not None:
        yield from _in_order(terms, _ended_lines(facts, terms))
        yield from _in_order(terms, _ahead_lines(facts, terms))
    yield from changed_lines(facts)
    for charge in facts.charges:
        yield _charge_line(charge, facts.currency, facts.tax.exempt)


def _in_order(terms: Terms, lines: Iterator[Line]) -> list[Line]:
    """Lines in the order of the prices, those of prices that are there no more last."""
    places = {price.code: place for place, price in enumerate(terms.prices)}
    return sorted(lines, key=lambda line: places.get(line.price, len(places)))


def _ended_lines(facts: InvoiceFacts, terms: Terms) -> Iterator[Line]:
    for held in facts.all_ended:
        for part in usage_parts(held, terms):
            yield _usage_line(facts, held, part, facts.usage_of(held, part))
        for part in fee_parts(held, terms, "in_arrears"):
            yield from _fee_lines(facts, held, part, earned="fee")


def _ahead_lines(facts: InvoiceFacts, terms: Terms) -> Iterator[Line]:
    for held in facts.all_begun:
        for part in fee_parts(held, terms, "in_advance"):
            yield from _fee_lines(facts, held, part, earned="ahead")
    if facts.begun is None or facts.boundary != facts.first_paid:
        return
    for price in terms.prices:
        if price.kind == "one_time":
            once = Part(price, terms, (facts.begun.period.interval,))
            yield from _fee_lines(facts, facts.begun, once, earned="fee")


def _unit(facts: InvoiceFacts, *, is_ahead: bool) -> int:
    """The number of the period between boundaries that a line is counted for: the one that begins,
    or the one that ended.
    """
    assert facts.boundary is not None, "only a boundary has lines of prices"
    return facts.boundary if is_ahead else facts.boundary - 1


def _fee_lines(
    facts: InvoiceFacts, held: PeriodFacts, part: Part, *, earned: Earned
) -> Iterator[Line]:
    unit = _unit(facts, is_ahead=earned == "ahead" or part.price.kind == "one_time")
    for line in fee_lines(held, part, part.spans, currency=facts.currency):
        yield replace(line, earned=earned, unit=unit)


def _usage_line(facts: InvoiceFacts, held: PeriodFacts, used: Part, usage: UsageFacts) -> Line:
    price = used.price
    use = price.price.use(usage.measured)
    part = limits_share(held, used)
    rated, exact = rate(price, use, part)
    return Line(
        key=usage_key(price.code, used.period),
        kind="usage",
        price=price.code,
        description=price.name,
        period=used.period,
        quantity=plain(usage.quantity),
        unit_amount=unit_amount_of(price),
        amount_minor=to_minor(exact, facts.currency, rounding_of(held.policy)),
        earned="usage",
        unit=_unit(facts, is_ahead=False),
        evidence={
            **common_evidence(used.terms, held, price, rated, exact),
            "usage": usage_evidence(price, usage, use),
            **({} if part.is_whole else {"share": share_evidence(held.period, part)}),
            **spans_evidence(used, held),
        },
    )


def _charge_line(charge: ChargeFacts, currency: str, exempt: Exemption) -> Line:
    return Line(
        key=f"charge:{charge.key}",
        kind="charge",
        price="",
        description=charge.description,
        period=Interval(charge.effective_at, charge.effective_at),
        quantity="1",
        unit_amount=Money(charge.amount_minor, currency).amount,
        amount_minor=charge.amount_minor,
        earned="fee",
        tax=None if charge.rate is None else TaxFacts((charge.rate,), exempt),
        evidence={
            "charge": {
                "key": charge.key,
                "amount": Money(charge.amount_minor, currency).amount,
                "effective_at": rfc3339(charge.effective_at),
                "tax_code": charge.tax_code,
            }
        },
    )
