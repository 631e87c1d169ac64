"""Reading the facts of invoices, set-wise: the number of queries does not grow with the number of
invoices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from billing.models import Charge, Invoice, Subscription
from billing.rating.facts import (
    ChargeFacts,
    InvoiceFacts,
    Part,
    PeriodFacts,
    UsageFacts,
    usage_name,
)
from billing.rating.filters import PriceFilter
from billing.rating.parts import usage_parts
from billing.rating.plan import PlanPrice
from billing.rating.price import GroupUse, Reads
from billing.rating.schedule import BillingPeriod
from billing.rating.terms import Terms
from billing.rating.timeline import Timeline
from billing.selectors.timelines import (
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
    """The facts of a boundary at an instant, and the timeline that they came from."""

    facts: InvoiceFacts
    at: datetime
    timeline: Timeline

    @property
    def known_changes(self) -> int:
        """What its document must remember to be rebuilt."""
        return self.timeline.changes


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
            for key in turn_keys(row.subscription.pk, timelines[row.subscription.pk], row.number)
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
    usage = _usage_of_boundaries(project, boundaries, turns, bound=bound, source=source)
    return [
        _boundary(row, timelines[row.subscription.pk], turn, of_row, (charges or {}).get(index, ()))
        for index, (row, turn, of_row) in enumerate(zip(boundaries, turns, usage, strict=True))
    ]


def _usage_of_boundaries(
    project: Project,
    boundaries: Sequence[Boundary],
    turns: Sequence[Turn],
    *,
    bound: ArrivalBound | None,
    source: UsageSource,
) -> list[dict[str, UsageFacts]]:
    """The usage of the periods that end at each boundary, by the names of its parts."""
    billed = [
        (index, boundary.subscription, turns[index].terms, ended)
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
    facts = InvoiceFacts(
        customer=row.subscription.customer.external_id,
        subscription=row.subscription.external_id,
        currency=turn.terms.currency,
        period=Interval(turn.at, turn.at) if shown is None else shown.period.interval,
        terms=turn.terms,
        boundary=row.number,
        ended=ended,
        begun=begun,
        usage=usage,
        charges=tuple(map(charge_facts, charges)),
        coarser_ended=coarser_ended,
        coarser_begun=coarser_begun,
        first_paid=timeline.first_paid,
    )
    return BoundaryFacts(facts, turn.at, timeline)


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


def alone_facts(invoice: Invoice, terms: Terms) -> InvoiceFacts:
    """The facts of an invoice of nothing but corrections, or of a change, which are still to be put
    in.
    """
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
    """What the meters say of each of these periods, by the name of each part in which a price of
    its rhythm is in force; subscriptions with their customers. `terms` are those of a period
    without states of its own.
    """
    parts = [usage_parts(held, terms) for _, terms, held in billed]
    codes = {part.price.meter for several in parts for part in several}
    meters = {row.code: row for row in Meter.objects.filter(project=project, code__in=codes)}
    names = {subscription.customer.external_id for subscription, _, _ in billed}
    subjects: dict[str, int] = dict(
        Subject.objects.filter(project=project, external_id__in=names).values_list(
            "external_id", "pk"
        )
    )
    needs: list[UsageNeed] = []
    wanted: list[tuple[int, str, Meter]] = []
    for index, (subscription, _, held) in enumerate(billed):
        for part in parts[index]:
            assert part.price.meter is not None, "usage is measured"
            meter = meters[part.price.meter]
            wanted.append((index, usage_name(held, part), meter))
            subject = subjects[subscription.customer.external_id]
            needs.append(_need(subscription, held, part, subject, meter))
    answer: list[dict[str, UsageFacts]] = [{} for _ in billed]
    by_id = {meter.pk: meter for meter in meters.values()}
    found = usage_of(project, needs, bound=bound, source=source, meters=by_id)
    for (index, name, meter), usage in zip(wanted, found, strict=True):
        answer[index][name] = UsageFacts(
            meter=meter.code,
            aggregation=meter.aggregation,
            quantity=usage.quantity,
            events=usage.events,
            checksum=usage.checksum,
            groups=tuple(GroupUse(one.by, one.quantity, one.events) for one in usage.groups),
            values=usage.values,
        )
    return answer


def _need(
    subscription: Subscription, held: PeriodFacts, part: Part, subject_id: int, meter: Meter
) -> UsageNeed:
    whole = held.period.interval
    return UsageNeed(
        subject_id=subject_id,
        meter_id=meter.pk,
        zone=part.terms.zone,
        start=whole.start,
        end=whole.end,
        subscription=subscription.external_id,
        filters=filters_of(part.price),
        detail=DETAILS[part.price.price.reads],
        parts=() if part.spans == (whole,) else part.spans,
        whole=_whole_length(held.period),
    )


def _whole_length(period: BillingPeriod) -> timedelta | None:
    """The length of the whole period that a short one is a part of; None where it is whole."""
    whole = period.whole
    length = whole.end - whole.start
    return length if length > period.interval.duration else None


@lru_cache(maxsize=1024)
def _filters(filters: tuple[PriceFilter, ...]) -> tuple[Filter, ...]:
    return tuple(Filter.of(one.spec()) for one in filters)


def filters_of(price: PlanPrice) -> tuple[Filter, ...]:
    """Which events of its meter a price counts."""
    return _filters(price.filters) if price.filters else ()
