"""What an operator asks about a customer: what is owed, what was used."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.models import Period
from billing.selectors.timelines import timelines_of
from ingest.models import Meter
from ingest.selectors.usage import Usage, UsageNeed, usage_of
from ledger.selectors.accounts import accounts_of
from ledger.selectors.balances import account_sums
from ledger.templates.keys import RECEIVABLE
from neruba.models import Customer, Project, Subject
from neruba.money import Money
from neruba.period import Interval, local_date, local_midnight

MONTH = timedelta(days=31)
METERS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """What a meter says of an interval so far; `subscription` is empty where none bills it."""

    meter: Meter
    subscription: str
    interval: Interval
    zone: str
    usage: Usage


def receivables_of(project: Project, parties: Collection[str]) -> dict[str, list[Money]]:
    """What each of these customers owes, by external id, one amount a currency; three queries."""
    accounts = list(accounts_of(project).filter(code=RECEIVABLE, party__in=parties))
    sums = account_sums(accounts)
    owed: dict[str, list[Money]] = {party: [] for party in parties}
    for account in accounts:
        debit, credit = sums[account.pk]
        if debit != credit:
            owed[account.party].append(Money(debit - credit, account.currency))
    return owed


def current_usage(customer: Customer, *, at: datetime) -> list[MeterUsage]:
    """The usage of the periods that run at an instant, by subscription and meter.

    Where no period runs: the local month so far, by the project's meters that counted something.
    Counts every event accepted until now; a constant number of queries.
    """
    subject = Subject.objects.filter(
        project=customer.project, external_id=customer.external_id
    ).first()
    if subject is None:
        return []
    running = list(
        Period.objects.filter(
            project=customer.project, subscription__customer=customer, start__lte=at, end__gt=at
        )
        .select_related("subscription")
        .order_by("subscription__external_id")
    )
    if running:
        return _of_periods(customer, subject, running)
    found = _of_month(customer, subject, at)
    return [one for one in found if one.usage.events]


def _of_periods(
    customer: Customer, subject: Subject, periods: Sequence[Period]
) -> list[MeterUsage]:
    timelines = timelines_of(customer.project, [row.subscription_id for row in periods])
    codes = {code for timeline in timelines.values() for code in timeline.meters}
    rows = Meter.objects.filter(project=customer.project, code__in=codes)
    meters = {meter.code: meter for meter in rows}
    wanted = [
        (meters[code], row.subscription.external_id, Interval(row.start, row.end), row.zone)
        for row in periods
        for code in sorted(timelines[row.subscription_id].meters_by_rhythm.get(row.rhythm, ()))
    ]
    return _read(customer.project, subject, wanted)


def _of_month(customer: Customer, subject: Subject, at: datetime) -> list[MeterUsage]:
    zone = customer.timezone or customer.project.timezone
    first = local_date(at, zone).replace(day=1)
    following = (first + MONTH).replace(day=1)
    month = Interval(local_midnight(first, zone), local_midnight(following, zone))
    meters = Meter.objects.filter(project=customer.project).order_by("code")[:METERS_SHOWN]
    return _read(customer.project, subject, [(meter, "", month, zone) for meter in meters])


def _read(
    project: Project, subject: Subject, wanted: Sequence[tuple[Meter, str, Interval, str]]
) -> list[MeterUsage]:
    needs = [
        UsageNeed(
            subject_id=subject.pk,
            meter_id=meter.pk,
            zone=zone,
            start=interval.start,
            end=interval.end,
            subscription=subscription or None,
        )
        for meter, subscription, interval, zone in wanted
    ]
    found = usage_of(project, needs, bound=None, source="windows")
    return [MeterUsage(*one, usage) for one, usage in zip(wanted, found, strict=True)]
