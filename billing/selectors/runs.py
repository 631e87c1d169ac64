"""What is due to be billed, and what was."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Sum

from billing.models import BillingRun, Charge, Invoice, RunChunk, RunItem, Subscription
from billing.selectors.late_periods import unread_after_the_end
from neruba.canonical import sha256_hex
from neruba.models import Lease, Project

FOREVER = datetime.max.replace(tzinfo=UTC)


def due_subscriptions(project: Project, as_of: datetime) -> QuerySet[Subscription]:
    """Subscriptions with a boundary at or before `as_of` that has no draft yet."""
    rows = Subscription.objects.filter(project=project, due_at__lte=as_of)
    return rows.order_by("due_at", "external_id")


def due_drafts(project: Project, as_of: datetime) -> QuerySet[Invoice]:
    """Drafts to be finalised at or before `as_of`."""
    rows = Invoice.objects.filter(project=project, status=Invoice.Status.DRAFT, due_at__lte=as_of)
    return rows.order_by("due_at", "operation_key")


def stranded_charges(project: Project, as_of: datetime) -> QuerySet[Charge]:
    """Charges at or before `as_of` that no boundary and no draft of their customer and currency
    will take.
    """
    same = {"project": project, "customer": OuterRef("customer"), "currency": OuterRef("currency")}
    coming = Subscription.objects.filter(**same, due_at__isnull=False)
    drafts = Invoice.objects.filter(
        **same,
        status=Invoice.Status.DRAFT,
        subscription__isnull=False,
        boundary_at__gte=OuterRef("effective_at"),
    )
    rows = Charge.objects.filter(project=project, due_at__lte=as_of)
    return rows.exclude(Exists(coming)).exclude(Exists(drafts)).order_by("due_at", "charge_key")


def stranded_subscriptions(project: Project, as_of: datetime) -> QuerySet[Subscription]:
    """Subscriptions with late usage of before `as_of` that no boundary and no draft will take."""
    rows = Subscription.objects.filter(
        project=project, due_at__isnull=True, periods__late_usage__due_at__lte=as_of
    )
    return rows.exclude(Exists(_own_drafts())).distinct().order_by("external_id")


def _own_drafts() -> QuerySet[Invoice]:
    return Invoice.objects.filter(subscription=OuterRef("pk"), status=Invoice.Status.DRAFT)


def next_due(project: Project, after: datetime | None = None) -> datetime | None:
    """The earliest instant, after `after` if given, at which a step of billing is due and not done,
    or None.
    """
    ahead: dict[str, datetime] = {} if after is None else {"at__gt": after}
    found = [
        rows.values(at=F(column)).filter(at__isnull=False, **ahead).aggregate(first=Min("at"))
        for rows, column in _due_columns(project)
    ]
    instants = [row["first"] for row in found if row["first"] is not None]
    instants += [
        period.end
        for period in unread_after_the_end(project)
        if after is None or period.end > after
    ]
    return min(instants, default=None)


def _due_columns(project: Project) -> list[tuple[QuerySet[Any], str]]:
    """What billing waits for, each with the column that says when it is due."""
    return [
        (Subscription.objects.filter(project=project), "due_at"),
        (Invoice.objects.filter(project=project, status=Invoice.Status.DRAFT), "due_at"),
        (stranded_charges(project, FOREVER).order_by(), "due_at"),
        (stranded_subscriptions(project, FOREVER).order_by(), "periods__late_usage__due_at"),
    ]


def customers_due(
    project: Project, as_of: datetime, customers: Collection[int] | None
) -> list[int]:
    """The ids of the customers for whom a step is due at or before `as_of`, in order; within
    `customers` if given.
    """
    found: set[int] = set()
    for due in _due_rows(project, as_of):
        found.update(due.order_by().values_list("customer_id", flat=True).distinct())
    return sorted(found if customers is None else found & set(customers))


def documents_due(project: Project, as_of: datetime, customer: int) -> int:
    """How many documents are due for a customer, as far as that can be told before they are made;
    at least 1.
    """
    return max(1, sum(due.filter(customer=customer).count() for due in _due_rows(project, as_of)))


def _due_rows(project: Project, as_of: datetime) -> list[QuerySet[Any]]:
    return [
        due_subscriptions(project, as_of),
        due_drafts(project, as_of),
        stranded_charges(project, as_of),
        stranded_subscriptions(project, as_of),
    ]


def parked_customers(project: Project) -> set[int]:
    """The customers whose billing failed and was not made good since."""
    rows = RunItem.objects.filter(project=project, state=RunItem.State.FAILED)
    real = rows.filter(run__dry_run=False, run__repeats=None)
    return set(real.order_by().values_list("customer_id", flat=True).distinct())


def has_work(project: Project, at: datetime) -> bool:
    """Whether a scheduled run would find anything to do, and none is at work already."""
    running = BillingRun.objects.filter(
        project=project, trigger=BillingRun.Trigger.SCHEDULE
    ).filter(status__in=BillingRun.UNFINISHED)
    due = next_due(project)
    if due is None or due > at or running.exists():
        return False
    waiting = {*customers_due(project, at, None)}
    waiting |= {row.subscription.customer_id for row in unread_after_the_end(project)}
    return bool(waiting - parked_customers(project))


def projects_to_bill() -> QuerySet[Project]:
    """The projects that the schedule bills."""
    return Project.objects.filter(mode=Project.Mode.LIVE).order_by("pk")


def runs_at_work() -> QuerySet[BillingRun]:
    """Runs of all projects that are not over, the oldest first."""
    rows = BillingRun.objects.filter(status__in=BillingRun.UNFINISHED)
    return rows.select_related("project").order_by("pk")


def runs_to_retry(wall: datetime) -> QuerySet[BillingRun]:
    """Runs that are over, with parked customers to be tried again; `wall` is the real time."""
    parked = RunItem.objects.filter(state=RunItem.State.FAILED, due_at__lte=wall)
    rows = BillingRun.objects.filter(pk__in=parked.order_by().values("run"))
    return rows.exclude(status__in=BillingRun.UNFINISHED).select_related("project").order_by("pk")


def chunks_held(run: BillingRun, wall: datetime) -> list[int]:
    """The numbers of the run's chunks that a worker holds; `wall` is the real time."""
    live = Lease.objects.filter(project=run.project_id, expires_at__gt=wall)
    names = live.filter(name__startswith=run.lease_prefix).values_list("name", flat=True)
    return sorted(int(name.removeprefix(run.lease_prefix)) for name in names)


