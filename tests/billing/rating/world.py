"""The facts of an invoice, made by hand: pure, for tests and for the benchmark of rating."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.rating.facts import BilledUsage, CorrectionFacts, InvoiceFacts, PeriodFacts, UsageFacts
from billing.rating.plan import parse_plan_price
from billing.rating.rhythm import Rhythm
from billing.rating.terms import Terms
from neruba.project_settings import ProjectSettings

START = datetime(2026, 1, 15, tzinfo=UTC)


def terms_of(prices: Sequence[Mapping[str, Any]]) -> Terms:
    return Terms(
        plan="pro",
        plan_version=3,
        currency="USD",
        rhythm=Rhythm("month"),
        anchor="calendar",
        billing_day=None,
        zone="Europe/Berlin",
        basis="day",
        start=START,
        prices=tuple(parse_plan_price(price) for price in prices),
    )


def invoice_facts(
    prices: Sequence[Mapping[str, Any]],
    quantities: Mapping[str, str],
    corrected: Mapping[str, tuple[str, int]] | None = None,
) -> InvoiceFacts:
    """The second boundary of a subscription with these prices: usage by price code; what corrects
    the usage of the period before, as the quantity known now and the minor units billed.
    """
    terms = terms_of(prices)
    policy = ProjectSettings()
    before, ended, begun = (PeriodFacts(terms.schedule.period(n), policy) for n in range(3))
    return InvoiceFacts(
        customer="acme",
        subscription="sub",
        currency="USD",
        period=ended.period.interval,
        terms=terms,
        boundary=2,
        ended=ended,
        begun=begun,
        usage={code: usage_facts(text) for code, text in quantities.items()},
        corrections=tuple(
            CorrectionFacts(
                held=before,
                price=code,
                invoice="invoice:sub:1",
                usage=usage_facts(text),
                billed=BilledUsage(minor, Decimal(1), 1),
                unit=0,
            )
            for code, (text, minor) in (corrected or {}).items()
        ),
    )


def usage_facts(quantity: str) -> UsageFacts:
    return UsageFacts("calls", "sum", Decimal(quantity), 7, "ab" * 16)
