"""A line of an invoice, and what all kinds of lines have in common. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Literal, cast

from billing.rating.facts import Part, PeriodFacts, UsageFacts
from billing.rating.numbers import number_text
from billing.rating.parts import end_of_fees, share_of
from billing.rating.plan import PlanPrice
from billing.rating.price import Rated
from billing.rating.proration import POLICIES, Basis, Share, prorate
from billing.rating.schedule import BillingPeriod
from billing.rating.taxes import TaxFacts
from billing.rating.terms import Terms
from neruba.canonical import canonical_json, embedded
from neruba.decimals import plain
from neruba.money import Money, Rounding
from neruba.period import Interval, rfc3339
from neruba.project_settings import ProjectSettings

LineKind = Literal[
    "recurring", "seat", "usage", "one_time", "charge", "proration", "correction", "minimum"
]
Earned = Literal["ahead", "usage", "fee"]

WHOLE = Share(1, 1, "days")


@dataclass(frozen=True)
class Line:
    """A line of an invoice, net of inclusive tax. `earned` says when its income is earned, `unit`
    is the number of the subscription's period that coupons count it for, `tax` what it carries
    where that is not the document's: they are not printed.
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
    corrects: Mapping[str, str] | None = None
    unit: int | None = None
    tax: TaxFacts | None = None
    included_minor: int = 0

    @property
    def gross_minor(self) -> int:
        """The amount with the inclusive tax that is part of the price."""
        return self.amount_minor + self.included_minor

    def net_of(self, included_minor: int, currency: str) -> "Line":
        """The line less the inclusive tax that is part of its amount."""
        included = {
            "gross": Money(self.amount_minor, currency).amount,
            "tax": Money(included_minor, currency).amount,
        }
        return replace(
            self,
            amount_minor=self.amount_minor - included_minor,
            included_minor=included_minor,
            evidence={**self.evidence, "included_tax": included},
        )

    @cached_property
    def evidence_text(self) -> str:
        """The evidence as canonical JSON, as it is stored."""
        return canonical_json(self.evidence)

    def content(self, currency: str) -> dict[str, Any]:
        """The line as it is shown."""
        return self._content(currency, self.evidence)

    def hashed_content(self, currency: str) -> dict[str, Any]:
        """The line as it is hashed: equal in canonical JSON, with the evidence written once."""
        return self._content(currency, embedded(self.evidence_text))

    def _content(self, currency: str, evidence: object) -> dict[str, Any]:
        return line_content(
            key=self.key,
            kind=self.kind,
            price=self.price,
            description=self.description,
            period=self.period,
            quantity=self.quantity,
            unit_amount=self.unit_amount,
            amount=Money(self.amount_minor, currency),
            corrects=self.corrects,
            evidence=evidence,
        )


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
    evidence: object,
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


def period_content(period: Interval) -> dict[str, str]:
    return {"start": rfc3339(period.start), "end": rfc3339(period.end)}


def rate(price: PlanPrice, use: Any, part: Share) -> tuple[Rated, Fraction]:
    """Rate a use for a part of a period: of a fee the part is due, of usage all of it, and only its
    minimum and maximum are scaled.
    """
    if price.kind == "usage":
        rated = price.price.rate(use, part=part.fraction)
        return rated, Fraction(rated.amount_exact)
    rated = price.price.rate(use)
    return rated, prorate(rated.amount_exact, part)


def limits_share(held: PeriodFacts, part: Part) -> Share:
    """Which part of its minimum and maximum a usage price has in a period: all, unless the period
    is a short one, or the price is in force in a part of it, and it is prorated. The day of a
    termination counts as it does for fees.
    """
    price, terms = part.price, part.terms
    if not (price.prorate and price.price.limits):
        return WHOLE
    rhythm = terms.rhythm_of(price)
    *spans, last = part.spans
    if last.end == held.period.end:
        last = Interval(last.start, max(last.end, end_of_fees(held, terms.zone)))
    shares = [share_of(held, rhythm, one, terms.zone) for one in (*spans, last)]
    return replace(shares[0], numerator=sum(one.numerator for one in shares))


