"""What billing knows of usage: the lines that an event counted in, and which intervals
are billed.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from billing.models import Invoice, InvoiceLine
from billing.selectors.documents import line_amount
from ingest.models import Meter, UsageEvent
from ingest.selectors.bounds import ArrivalBound, counted_at
from ingest.selectors.trace import windows_of
from neruba.models import Customer
from neruba.period import rfc3339


def _issued_usage(customer: Customer) -> QuerySet[InvoiceLine]:
    rows = InvoiceLine.objects.filter(
        project=customer.project, invoice__customer=customer, kind="usage"
    )
    return rows.exclude(invoice__status=Invoice.Status.VOID).select_related(
        "invoice__subscription", "transfer__debit_account"
    )


def lines_of_event(event: UsageEvent) -> list[dict[str, Any]]:
    """The issued usage lines whose quantity holds the event, oldest first, as the API shows them.

    A line holds what had arrived, and was not retracted, by the bound of its invoice.
    """
    customer = event.subject.customer
    meters = {window.meter.code for window in windows_of(event)}
    if customer is None or not meters:
        return []
    lines = _issued_usage(customer).filter(
        period_start__lte=event.effective_at, period_end__gt=event.effective_at
    )
    return [
        {
            "invoice": line.invoice.public_id,
            "number": line.invoice.number,
            "line": line.line_key,
            "amount": line_amount(line, line.invoice.currency).amount,
            "currency": line.invoice.currency,
            "finalized_at": line.invoice.finalized_at and rfc3339(line.invoice.finalized_at),
        }
        for line in lines.order_by("invoice_id", "position")
        if _holds(line, event, meters)
    ]


def _holds(line: InvoiceLine, event: UsageEvent, meters: set[str]) -> bool:
    invoice = line.invoice
    bound = ArrivalBound(invoice.bound_event, invoice.bound_retraction)
    subscription = invoice.subscription
    named = subscription is not None and event.subscription in {"", subscription.external_id}
    meter = json.loads(line.evidence)["usage"]["meter"]
    return named and meter in meters and counted_at(event, bound)


def billed_for_good(
    customer: Customer, meter: Meter, intervals: Sequence[tuple[datetime, datetime]]
) -> list[bool]:
    """Which intervals lie in usage lines of this meter that were issued."""
    issued = [
        (line.period_start, line.period_end)
        for line in _issued_usage(customer)
        if json.loads(line.evidence)["usage"]["meter"] == meter.code
    ]
    return [
        any(start <= begin and end <= stop for start, stop in issued) for begin, end in intervals
    ]
