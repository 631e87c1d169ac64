"""How far invoices are settled: the lock under which that is decided, and their status."""

from collections.abc import Collection, Sequence

from billing.locks import lock_customers
from billing.models import Invoice
from billing.selectors.settlement import Receivable, open_receivables, stated
from ledger.selectors.settlements import Settlement, settlements
from neruba.errors import ConflictError
from neruba.models import Customer, Project
from neruba.updates import update_rows


def lock_invoice(invoice: Invoice) -> Invoice:
    """The issued invoice as it stands now, its customer locked: whatever settles it or touches the
    customer's credits does that first. Raises ConflictError for a draft.
    """
    lock_customers(invoice.project, [invoice.customer_id])
    rows = Invoice.objects.select_related("project", "customer", "subscription")
    locked = rows.get(pk=invoice.pk)
    if locked.status == Invoice.Status.DRAFT:
        raise ConflictError("A draft is not issued yet: nothing is owed on it.")
    return locked


def lock_receivables(
    customer: Customer, currency: str, *, only: Collection[int] | None = None
) -> list[Receivable]:
    """What the customer owes on open invoices, oldest first, under the customer's lock."""
    lock_customers(customer.project, [customer.pk])
    return open_receivables(customer, currency, only=only)


def restate(project: Project, invoices: Sequence[Invoice]) -> None:
    """Set the status of invoices by what is due of them in the ledger; void ones stay void."""
    found = settlements(project, [row.document for row in invoices])
    changed = []
    for row in invoices:
        status = stated(row, found.get(row.document, Settlement()))
        if status != row.status:
            row.status = status
            changed.append((row.pk, status))
    update_rows(Invoice, ("status",), changed)
