"""From facts to an invoice: the one function behind preview, issue and `verify`. Pure.

The order of lines: what is billed after the fact for the period that ended, what is billed ahead
for the one that begins, the charges that waited, the corrections. Each line is rounded once; totals
add what is printed. Source: docs/invoices.md, docs/late-usage.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.rating.composition import Composition, compose, corrected_minimum
from billing.rating.correction import corrected
from billing.rating.discounts import discount_content
from billing.rating.facts import (
    ChargeFacts,
    CorrectionFacts,
    InvoiceFacts,
    MinimumFacts,
    PeriodFacts,
    UsageFacts,
)
from billing.rating.lines import (
    WHOLE,
    Earned,
    Line,
    basis_of,
    common_evidence,
    limits_share,
    line_key,
    period_content,
    rate,
    rounding_of,
    share_evidence,
    unit_amount_of,
    usage_evidence,
)
from billing.rating.minimum import amount_of_minimum, counted_minor
from billing.rating.numbers import number_text
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.proration import Share, share
from billing.rating.taxes import Exemption, TaxFacts
from billing.rating.terms import Terms
from neruba.canonical import sha256_hex
from neruba.decimals import plain
from neruba.money import Money, to_minor
from neruba.period import Interval, rfc3339

ONE = Decimal(1)


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

    def counted_minor(self, period: Interval) -> int:
        """What it counts towards the plan's minimum of a period, in minor units."""
        return counted_minor(self.lines, self.composed.discounts, period)

    @property
    def is_made(self) -> bool:
        """Whether a document comes of it: nothing but zero lines is issued only for a plan with a
        fee.
        """
        if any(line.amount_minor for line in self.lines):
            return True
        return bool(self.lines) and self.facts.terms is not None and self.facts.terms.has_fee

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
    price = parse_plan_price(evidence["price"])
    use = use_of_evidence(price, evidence)
    _, exact = rate(price, use, part_of_evidence(evidence))
    amount = to_minor(exact, currency, evidence["policy"]["rounding"])
    if "correction" in evidence:
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
        for price in terms.prices:
            ended = facts.ended_on(terms.rhythm_of(price))
            if ended is not None and price.kind == "usage":
                yield _usage_line(facts, terms, ended, price, facts.usage[price.code])
            elif ended is not None and _is_fee(price, "in_arrears"):
                yield _fee_line(facts, terms, ended, price, earned="fee")
        for price in terms.prices:
            begun = facts.begun_on(terms.rhythm_of(price))
            if begun is not None and _is_fee(price, "in_advance"):
                yield _fee_line(facts, terms, begun, price, earned="ahead")
            elif facts.boundary == 0 and begun is not None and price.kind == "one_time":
                yield _fee_line(facts, terms, begun, price, earned="fee")
    for charge in facts.charges:
        yield _charge_line(charge, facts.currency, facts.tax.exempt)


def _unit(facts: InvoiceFacts, *, is_ahead: bool) -> int:
    """The number of the period between boundaries that a line is counted for: the one that begins,
    or the one that ended.
    """
    assert facts.boundary is not None, "only a boundary has lines of prices"
    return facts.boundary if is_ahead else facts.boundary - 1


def _is_fee(price: PlanPrice, billing: str) -> bool:
    return price.is_fee and price.billing == billing


def _fee_line(
    facts: InvoiceFacts, terms: Terms, held: PeriodFacts, price: PlanPrice, *, earned: Earned
) -> Line:
    period, policy = held.period, held.policy
    part = share(period.span, period.whole, basis=basis_of(policy), rhythm=terms.rhythm_of(price))
    if price.kind == "one_time" or not price.prorate:
        part = Share(part.denominator, part.denominator, part.unit)
    seats = terms.quantities[price.code] if price.kind == "seat" else None
    rated, exact = rate(price, ONE if seats is None else seats, part)
    days = "" if part.is_whole else f" ({part.numerator} of {part.denominator} {part.unit})"
    return Line(
        key=line_key(price, period.interval),
        kind=price.kind,
        price=price.code,
        description=f"{price.name}{days}",
        period=period.interval,
        quantity="1" if seats is None else plain(seats),
        unit_amount=number_text(rated.amount_exact) if seats is None else unit_amount_of(price),
        amount_minor=to_minor(exact, facts.currency, rounding_of(policy)),
        earned=earned,
        unit=_unit(facts, is_ahead=earned == "ahead" or price.kind == "one_time"),
        evidence={
            **common_evidence(terms, held, price, rated, exact),
            **({} if seats is None else {"quantity": plain(seats)}),
            "share": share_evidence(period, part),
        },
    )


def _usage_line(
    facts: InvoiceFacts, terms: Terms, held: PeriodFacts, price: PlanPrice, usage: UsageFacts
) -> Line:
    use = price.price.use(usage.measured)
    part = limits_share(terms, held, price)
    rated, exact = rate(price, use, part)
    return Line(
        key=line_key(price, held.period.interval),
        kind="usage",
        price=price.code,
        description=price.name,
        period=held.period.interval,
        quantity=plain(usage.quantity),
        unit_amount=unit_amount_of(price),
        amount_minor=to_minor(exact, facts.currency, rounding_of(held.policy)),
        earned="usage",
        unit=_unit(facts, is_ahead=False),
        evidence={
            **common_evidence(terms, held, price, rated, exact),
            "usage": usage_evidence(price, usage, use),
            **({} if part.is_whole else {"share": share_evidence(held.period, part)}),
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
