"""Which periods that were billed before late usage touched."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from django.db.models import Count, F, Q

from billing.models import (
    Invoice,
    LateUsage,
    Period,
    Subscription,
)
from billing.selectors.timelines import timelines_of
from ingest.models import Meter
from ingest.selectors.arrivals import unread_days
from ingest.selectors.raw import Stream
from neruba.models import Customer, Project, Subject

SUBJECTS_AT_ONCE = 1000
DAY = timedelta(days=1)

T = TypeVar("T")


def touched_periods(project: Project, days: Mapping[Stream, Collection[date]]) -> list[Period]:
    """The periods whose end has been drafted or billed, that have an instant in one of these UTC
    days and a price for usage of that type; with their subscriptions and customers. Where the
    price's meter carries over, every period that ends after the day.
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
        is_drafted(),
        project=project,
        subscription__customer__in=marked,
        end__gt=_midnight(min(every)),
    )
    if not _carries(project, {stream.type for stream in days}):
        rows = rows.filter(start__lt=_midnight(max(every)) + DAY)
    closed = list(rows.select_related("subscription__customer").order_by("subscription", "number"))
    types = _types_billed(project, {row.subscription_id for row in closed})
    for row in closed:
        billed = types[row.subscription_id].get(row.rhythm, NO_TYPES)
        if any(
            (kind in billed.at_once and _overlaps(row, several))
            or (kind in billed.carried and _midnight(min(several)) < row.end)
            for kind, several in marked[row.subscription.customer_id]
        ):
            yield row


def _carries(project: Project, types: Collection[str]) -> bool:
    """Whether what happens may change usage of later periods too."""
    return Meter.objects.filter(project=project, event_type__in=types, carry_over=True).exists()


def owners_of(project: Project, subjects: Collection[int]) -> dict[int, int]:
    """The customers of these subjects, by id; those without one are left out."""
    rows = Subject.objects.filter(project=project, pk__in=subjects, customer__isnull=False)
    return {pk: customer for pk, customer in rows.values_list("pk", "customer_id") if customer}


@dataclass(frozen=True, slots=True)
class _Types:
    """The types of events that a subscription has a price for on one rhythm: those that count in
    the period in which they happen, and those that stay in the level of every later one.
    """

    at_once: set[str]
    carried: set[str]


NO_TYPES = _Types(set(), set())


def _types_billed(project: Project, subscriptions: Collection[int]) -> dict[int, dict[str, _Types]]:
    """What each subscription has a price for, by the price's rhythm."""
    timelines = timelines_of(project, subscriptions)
    codes = {code for timeline in timelines.values() for code in timeline.meters}
    meters = {row.code: row for row in Meter.objects.filter(project=project, code__in=codes)}
    return {
        pk: {
            rhythm: _types([meters[code] for code in sorted(codes)])
            for rhythm, codes in timeline.meters_by_rhythm.items()
        }
        for pk, timeline in timelines.items()
    }


def _types(meters: Sequence[Meter]) -> _Types:
    return _Types(
        {meter.event_type for meter in meters},
        {meter.event_type for meter in meters if meter.carry_over},
    )


def is_drafted() -> Q:
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


def in_parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in their order, `size` at a time."""
    for first in range(0, len(items), size):
        yield items[first : first + size]
