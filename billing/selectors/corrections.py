"""Which periods late usage touched, and the facts of their corrections."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar

from django.db.models import Count, F, Q

from billing.models import Invoice, InvoiceLine, LateUsage, Period, Subscription
from billing.rating.correction import corrected_key
from billing.rating.facts import BilledUsage, CorrectionFacts
from billing.selectors.amounts import line_amount
from billing.selectors.facts import UsageSource, usage_facts
from billing.selectors.timelines import period_facts, timelines_of
from ingest.models import Meter
from ingest.selectors.arrivals import unread_days
from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.raw import Stream
from neruba.models import Customer, Project, Subject

SUBJECTS_AT_ONCE = 1000
DAY = timedelta(days=1)

T = TypeVar("T")


def touched_periods(project: Project, days: Mapping[Stream, Collection[date]]) -> list[Period]:
    """The periods whose end has been drafted or billed, that have an instant in one of these UTC
    days and a price for usage of that type; with their subscriptions and customers.
    """
    found: list[Period] = []
    for part in in_parts(sorted(days), SUBJECTS_AT_ONCE):
        found += _touched(project, {stream: days[stream] for stream in part})
    # Two types of events may touch one period.
    return list({row.pk: row for row in found}.values())


def _touched(project: Project, days: Mapping[Stream, Collection[date]]) -> Iterator[Period]:
    owners = owners_of(project, {stream.subject_id for stream in days})
    marked: dict[int, list[tuple[str, Collection[date]]]] = defaultdict(list)
    for stream, several in days.items():
        if stream.subject_id in owners:
            marked[owners[stream.subject_id]].append((stream.type, several))
    every = {day for several in days.values() for day in several}
    rows = Period.objects.filter(
        _is_drafted(),
        project=project,
        subscription__customer__in=marked,
        start__lt=_midnight(max(every)) + DAY,
        end__gt=_midnight(min(every)),
    )
    closed = list(rows.select_related("subscription__customer").order_by("subscription", "number"))
    types = _types_billed(project, {row.subscription_id for row in closed})
    for row in closed:
        if any(
            kind in types[row.subscription_id].get(row.rhythm, ()) and _overlaps(row, several)
            for kind, several in marked[row.subscription.customer_id]
        ):
            yield row


def owners_of(project: Project, subjects: Collection[int]) -> dict[int, int]:
    """The customers of these subjects, by id; those without one are left out."""
    rows = Subject.objects.filter(project=project, pk__in=subjects, customer__isnull=False)
    return {pk: customer for pk, customer in rows.values_list("pk", "customer_id") if customer}


def _types_billed(
    project: Project, subscriptions: Collection[int]
) -> dict[int, dict[str, set[str]]]:
    """The types of events that each subscription has a price for, by the price's rhythm."""
    timelines = timelines_of(project, subscriptions)
    codes = {code for timeline in timelines.values() for code in timeline.terms.meters}
    meters = Meter.objects.filter(project=project, code__in=codes)
    types = dict(meters.values_list("code", "event_type"))
    return {
        pk: {
            rhythm: {types[code] for code in timeline.terms.meters_on(rhythm)}
            for rhythm in timeline.terms.schedules
        }
        for pk, timeline in timelines.items()
    }


def _is_drafted() -> Q:
    """Of periods: whether the boundary where they end has been drafted, whatever their rhythm."""
    is_over = Q(subscription__due_at__isnull=True, subscription__next_boundary__gt=0)
    return is_over | Q(subscription__due_at__gt=F("end"))


def _overlaps(period: Period, days: Iterable[date]) -> bool:
    return any(_midnight(day) < period.end and period.start < _midnight(day) + DAY for day in days)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def unread_periods(project: Project, customers: Collection[int]) -> list[Period]:
    """The periods that changed usage touches and no rebuild has told of yet."""
    return touched_periods(project, unread_days(project, customers))


