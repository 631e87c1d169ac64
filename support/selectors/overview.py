"""What an operator looks at first: what waits, by project, and where a project stands."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet

from billing.models import BillingRun, Invoice, Plan, Subscription
from billing.selectors.runs import next_due
from ingest.models import FailedEvent, Meter, UsageEvent
from neruba.models import Customer, Project

INVOICES_SHOWN = 8
Status = Invoice.Status


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much of a project waits for something."""

    open_invoices: int
    drafts: int
    failed_events: int


@dataclass(frozen=True, slots=True)
class Begun:
    """What of the way to the first invoice a project has done."""

    meter: bool
    plan: bool
    customer: bool
    subscription: bool
    event: bool
    invoice: bool

    @property
    def is_done(self) -> bool:
        return self.subscription and self.invoice


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a project stands."""

    begun: Begun
    last_run: BillingRun | None
    next_due: datetime | None
    next_drafts: list[Invoice]
    latest_invoices: list[Invoice]


def waiting_in(projects: Collection[Project]) -> dict[int, Waiting]:
    """What waits in each of these projects, by pk; two queries."""
    ids = [project.pk for project in projects]
    invoices = Invoice.objects.filter(project__in=ids, status__in=[Status.OPEN, Status.DRAFT])
    by_status = _counts(invoices, "project", "status")
    failed = FailedEvent.objects.filter(project__in=ids, state=FailedEvent.State.OPEN)
    events = _counts(failed, "project")
    return {
        pk: Waiting(by_status[pk, Status.OPEN], by_status[pk, Status.DRAFT], events[(pk,)])
        for pk in ids
    }


def _counts(rows: QuerySet[Any], *by: str) -> Counter[tuple[Any, ...]]:
    grouped = rows.order_by().values_list(*by).annotate(number=Count("pk"))
    return Counter({tuple(row[:-1]): row[-1] for row in grouped})


def standing_of(project: Project, *, invoice_rows: QuerySet[Invoice]) -> Standing:
    """Where the project stands; `invoice_rows` are invoices with what is shown of them loaded."""
    mine = invoice_rows.filter(project=project)
    drafts = mine.filter(status=Status.DRAFT).order_by("due_at")
    issued = mine.filter(sequence__isnull=False).order_by("-sequence")
    return Standing(
        begun=_begun(project),
        last_run=BillingRun.objects.filter(project=project).order_by("-id").first(),
        next_due=next_due(project),
        next_drafts=list(drafts[:INVOICES_SHOWN]),
        latest_invoices=list(issued[:INVOICES_SHOWN]),
    )


def _begun(project: Project) -> Begun:
    rows: tuple[QuerySet[Any], ...] = (  # in the order of the fields of Begun
        Meter.objects.all(),
        Plan.objects.all(),
        Customer.objects.all(),
        Subscription.objects.all(),
        UsageEvent.objects.all(),
        Invoice.objects.all(),
    )
    there = [Exists(some.filter(project=OuterRef("pk"))) for some in rows]
    return Begun(*Project.objects.filter(pk=project.pk).values_list(*there).get())
