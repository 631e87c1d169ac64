"""From facts to an invoice: the one function behind preview, issue and `verify`. Pure.

The order of lines: what is billed after the fact for the period that ended, what is billed ahead
for the one that begins, then the charges that waited. Each line is rounded once; totals add what is
printed. Source: docs/invoices.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, cast

from billing.rating.facts import ChargeFacts, InvoiceFacts, PeriodFacts, UsageFacts
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.price import Rated
from billing.rating.proration import POLICIES, Basis, Share, prorate, share
from neruba.canonical import sha256_hex
from neruba.decimals import plain
from neruba.money import Money, Rounding, to_minor
from neruba.period import Interval, rfc3339
from neruba.project_settings import ProjectSettings

LineKind = Literal["recurring", "usage", "one_time", "charge"]
Earned = Literal["ahead", "usage", "fee"]

ONE = Decimal(1)
EXACT_PLACES = 12


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an invoice. `earned` says when its income is earned; it is for the books, not
    printed.
    """

    key: str
    kind: LineKind
    price: str
    description: str
    period: Interval
    quantity: str
    unit_amount: str | None
    amount_minor: int
    earned: Earned
    evidence: Mapping[str, Any]

    def content(self, currency: str) -> dict[str, Any]:
        """The line as it is hashed and shown."""
        return line_content(
            key=self.key,
            kind=self.kind,
            price=self.price,
            description=self.description,
            period=self.period,
            quantity=self.quantity,
            unit_amount=self.unit_amount,
            amount=Money(self.amount_minor, currency),
            corrects=None,
            evidence=self.evidence,
        )


@dataclass(frozen=True, slots=True)
class InvoiceContent:
    """An invoice as computed, before it is stored."""

    facts: InvoiceFacts
    lines: tuple[Line, ...]

    @property
    def total(self) -> Money:
        return Money(sum(line.amount_minor for line in self.lines), self.facts.currency)

    @property
    def is_made(self) -> bool:
        """Whether a document comes of it: nothing but zero lines is issued only for a plan with a
        fee.
        """
        if any(line.amount_minor for line in self.lines):
            return True
        return bool(self.lines) and self.facts.terms is not None and self.facts.terms.has_fee

    def content(self) -> dict[str, Any]:
        facts = self.facts
        return invoice_content(
            customer=facts.customer,
            subscription=facts.subscription,
            currency=facts.currency,
            period=facts.period,
            lines=[line.content(facts.currency) for line in self.lines],
            total=self.total,
        )

    @property
    def content_hash(self) -> str:
        return sha256_hex(self.content())


def line_content(
    *,
    key: str,
    kind: str,
    price: str,
    description: str,
    period: Interval,
    quantity: str,
    unit_amount: str | None,
    amount: Money,
    corrects: Mapping[str, str] | None,
    evidence: Mapping[str, Any],
) -> dict[str, Any]:
    """A line in the form that is hashed: the same for what is computed and for what is read from
    the books.
    """
    return {
        "id": key,
        "kind": kind,
        "price": price or None,
        "description": description,
        "period": period_content(period),
        "quantity": quantity,
        "unit_amount": unit_amount,
        "amount": amount.amount,
        "corrects": corrects,
        "evidence": evidence,
    }


def invoice_content(
    *,
    customer: str,
    subscription: str,
    currency: str,
    period: Interval,
    lines: list[dict[str, Any]],
    total: Money,
) -> dict[str, Any]:
    """An invoice in the form whose hash is `content_hash`: natural keys and business times only."""
    return {
        "customer": customer,
        "subscription": subscription or None,
        "currency": currency,
        "period": period_content(period),
        "lines": lines,
        "discounts": [],
        "taxes": [],
        "total": total.amount,
    }


def period_content(period: Interval) -> dict[str, str]:
    return {"start": rfc3339(period.start), "end": rfc3339(period.end)}


def compute_invoice(facts: InvoiceFacts) -> InvoiceContent:
    """Compute an invoice. For the same facts the same lines, on any machine, in any year."""
    return InvoiceContent(facts, tuple(_lines(facts)))


def amount_of_evidence(evidence: Mapping[str, Any], currency: str) -> int:
    """Compute a line's amount in minor units again, from its evidence alone."""
    if "charge" in evidence:
        return Money.parse(evidence["charge"]["amount"], currency).minor
    price = parse_plan_price(evidence["price"])
    quantity = Decimal(evidence["usage"]["quantity"]) if "usage" in evidence else ONE
    part = evidence.get("share")
    whole = Share(1, 1, "days")
    taken = Share(part["numerator"], part["denominator"], part["unit"]) if part else whole
    _, exact = _rate(price, quantity, taken)
    return to_minor(exact, currency, evidence["policy"]["rounding"])


