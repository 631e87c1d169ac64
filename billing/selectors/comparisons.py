"""Two invoices of a customer beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from billing.models import Invoice
from billing.rating.compare import Part, compare
from billing.selectors.documents import RELATED, Document, documents_of
from neruba.errors import ConflictError
from neruba.money import Money


@dataclass(frozen=True, slots=True)
class Comparison:
    """Why `new` comes to more than `old`: the parts sum to the difference of their totals."""

    old: Document
    new: Document
    parts: Sequence[Part]

    @property
    def difference(self) -> Money:
        return self.new.total - self.old.total


def comparable(invoice: Invoice) -> QuerySet[Invoice]:
    """The other issued invoices of the customer in the same currency, the newest first; void ones
    are left out.
    """
    rows = Invoice.objects.filter(
        project=invoice.project_id,
        customer=invoice.customer_id,
        currency=invoice.currency,
        sequence__isnull=False,
    )
    return rows.exclude(pk=invoice.pk).exclude(status=Invoice.Status.VOID).order_by("-sequence")


def invoice_before(invoice: Invoice) -> Invoice | None:
    """The invoice of the same subscription for the boundary before, or the last one before that;
    None where there is none.
    """
    if invoice.subscription_id is None or invoice.boundary is None:
        return None
    rows = comparable(invoice).filter(
        subscription=invoice.subscription_id, boundary__lt=invoice.boundary
    )
    return rows.order_by("-boundary").first()


def compare_invoices(invoice: Invoice, other: Invoice) -> Comparison:
    """Why the invoice comes to more than the other one.

    Raises ConflictError where they are not of one customer and one currency, and for a draft that
    came to nothing just now.
    """
    if other.customer_id != invoice.customer_id:
        raise ConflictError("Only invoices of one customer compare.")
    if other.currency != invoice.currency:
        raise ConflictError(f"{invoice.currency} and {other.currency} do not compare.")
    wanted = Invoice.objects.filter(pk__in={invoice.pk, other.pk}).select_related(*RELATED)
    found = {one.invoice.pk: one for one in documents_of(invoice.project, list(wanted))}
    if not {invoice.pk, other.pk} <= found.keys():
        raise ConflictError("One of the two is a draft that came to nothing.")
    old, new = found[other.pk], found[invoice.pk]
    return Comparison(old, new, compare(old.content, new.content).parts)
