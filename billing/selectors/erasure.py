"""What stands in the way of an erasure, and how long the law keeps the text of documents."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from billing.models import Charge, Invoice, InvoiceParty, LateUsage, Subscription
from neruba.models import Customer, Project
from neruba.period import local_date


@dataclass(frozen=True, slots=True)
class Documents:
    """A customer's issued invoices: all, and those whose parties' text must stay, until when."""

    issued: int
    kept: tuple[int, ...]
    kept_until: datetime | None


def bills_to_come(customer: Customer) -> Iterator[str]:
    """In words, what will still be billed to the customer."""
    mine = {"project": customer.project, "customer": customer}
    for row in Subscription.objects.filter(**mine, due_at__isnull=False).order_by("pk")[:5]:
        end = "" if row.end_at is None else f" until {row.end_at:%Y-%m-%d}"
        yield f"subscription {row.external_id!r} runs{end}"
    drafts = Invoice.objects.filter(**mine, status=Invoice.Status.DRAFT).count()
    if drafts:
        yield f"{drafts} drafts are not finalised"
    charges = Charge.objects.filter(**mine, due_at__isnull=False).count()
    if charges:
        yield f"{charges} charges wait for an invoice"
    late = LateUsage.objects.filter(
        project=customer.project, period__subscription__customer=customer, due_at__isnull=False
    )
    if late.exists():
        yield "late usage is not billed"


def documents_to_keep(customer: Customer, *, at: datetime) -> Documents:
    """The issued invoices whose text is to be kept at `at`: through the calendar year of their
    issue and NERUBA_INVOICE_KEEP_YEARS after it. With 0 none is.
    """
    parties = InvoiceParty.objects.filter(
        invoice__project=customer.project, invoice__customer=customer
    )
    issued = list(parties.values_list("pk", "salt", "invoice__finalized_at"))
    years = settings.INVOICE_KEEP_YEARS
    until = {
        pk: _end_of(local_date(finalized, customer.project.timezone).year + years)
        for pk, salt, finalized in issued
        if salt and years and finalized is not None
    }
    kept = {pk: end for pk, end in until.items() if at < end}
    return Documents(len(issued), tuple(sorted(kept)), max(kept.values(), default=None))


def with_text_to_erase(project: Project, *, at: datetime) -> list[Customer]:
    """The customers that were erased while the law kept text that is free at `at`, by their ids."""
    rows = Customer.objects.filter(project=project, erased_at__isnull=False)
    still = rows.filter(invoices__party__salt__gt="").distinct().select_related("project")
    return [row for row in still.order_by("pk") if _has_free_text(row, at)]


def _has_free_text(customer: Customer, at: datetime) -> bool:
    held = InvoiceParty.objects.filter(invoice__customer=customer).exclude(salt="").count()
    return held > len(documents_to_keep(customer, at=at).kept)


def _end_of(year: int) -> datetime:
    return datetime(year + 1, 1, 1, tzinfo=UTC)