def unread_after_the_end(project: Project) -> list[Period]:
    """Those of subscriptions for which no boundary will come."""
    over = Customer.objects.filter(
        project=project, subscriptions__due_at__isnull=True, subscriptions__next_boundary__gt=0
    )
    rows = touched_periods(project, unread_days(project, over))
    return [row for row in rows if row.subscription.due_at is None]


def late_periods(project: Project, subscriptions: Collection[Subscription]) -> list[Period]:
    """The periods of these subscriptions that were billed (or came to nothing) before late usage
    touched them, in order; with their subscriptions and customers.

    A period whose own document is still a draft is not late: that counts all.
    """
    wanted = {row.pk for row in subscriptions}
    if not wanted:
        return []
    # From the side of the notes: there are few, and more periods every month.
    noted = LateUsage.objects.filter(project=project, period__subscription__in=wanted)
    found = {
        row.period_id: row.period for row in noted.select_related("period__subscription__customer")
    }
    for row in unread_periods(project, {row.customer_id for row in subscriptions}):
        if row.subscription_id in wanted:
            found[row.pk] = row
    if not found:
        return []
    pending = set(
        Invoice.objects.filter(
            project=project,
            subscription__in=wanted,
            boundary__isnull=False,
            status=Invoice.Status.DRAFT,
        ).values_list("subscription_id", "boundary_at")
    )
    rows = [row for row in found.values() if (row.subscription_id, row.end) not in pending]
    return sorted(rows, key=lambda row: (row.subscription_id, row.end, row.start, row.rhythm))


def corrections_alone(project: Project, subscriptions: Collection[int]) -> dict[int, int]:
    """How many invoices of nothing but corrections each of these has had; none is left out."""
    rows = Invoice.objects.filter(
        project=project, subscription__in=subscriptions, reason=Invoice.Reason.CORRECTION
    )
    counts = dict(rows.order_by().values_list("subscription").annotate(Count("pk")))
    return {pk: counts.get(pk, 0) for pk in subscriptions}


def pending_corrections(
    project: Project, subscriptions: Collection[Subscription], *, bound: ArrivalBound | None
) -> dict[int, tuple[CorrectionFacts, ...]]:
    """The facts of the lines to be looked at again, by subscription id, in order of period and
    price: what is known within the bound, and what all documents printed.

    Left out for now is what a document with a later bound has printed: a run that took its bound
    earlier knows less than that.
    """
    periods = late_periods(project, subscriptions)
    facts = _unprinted(project, periods, bound=bound, source="windows")
    printed = _printed(project, [(row, one) for row, several in facts for one in several])
    answer: dict[int, tuple[CorrectionFacts, ...]] = {}
    for row, several in facts:
        pk = row.subscription_id
        before = {one.price: printed.get((pk, corrected_key(one)), ()) for one in several}
        if bound is None or not any(
            each.is_beyond(bound) for lines in before.values() for each in lines
        ):
            answer[pk] = answer.get(pk, ()) + tuple(
                _with_printed(one, before[one.price]) for one in several
            )
    return answer


def issued_corrections(
    project: Project, invoices: Sequence[Invoice], *, bound: ArrivalBound, source: UsageSource
) -> dict[int, tuple[CorrectionFacts, ...]]:
    """The facts of the corrections on issued invoices, by invoice id, in the order of the lines: as
    known within the bound, and with what documents before them had printed.
    """
    lines = list(
        InvoiceLine.objects.filter(
            project=project, invoice__in=[row.pk for row in invoices], kind="correction"
        ).order_by("invoice", "position")
    )
    if not lines:
        return {}
    by_pk = {row.pk: row for row in invoices}
    rows = Period.objects.filter(
        project=project,
        subscription__in={by_pk[line.invoice_id].subscription_id for line in lines},
        start__in={line.period_start for line in lines},
    ).select_related("subscription__customer")
    facts = _unprinted(project, list(rows), bound=bound, source=source)
    printed = _printed(project, [(row, one) for row, several in facts for one in several])
    by_key = {
        (row.subscription_id, corrected_key(one)): one for row, several in facts for one in several
    }
    answer: dict[int, tuple[CorrectionFacts, ...]] = {}
    for line in lines:
        invoice = by_pk[line.invoice_id]
        key = (invoice.subscription_id or 0, line.corrects_line)
        before = [
            one
            for one in printed.get(key, ())
            if invoice.sequence is not None and one.sequence < invoice.sequence
        ]
        # A line that names what never was is for `verify` to find: it comes out otherwise.
        if key in by_key:
            answer[invoice.pk] = (
                *answer.get(invoice.pk, ()),
                _with_printed(by_key[key], before),
            )
    return answer


