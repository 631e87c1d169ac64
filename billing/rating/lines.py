"""A line of an invoice, and what all kinds of lines have in common. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Literal, cast

from billing.rating.facts import PeriodFacts, UsageFacts
from billing.rating.numbers import number_text
from billing.rating.plan import PlanPrice
from billing.rating.price import Rated
from billing.rating.proration import POLICIES, Basis, Share, prorate
from billing.rating.terms import Terms
from neruba.canonical import canonical_json, embedded
from neruba.decimals import plain
from neruba.money import Money, Rounding
from neruba.period import Interval, rfc3339
from neruba.project_settings import ProjectSettings

LineKind = Literal["recurring", "seat", "usage", "one_time", "charge", "correction"]
Earned = Literal["ahead", "usage", "fee"]

WHOLE = Share(1, 1, "days")


@dataclass(frozen=True)
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
    corrects: Mapping[str, str] | None = None

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
    """Rate a use of a whole period, as `Price.use` or `Price.read` gives it, and take a share."""
    rated = price.price.rate(use)
    return rated, prorate(rated.amount_exact, part)


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
    period = held.period
    return {
        "plan": {"code": terms.plan, "version": terms.plan_version},
        "price": price.definition(),
        "law": price.price.law,
        "policy": {
            "proration": POLICIES[basis_of(held.policy)],
            "rounding": held.policy.rounding,
            "timezone": terms.zone,
        },
        "period": _period_evidence(period.start, period.end, period.starts_on, period.ends_on),
        "steps": [step.evidence() for step in rated.steps],
        "amount_exact": number_text(exact),
    }


@lru_cache(maxsize=1024)
def _period_evidence(
    start: datetime, end: datetime, starts_on: date, ends_on: date
) -> Mapping[str, str]:
    """Subscriptions with one billing calendar have the same few periods."""
    return {
        **period_content(Interval(start, end)),
        "starts_on": starts_on.isoformat(),
        "ends_on": ends_on.isoformat(),
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
