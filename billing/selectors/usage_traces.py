"""What billing knows of usage: the lines that an event counted in, and which intervals
are billed.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from billing.models import Invoice, InvoiceLine
from billing.selectors.amounts import line_amount
from ingest.models import Meter, UsageEvent
from ingest.selectors.bounds import ArrivalBound, counted_at
from ingest.selectors.trace import windows_of
from neruba.models import Customer
from neruba.period import rfc3339


def _issued(customer: Customer, kinds: Sequence[str]) -> QuerySet[InvoiceLine]:
    rows = InvoiceLine.objects.filter(
        project=customer.project, invoice__customer=customer, kind__in=kinds
    )
    return rows.exclude(invoice__status=Invoice.Status.VOID).select_related(
        "invoice__subscription", "transfer__debit_account"
    )


def lines_of_event(event: UsageEvent) -> list[dict[str, Any]]:
    """The issued usage lines whose quantity holds the event, oldest first, as the API shows them.

    A line holds what had arrived, and was not retracted, by the bound of its invoice; one whose
    meter carries over, what had happened before its period too.
    """
    return [
        _shown(line)
        for line in _lines_about(event, ["usage"])
        if counted_at(event, _bound_of(line.invoice))
    ]


def corrections_of_event(event: UsageEvent) -> list[dict[str, Any]]:
    """The correction lines in which the event began to count, or ceased to, oldest first."""
    counted: dict[tuple[int | None, str], bool] = {}
    answer = []
    for line in _lines_about(event, ["usage", "correction"]):
        key = (line.invoice.subscription_id, line.corrects_line or line.line_key)
        counts = counted_at(event, _bound_of(line.invoice))
        if line.kind == "correction" and counts != counted.get(key, False):
            answer.append(_shown(line))
        counted[key] = counts
    return answer


def _lines_about(event: UsageEvent, kinds: Sequence[str]) -> list[InvoiceLine]:
    """The issued lines of these kinds for the event's meter and subscription, of the period in
    which it lies; and where the meter carries over, of every later one.
    """
    customer = event.subject.customer
    meters = {window.meter.code: window.meter for window in windows_of(event)}
    if customer is None or not meters:
        return []
    lines = _issued(customer, kinds).filter(period_end__gt=event.effective_at)
    carried = {code for code, meter in meters.items() if meter.carry_over}
    if not carried:
        lines = lines.filter(period_start__lte=event.effective_at)
    return [
        line
        for line in lines.order_by("invoice__sequence", "position")
        for meter in [_meter_of(line)]
        if meter in meters
        and (line.period_start <= event.effective_at or meter in carried)
        and _may_hold(line.invoice, event)
    ]


def _may_hold(invoice: Invoice, event: UsageEvent) -> bool:
    subscription = invoice.subscription
    return subscription is not None and event.subscription in {"", subscription.external_id}


def _meter_of(line: InvoiceLine) -> str:
    meter: str = json.loads(line.evidence)["usage"]["meter"]
    return meter


def _bound_of(invoice: Invoice) -> ArrivalBound:
    return ArrivalBound(invoice.bound_event, invoice.bound_retraction)


def _shown(line: InvoiceLine) -> dict[str, Any]:
    return {
        "invoice": line.invoice.public_id,
        "number": line.invoice.number,
        "line": line.line_key,
        "amount": line_amount(line, line.invoice.currency).amount,
        "currency": line.invoice.currency,
        "finalized_at": line.invoice.finalized_at and rfc3339(line.invoice.finalized_at),
    }


def billed_for_good(
    customer: Customer, meter: Meter, intervals: Sequence[tuple[datetime, datetime]]
) -> list[bool]:
    """Which intervals lie in usage lines of this meter that were issued."""
    issued = [
        (line.period_start, line.period_end)
        for line in _issued(customer, ["usage"])
        if _meter_of(line) == meter.code
    ]
    return [
        any(start <= begin and end <= stop for start, stop in issued) for begin, end in intervals
    ]
