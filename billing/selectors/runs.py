"""What is due to be billed, and what was."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from django.db.models import Exists, Min, OuterRef, QuerySet

from billing.models import Charge, Invoice, Subscription
from billing.selectors.corrections import unread_after_the_end
from neruba.canonical import sha256_hex
from neruba.models import Project


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


def next_due(project: Project) -> datetime | None:
    """The earliest instant at which a step of billing is due and not done, or None."""
    boundary = Subscription.objects.filter(project=project).aggregate(at=Min("due_at"))["at"]
    draft = Invoice.objects.filter(project=project, status=Invoice.Status.DRAFT).aggregate(
        at=Min("due_at")
    )["at"]
    charge = stranded_charges(project, datetime.max.replace(tzinfo=UTC)).aggregate(
        at=Min("due_at")
    )["at"]
    late = stranded_subscriptions(project, datetime.max.replace(tzinfo=UTC)).aggregate(
        at=Min("periods__late_usage__due_at")
    )["at"]
    unread = min((period.end for period in unread_after_the_end(project)), default=None)
    return min((at for at in (boundary, draft, charge, late, unread) if at), default=None)


def customers_due(
    project: Project, as_of: datetime, customers: Collection[int] | None
) -> list[int]:
    """The ids of the customers for whom a step is due at or before `as_of`, in order; within
    `customers` if given.
    """
    found: set[int] = set()
    rows: Iterable[QuerySet[Subscription] | QuerySet[Invoice] | QuerySet[Charge]] = (
        due_subscriptions(project, as_of),
        due_drafts(project, as_of),
        stranded_charges(project, as_of),
        stranded_subscriptions(project, as_of),
    )
    for due in rows:
        found.update(due.order_by().values_list("customer_id", flat=True).distinct())
    return sorted(found if customers is None else found & set(customers))


def finalized_by(project: Project, as_of: datetime) -> QuerySet[Invoice]:
    """The finalised invoices that were due at or before `as_of`, whichever run made them."""
    rows = Invoice.objects.filter(project=project, due_at__lte=as_of, sequence__isnull=False)
    return rows.order_by("pk")


def fingerprint_of(content_hashes: Iterable[str]) -> str:
    """SHA-256 of the sorted content hashes: equal for equal outcomes, in any order, on any
    database.
    """
    return sha256_hex(sorted(content_hashes))
