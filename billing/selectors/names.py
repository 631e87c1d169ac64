"""What the books' documents of billing are called."""

from collections.abc import Collection

from billing.models import Invoice
from ledger.documents import Named
from neruba.models import Project

PREFIX = "invoice:"


def names_of_invoices(project: Project, documents: Collection[str]) -> dict[str, Named]:
    """The invoices among these documents, by how the ledger names them; one query."""
    keys = [one.removeprefix(PREFIX) for one in documents if one.startswith(PREFIX)]
    rows = Invoice.objects.filter(project=project, operation_key__in=keys) if keys else ()
    return {
        row.document: Named("invoice", row.public_id, row.number or "draft", row) for row in rows
    }
