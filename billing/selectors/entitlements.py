"""What a customer is entitled to at an instant, and how much of it is used."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from billing.models import Subscription
from billing.rating.entitlements import Entitled, Grant, Part, entitled_by, parts_of
from billing.rating.schedule import BillingPeriod
from billing.rating.timeline import Timeline
from billing.selectors.timelines import PeriodKey, stored_periods, timelines_of
from ingest.models import Meter
from ingest.selectors.usage import UsageNeed, usage_of
from neruba.models import Customer, Project, Subject
from neruba.period import Interval

# The statuses in which a subscription grants nothing.
GRANTS_NOTHING = ("pending", "paused", "canceled")
INSTANT = timedelta(microseconds=1)


def entitlements_at(
    customer: Customer, *, at: datetime, subscription: Subscription | None = None
) -> tuple[Entitled, ...]:
    """The features that the customer's subscriptions grant at an instant, or those of one of them,
    by name.

    Each subscription as it stood then, by what had been asked for by then. Usage is that of the
    running period of its plan, from its start up to `at`, that instant with it, true for every
    event accepted until now. A constant number of queries. Source of the rules:
    docs/entitlements.md.
    """
    project = customer.project
    rows = Subscription.objects.filter(project=project, customer=customer, start_at__lte=at)
    if subscription is not None:
        rows = rows.filter(pk=subscription.pk)
    names = dict(rows.order_by("external_id").values_list("pk", "external_id"))
    granting = _granting(project, names, at)
    periods = _running_periods(project, granting, at)
    # By name, so that the order is the same on every database.
    ordered = sorted(granting, key=lambda pk: names[pk])
    parts = parts_of(
        Grant(names[pk], one, periods[pk], granting[pk].terms_at(at).zone)
        for pk in ordered
        for one in granting[pk].terms_at(at).entitlements
    )
    return entitled_by(_with_usage(customer, parts, at))


def _granting(project: Project, ids: Collection[int], at: datetime) -> dict[int, Timeline]:
    """The timelines of the subscriptions that grant something at an instant."""
    return {
        pk: timeline
        for pk, timeline in timelines_of(project, ids, at=at).items()
        if timeline.terms_at(at).entitlements and timeline.status(at) not in GRANTS_NOTHING
    }


def _running_periods(
    project: Project, granting: Mapping[int, Timeline], at: datetime
) -> dict[int, Interval]:
    """The period of each plan's rhythm that holds an instant: as it was stored when it opened, or
    as it would open; cut where its boundaries move or the subscription ends.
    """
    running = {pk: _running(timeline, at) for pk, timeline in granting.items()}
    keys = {
        pk: PeriodKey(pk, granting[pk].terms_at(at).rhythm.code, period.number)
        for pk, period in running.items()
    }
    stored = stored_periods(project, set(keys.values())) if keys else {}
    found: dict[int, Interval] = {}
    for pk, period in running.items():
        opened = stored[keys[pk]].period if keys[pk] in stored else period
        found[pk] = granting[pk].cut(opened, opened.whole.end).interval
    return found


def _running(timeline: Timeline, at: datetime) -> BillingPeriod:
    stretch = next(one for one in reversed(timeline.stretches) if one.start <= at)
    rhythm = timeline.terms_at(at).rhythm
    return stretch.period(rhythm, stretch.schedule(rhythm).number_at(at))


def _with_usage(customer: Customer, parts: Sequence[Part], at: datetime) -> Iterator[Part]:
    """The parts, in their order, those that a meter counts with what was used."""
    project = customer.project
    codes = {part.meter for part in parts if part.meter is not None}
    if not codes:
        yield from parts
        return
    meters = {row.code: row for row in Meter.objects.filter(project=project, code__in=codes)}
    subject = Subject.objects.get(project=project, external_id=customer.external_id)
    needs = [
        _need(part, part.period, subject, meters[part.meter], at)
        for part in parts
        if part.meter is not None and part.period is not None
    ]
    by_id = {meter.pk: meter for meter in meters.values()}
    found = iter(usage_of(project, needs, bound=None, source="windows", meters=by_id))
    for part in parts:
        yield part if part.meter is None else replace(part, used=next(found).quantity)


def _need(part: Part, period: Interval, subject: Subject, meter: Meter, at: datetime) -> UsageNeed:
    first, *others = part.subscriptions
    return UsageNeed(
        subject_id=subject.pk,
        meter_id=meter.pk,
        zone=part.zone,
        start=period.start,
        end=min(at + INSTANT, period.end),
        subscription=first,
        also=tuple(others),
    )