def claimable_chunks(run: BillingRun, wall: datetime) -> QuerySet[RunChunk]:
    """The chunks of a run that wait for a worker, in order; `wall` is the real time."""
    due = Q(due_at__isnull=True) | Q(due_at__lte=wall)
    rows = RunChunk.objects.filter(due, run=run, state=RunChunk.State.OPEN)
    free = rows.exclude(number__in=chunks_held(run, wall))
    return free.select_related("run__project").order_by("number")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run came: customers (`failed` are parked, and count as done), and the documents
    that its steps opened and finalised so far.
    """

    customers: int = 0
    done: int = 0
    failed: int = 0
    invoiced: int = 0
    finalized: int = 0


def progress_of(runs: Sequence[BillingRun]) -> dict[int, Progress]:
    """The progress of each run by id."""
    rows = RunItem.objects.filter(run__in=[run.pk for run in runs]).order_by()
    counts: dict[int, dict[str, int]] = {run.pk: {} for run in runs}
    for run, state, count in rows.values_list("run", "state").annotate(Count("pk")):
        counts[run][state] = count
    chunks = RunChunk.objects.filter(run__in=counts).order_by()
    sums = chunks.values_list("run").annotate(Sum("invoiced"), Sum("finalized"))
    steps = {run: (invoiced, finalized) for run, invoiced, finalized in sums}
    return {
        run: Progress(
            customers=sum(found.values()),
            done=sum(found.values()) - found.get(RunItem.State.PENDING, 0),
            failed=found.get(RunItem.State.FAILED, 0),
            invoiced=steps.get(run, (0, 0))[0],
            finalized=steps.get(run, (0, 0))[1],
        )
        for run, found in counts.items()
    }


def matches(run: BillingRun, progress: Progress) -> bool | None:
    """Of a repetition that is over: whether every document came out as it was issued."""
    if run.repeats_id is None or run.status != BillingRun.Status.COMPLETED:
        return None
    return progress.failed == 0


def finalized_by(project: Project, as_of: datetime) -> QuerySet[Invoice]:
    """The finalised invoices that were due at or before `as_of`, whichever run made them."""
    rows = Invoice.objects.filter(project=project, due_at__lte=as_of, sequence__isnull=False)
    return rows.order_by("pk")


def fingerprint_of(content_hashes: Iterable[str]) -> str:
    """SHA-256 of the sorted content hashes: equal for equal outcomes, in any order, on any
    database.
    """
    return sha256_hex(sorted(content_hashes))