def _unprinted(
    project: Project,
    periods: Sequence[Period],
    *,
    bound: ArrivalBound | None,
    source: UsageSource,
) -> list[tuple[Period, list[CorrectionFacts]]]:
    """The usage of each period as known within the bound, as if nothing had been printed."""
    timelines = timelines_of(project, {row.subscription_id for row in periods})
    billed = [
        (row.subscription, timelines[row.subscription_id].terms, period_facts(row))
        for row in periods
    ]
    usage = usage_facts(project, billed, bound=bound, source=source)
    answer = []
    for row, (_, terms, held), of_period in zip(periods, billed, usage, strict=True):
        facts = [
            CorrectionFacts(
                held=held,
                price=price.code,
                invoice=row.subscription.boundary_key(
                    terms.boundary_at_end(row.rhythm, held.period)
                ),
                usage=of_period[price.code],
                billed=BilledUsage(),
            )
            for price in terms.prices_on(row.rhythm)
            if price.kind == "usage"
        ]
        answer.append((row, facts))
    return answer


@dataclass(frozen=True, slots=True)
class _Printed:
    """What a document printed for a usage line: the line itself, or a correction of it."""

    sequence: int
    bound: ArrivalBound
    amount_minor: int
    quantity: Decimal
    events: int

    def is_beyond(self, bound: ArrivalBound) -> bool:
        return self.bound.event > bound.event or self.bound.retraction > bound.retraction


def _printed(
    project: Project, corrections: Sequence[tuple[Period, CorrectionFacts]]
) -> dict[tuple[int, str], list[_Printed]]:
    """What documents printed for these lines, by subscription and key, in order of number."""
    subscriptions = {row.subscription_id for row, _ in corrections}
    keys = {corrected_key(one) for _, one in corrections}
    if not keys:
        return {}
    lines = InvoiceLine.objects.filter(
        Q(kind="usage", line_key__in=keys) | Q(kind="correction", corrects_line__in=keys),
        project=project,
        invoice__subscription__in=subscriptions,
        invoice__sequence__isnull=False,
    ).exclude(invoice__status=Invoice.Status.VOID)
    answer: dict[tuple[int, str], list[_Printed]] = defaultdict(list)
    for line in lines.select_related("invoice", "transfer__debit_account").order_by(
        "invoice__sequence"
    ):
        usage = json.loads(line.evidence)["usage"]
        key = line.corrects_line or line.line_key
        assert line.invoice.subscription_id is not None
        assert line.invoice.sequence is not None
        answer[line.invoice.subscription_id, key].append(
            _Printed(
                line.invoice.sequence,
                ArrivalBound(line.invoice.bound_event, line.invoice.bound_retraction),
                line_amount(line, line.invoice.currency).minor,
                Decimal(usage["quantity"]),
                usage["events"],
            )
        )
    return answer


def _with_printed(one: CorrectionFacts, printed: Sequence[_Printed]) -> CorrectionFacts:
    if not printed:
        return one
    total = sum(each.amount_minor for each in printed)
    return replace(one, billed=BilledUsage(total, printed[-1].quantity, printed[-1].events))


def in_parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in their order, `size` at a time."""
    for first in range(0, len(items), size):
        yield items[first : first + size]
