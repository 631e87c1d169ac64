"""What customers owe, invoice by invoice."""

from collections.abc import Collection
from dataclasses import dataclass

from billing.models import Invoice
from ledger.selectors.settlements import Settlement, settlements
from neruba.models import Customer

STATED = (Invoice.Status.OPEN, Invoice.Status.PAID, Invoice.Status.UNCOLLECTIBLE)


@dataclass(frozen=True, slots=True)
class Receivable:
    """An open invoice and what is due of it, in minor units above zero."""

    invoice: Invoice
    due_minor: int


def open_receivables(
    customer: Customer, currency: str, *, only: Collection[int] | None = None
) -> list[Receivable]:
    """The customer's open invoices in a currency, oldest first; of these ids if given."""
    rows = Invoice.objects.filter(
        project=customer.project_id,
        customer=customer,
        currency=currency,
        status=Invoice.Status.OPEN,
    )
    if only is not None:
        rows = rows.filter(pk__in=only)
    invoices = list(rows.order_by("sequence"))
    found = settlements(customer.project, [row.document for row in invoices])
    return [
        Receivable(row, found[row.document].due_minor)
        for row in invoices
        if row.document in found and found[row.document].due_minor > 0
    ]


def stated(invoice: Invoice, settlement: Settlement) -> str:
    """The status that an issued invoice has by its settlement; a void one stays void."""
    if invoice.status not in STATED:
        return invoice.status
    if settlement.due_minor > 0:
        return Invoice.Status.OPEN
    if settlement.written_off_minor > 0:
        return Invoice.Status.UNCOLLECTIBLE
    return Invoice.Status.PAID