def _lines(facts: InvoiceFacts) -> Iterator[Line]:
    if facts.terms is not None:
        for price in facts.terms.prices:
            if facts.ended is not None and price.kind == "usage":
                yield _usage_line(facts, facts.ended, price, facts.usage[price.code])
            elif facts.ended is not None and _is_fee(price, "in_arrears"):
                yield _fee_line(facts, facts.ended, price, earned="fee")
        for price in facts.terms.prices:
            if facts.begun is not None and _is_fee(price, "in_advance"):
                yield _fee_line(facts, facts.begun, price, earned="ahead")
            elif facts.boundary == 0 and facts.begun is not None and price.kind == "one_time":
                yield _fee_line(facts, facts.begun, price, earned="fee")
    for charge in facts.charges:
        yield _charge_line(charge, facts.currency)


def _is_fee(price: PlanPrice, billing: str) -> bool:
    return price.kind == "recurring" and price.billing == billing


def _rate(price: PlanPrice, quantity: Decimal, part: Share) -> tuple[Rated, Fraction]:
    rated = price.price.rate(before=None, quantity=quantity)
    return rated, prorate(rated.amount_exact, part)


def _fee_line(facts: InvoiceFacts, held: PeriodFacts, price: PlanPrice, *, earned: Earned) -> Line:
    assert facts.terms is not None
    period, policy = held.period, held.policy
    part = share(period.span, period.whole, basis=_basis(policy), rhythm=facts.terms.rhythm)
    if price.kind == "one_time" or not price.prorate:
        part = Share(part.denominator, part.denominator, part.unit)
    rated, exact = _rate(price, ONE, part)
    days = "" if part.is_whole else f" ({part.numerator} of {part.denominator} {part.unit})"
    return Line(
        key=_key(price, period.interval),
        kind=price.kind,
        price=price.code,
        description=f"{price.name}{days}",
        period=period.interval,
        quantity="1",
        unit_amount=plain(rated.amount_exact),
        amount_minor=to_minor(exact, facts.currency, _rounding(policy)),
        earned=earned,
        evidence={
            **_common_evidence(facts, held, price, rated, exact),
            "share": {
                "numerator": part.numerator,
                "denominator": part.denominator,
                "unit": part.unit,
                "whole": {
                    "starts_on": period.whole_starts_on.isoformat(),
                    "ends_on": period.ends_on.isoformat(),
                },
            },
        },
    )


def _usage_line(
    facts: InvoiceFacts, held: PeriodFacts, price: PlanPrice, usage: UsageFacts
) -> Line:
    rated, exact = _rate(price, usage.quantity, Share(1, 1, "days"))
    unit = price.price.definition().get("unit_amount")
    return Line(
        key=_key(price, held.period.interval),
        kind="usage",
        price=price.code,
        description=price.name,
        period=held.period.interval,
        quantity=plain(usage.quantity),
        unit_amount=unit if isinstance(unit, str) else None,
        amount_minor=to_minor(exact, facts.currency, _rounding(held.policy)),
        earned="usage",
        evidence={
            **_common_evidence(facts, held, price, rated, exact),
            "usage": {
                "meter": usage.meter,
                "aggregation": usage.aggregation,
                "quantity": plain(usage.quantity),
                "events": usage.events,
                "checksum": usage.checksum,
            },
        },
    )


def _charge_line(charge: ChargeFacts, currency: str) -> Line:
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
        evidence={
            "charge": {
                "key": charge.key,
                "amount": Money(charge.amount_minor, currency).amount,
                "effective_at": rfc3339(charge.effective_at),
                "tax_code": charge.tax_code,
            }
        },
    )


def _key(price: PlanPrice, period: Interval) -> str:
    return f"{price.kind}:{price.code}:{rfc3339(period.start)}"


def _basis(policy: ProjectSettings) -> Basis:
    return cast("Basis", policy.proration_basis)


def _rounding(policy: ProjectSettings) -> Rounding:
    return cast("Rounding", policy.rounding)


def _common_evidence(
    facts: InvoiceFacts, held: PeriodFacts, price: PlanPrice, rated: Rated, exact: Fraction
) -> dict[str, Any]:
    assert facts.terms is not None
    terms, period = facts.terms, held.period
    return {
        "plan": {"code": terms.plan, "version": terms.plan_version},
        "price": price.definition(),
        "law": price.price.law,
        "policy": {
            "proration": POLICIES[_basis(held.policy)],
            "rounding": held.policy.rounding,
            "timezone": terms.zone,
        },
        "period": {
            **period_content(period.interval),
            "starts_on": period.starts_on.isoformat(),
            "ends_on": period.ends_on.isoformat(),
        },
        "steps": [step.evidence() for step in rated.steps],
        "amount_exact": exact_text(exact),
    }


def exact_text(exact: Fraction) -> str:
    """The exact value as a decimal; where it has no end, 12 decimals (the evidence's share has the
    rest).
    """
    scaled = round(exact * 10**EXACT_PLACES)
    digits = f"{abs(scaled):0{EXACT_PLACES + 1}d}"
    sign = "-" if scaled < 0 else ""
    return plain(Decimal(f"{sign}{digits[:-EXACT_PLACES]}.{digits[-EXACT_PLACES:]}"))