def spans_evidence(part: Part, held: PeriodFacts) -> dict[str, Any]:
    """Where a definition was in force, where that is not all of its period."""
    if part.spans == (held.period.interval,):
        return {}
    return {"parts": [period_content(one) for one in part.spans]}


def discount_name(line: str, number: int) -> str:
    """How transfers name what the customer's redemption of this number takes off a line."""
    return f"discount {number} {line}"


def tax_name(line: str, tax: int) -> str:
    """How transfers name what the invoice's tax of this place puts on a line."""
    return f"tax {tax} {line}"


def unit_amount_of(price: PlanPrice) -> str | None:
    """What each unit of the line costs, where the price says it in one number: after a transform it
    is none of the units that the line counts.
    """
    unit = price.price.definition().get("unit_amount")
    return unit if isinstance(unit, str) and price.price.transform is None else None


def line_key(price: PlanPrice, period: Interval) -> str:
    """The natural key of a price's line for a period, unique within its subscription."""
    return f"{price.kind}:{price.code}:{rfc3339(period.start)}"


def usage_key(price: str, period: Interval) -> str:
    """The key of the usage line of the price of this code."""
    return f"usage:{price}:{rfc3339(period.start)}"


def basis_of(policy: ProjectSettings) -> Basis:
    return cast("Basis", policy.proration_basis)


def rounding_of(policy: ProjectSettings) -> Rounding:
    return cast("Rounding", policy.rounding)


def common_evidence(
    terms: Terms, held: PeriodFacts, price: PlanPrice, rated: Rated, exact: Fraction
) -> dict[str, Any]:
    """The evidence of a line that was rated by a price."""
    return {
        "plan": {"code": terms.plan, "version": terms.plan_version},
        "price": price.definition(),
        "law": price.price.law,
        "policy": policy_evidence(held, terms.zone),
        "period": evidence_of_period(held.period),
        "steps": [step.evidence() for step in rated.steps],
        "amount_exact": number_text(exact),
    }


def policy_evidence(held: PeriodFacts, zone: str) -> dict[str, str]:
    """What dates and amounts were computed by; the day of a termination only where there may be
    one.
    """
    policy = held.policy
    may_end = held.is_terminated or len(held.held) > 1
    inclusive = may_end and policy.termination_day == "inclusive"
    return {
        "proration": POLICIES[basis_of(policy)],
        "rounding": policy.rounding,
        "timezone": zone,
        **({"termination_day": "inclusive"} if inclusive else {}),
    }


def evidence_of_period(period: BillingPeriod) -> Mapping[str, str]:
    """A period with its local dates."""
    return period_evidence(period.start, period.end, period.starts_on, period.ends_on)


@lru_cache(maxsize=1024)
def period_evidence(
    start: datetime, end: datetime, starts_on: date, ends_on: date
) -> Mapping[str, str]:
    """Subscriptions with one billing calendar have the same few periods."""
    return {
        **period_content(Interval(start, end)),
        "starts_on": starts_on.isoformat(),
        "ends_on": ends_on.isoformat(),
    }


def share_evidence(period: BillingPeriod, part: Share, *, before: int = 0) -> dict[str, Any]:
    """Which part of the whole period an amount is for; `before` are the days (or seconds) of the
    parts of the same amount that were billed before it.
    """
    return {
        "numerator": part.numerator,
        "denominator": part.denominator,
        "unit": part.unit,
        **({"before": before} if before else {}),
        "whole": {
            "starts_on": period.whole_starts_on.isoformat(),
            "ends_on": period.whole.ends_on.isoformat(),
        },
    }


def usage_evidence(price: PlanPrice, usage: UsageFacts, use: Any) -> dict[str, Any]:
    """The evidence of a usage, from which `Price.read` gives the use again."""
    return {
        "meter": usage.meter,
        "aggregation": usage.aggregation,
        "quantity": plain(usage.quantity),
        "events": usage.events,
        "checksum": usage.checksum,
        **price.price.evidence(use),
    }
