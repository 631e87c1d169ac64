"""What billing knows of usage: the lines that an event counted in, and which intervals
are billed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from billing.models import Invoice, InvoiceLine
from billing.selectors.amounts import line_amount
from ingest.models import Meter, UsageEvent
from ingest.selectors.bounds import ArrivalBound, counted_at
from ingest.selectors.trace import windows_of
from neruba.models import Customer
from neruba.period import parse_instant, rfc3339


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
    """The issued lines of these kinds for the event's meter and subscription, of the parts of
    periods in which it lies; and where the meter carries over, of every later one.
    """
    customer = event.subject.customer
    meters = {window.meter.code: window.meter for window in windows_of(event)}
    if customer is None or not meters:
        return []
    lines = _issued(customer, kinds).filter(period_end__gt=event.effective_at)
    if not any(map(_is_level, meters.values())):
        lines = lines.filter(period_start__lte=event.effective_at)
    return [
        line
        for line in lines.order_by("invoice__sequence", "position")
        for evidence in [json.loads(line.evidence)]
        if "usage" in evidence
        for meter in [meters.get(evidence["usage"]["meter"])]
        if meter is not None
        and _reaches(event.effective_at, line, evidence, meter)
        and _may_hold(line.invoice, event)
    ]


def _is_level(meter: Meter) -> bool:
    """Whether an event counts on after its instant."""
    return meter.carry_over or meter.aggregation == "weighted_sum"


def _reaches(at: datetime, line: InvoiceLine, evidence: Mapping[str, Any], meter: Meter) -> bool:
    """Whether what happened at an instant counts in a line: in one of its parts, or where it
    changes a level, at any time of the period before the last of them ends; carried over, at any
    time before that.
    """
    if meter.carry_over:
        return at < line.period_end
    if _is_level(meter):
        return parse_instant(evidence["period"]["start"]) <= at < line.period_end
    return any(start <= at < end for start, end in _spans(line, evidence))


def _spans(line: InvoiceLine, evidence: Mapping[str, Any]) -> list[tuple[datetime, datetime]]:
    """The time whose usage a line is for."""
    if "parts" not in evidence:
        return [(line.period_start, line.period_end)]
    return [
        (parse_instant(part["start"]), parse_instant(part["end"])) for part in evidence["parts"]
    ]


def _may_hold(invoice: Invoice, event: UsageEvent) -> bool:
    subscription = invoice.subscription
    return subscription is not None and event.subscription in {"", subscription.external_id}


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
    issued: list[tuple[datetime, datetime]] = []
    for line in _issued(customer, ["usage"]):
        evidence = json.loads(line.evidence)
        if evidence["usage"]["meter"] == meter.code:
            issued += _spans(line, evidence)
    whole = _joined(issued)
    return [
        any(start <= begin and end <= stop for start, stop in whole) for begin, end in intervals
    ]


def _joined(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Intervals that touch as one: a day in which a price changed lies in two lines."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
