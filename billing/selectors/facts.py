"""Reading the facts of invoices, set-wise: the number of queries does not grow with the number of
invoices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from billing.models import Charge, Invoice, Subscription
from billing.rating.facts import ChargeFacts, InvoiceFacts, PeriodFacts, UsageFacts
from billing.rating.filters import PriceFilter
from billing.rating.plan import PlanPrice
from billing.rating.price import GroupUse, Reads
from billing.rating.terms import Terms
from billing.selectors.timelines import (
    Timeline,
    Turn,
    stored_periods,
    timelines_of,
    turn_at,
    turn_keys,
)
from ingest.aggregation.meter import Filter
from ingest.models import Meter
from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.usage import Detail, UsageNeed, usage_of
from neruba.models import Customer, Project, Subject
from neruba.period import Interval

UsageSource = Literal["windows", "raw"]
# What a meter is asked for, by what the price's model reads.
DETAILS: Mapping[Reads, Detail] = {"quantity": "total", "groups": "groups", "events": "events"}


@dataclass(frozen=True, slots=True)
class Boundary:
    """A boundary of a subscription that is billed: period `number - 1` ends there, period `number`
    begins.

    `known_changes` limits the timeline to what a document knew; None: all that is known now.
    """

    subscription: Subscription
    number: int
    known_changes: int | None = None


@dataclass(frozen=True, slots=True)
class BoundaryFacts:
    """The facts of a boundary, and what its document must remember to be rebuilt."""

    facts: InvoiceFacts
    at: datetime
    known_changes: int


def boundary_facts(
    project: Project,
    boundaries: Sequence[Boundary],
    *,
    bound: ArrivalBound | None,
    source: UsageSource = "windows",
    charges: Mapping[int, Sequence[Charge]] | None = None,
) -> list[BoundaryFacts]:
    """The facts of boundaries, in their order.

    `bound` is the place in the order of arrival up to which usage counts (None: all that is
    accepted). `charges` are the one-offs of each boundary by its index.
    """
    subscriptions = {boundary.subscription.pk for boundary in boundaries}
    known = {
        boundary.subscription.pk: boundary.known_changes
        for boundary in boundaries
        if boundary.known_changes is not None
    }
    timelines = timelines_of(project, subscriptions, known=known or None)
    periods = stored_periods(
        project,
        {
            key
            for row in boundaries
            for key in turn_keys(
                row.subscription.pk, timelines[row.subscription.pk].terms, row.number
            )
        },
    )
    turns = [
        turn_at(
            project,
            timelines[row.subscription.pk],
            row.number,
            subscription=row.subscription.pk,
            stored=periods,
        )
        for row in boundaries
    ]
    usage = _usage_of_boundaries(project, boundaries, timelines, turns, bound=bound, source=source)
    return [
        _boundary(row, timelines[row.subscription.pk], turn, of_row, (charges or {}).get(index, ()))
        for index, (row, turn, of_row) in enumerate(zip(boundaries, turns, usage, strict=True))
    ]


def _usage_of_boundaries(
    project: Project,
    boundaries: Sequence[Boundary],
    timelines: Mapping[int, Timeline],
    turns: Sequence[Turn],
    *,
    bound: ArrivalBound | None,
    source: UsageSource,
) -> list[dict[str, UsageFacts]]:
    """The usage of the periods that end at each boundary, by price code."""
    billed = [
        (index, boundary.subscription, timelines[boundary.subscription.pk].terms, ended)
        for index, boundary in enumerate(boundaries)
        for ended in turns[index].ended.values()
    ]
    found = usage_facts(project, [one[1:] for one in billed], bound=bound, source=source)
    usage: list[dict[str, UsageFacts]] = [{} for _ in boundaries]
    for (index, *_), of_period in zip(billed, found, strict=True):
        usage[index] |= of_period
    return usage


def _boundary(
    row: Boundary,
    timeline: Timeline,
    turn: Turn,
    usage: Mapping[str, UsageFacts],
    charges: Sequence[Charge],
) -> BoundaryFacts:
    (ended, begun), (coarser_ended, coarser_begun) = turn.finest, turn.coarser
    shown = ended or begun
    assert shown is not None, "a boundary ends or begins a period"
    facts = InvoiceFacts(
        customer=row.subscription.customer.external_id,
        subscription=row.subscription.external_id,
        currency=timeline.terms.currency,
        period=shown.period.interval,
        terms=timeline.terms,
        boundary=row.number,
        ended=ended,
        begun=begun,
        usage=usage,
        charges=tuple(map(charge_facts, charges)),
        coarser_ended=coarser_ended,
        coarser_begun=coarser_begun,
    )
    at = ended.period.end if ended is not None else timeline.terms.start
    return BoundaryFacts(facts, at, timeline.changes)


def charge_facts(row: Charge) -> ChargeFacts:
    return ChargeFacts(
        key=row.charge_key,
        amount_minor=row.amount_minor,
        description=row.description,
        effective_at=row.effective_at,
        tax_code=row.tax_code,
    )


def charge_invoice_facts(customer: Customer, charge: Charge) -> InvoiceFacts:
    """The facts of an invoice of nothing but one charge."""
    return InvoiceFacts(
        customer=customer.external_id,
        subscription="",
        currency=charge.currency,
        period=Interval(charge.effective_at, charge.effective_at),
        charges=(charge_facts(charge),),
    )


def correction_invoice_facts(invoice: Invoice, terms: Terms) -> InvoiceFacts:
    """The facts of an invoice of nothing but corrections, which are still to be put in."""
    assert invoice.subscription is not None
    return InvoiceFacts(
        customer=invoice.customer.external_id,
        subscription=invoice.subscription.external_id,
        currency=invoice.currency,
        period=Interval(invoice.period_start, invoice.period_end),
        terms=terms,
    )


def usage_facts(
    project: Project,
    billed: Sequence[tuple[Subscription, Terms, PeriodFacts]],
    *,
    bound: ArrivalBound | None,
    source: UsageSource,
) -> list[dict[str, UsageFacts]]:
    """What the meters say of each of these periods, by the code of each price of its rhythm;
    subscriptions with their customers.
    """
    codes = {meter for _, terms, _ in billed for meter in terms.meters}
    meters = {row.code: row for row in Meter.objects.filter(project=project, code__in=codes)}
    names = {subscription.customer.external_id for subscription, _, _ in billed}
    subjects: dict[str, int] = dict(
        Subject.objects.filter(project=project, external_id__in=names).values_list(
            "external_id", "pk"
        )
    )
    needs: list[UsageNeed] = []
    wanted: list[tuple[int, str, Meter]] = []
    for index, (subscription, terms, held) in enumerate(billed):
        for price in terms.prices_on(held.rhythm):
            if price.meter is None:
                continue
            wanted.append((index, price.code, meters[price.meter]))
            needs.append(
                UsageNeed(
                    subject_id=subjects[subscription.customer.external_id],
                    meter_id=meters[price.meter].pk,
                    zone=terms.zone,
                    start=held.period.start,
                    end=held.period.end,
                    subscription=subscription.external_id,
                    filters=filters_of(price),
                    detail=DETAILS[price.price.reads],
                )
            )
    answer: list[dict[str, UsageFacts]] = [{} for _ in billed]
    by_id = {meter.pk: meter for meter in meters.values()}
    found = usage_of(project, needs, bound=bound, source=source, meters=by_id)
    for (index, code, meter), usage in zip(wanted, found, strict=True):
        answer[index][code] = UsageFacts(
            meter=meter.code,
            aggregation=meter.aggregation,
            quantity=usage.quantity,
            events=usage.events,
            checksum=usage.checksum,
            groups=tuple(GroupUse(one.by, one.quantity, one.events) for one in usage.groups),
            values=usage.values,
        )
    return answer


@lru_cache(maxsize=1024)
def _filters(filters: tuple[PriceFilter, ...]) -> tuple[Filter, ...]:
    return tuple(Filter.of(one.spec()) for one in filters)


def filters_of(price: PlanPrice) -> tuple[Filter, ...]:
    """Which events of its meter a price counts."""
    return _filters(price.filters) if price.filters else ()
