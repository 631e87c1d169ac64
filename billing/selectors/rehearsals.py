"""Runs that store no document: a dry run, and the repetition of a run to compare it with itself."""

from collections.abc import Sequence
from datetime import datetime

from billing.errors import RepetitionDiffersError
from billing.models import BillingRun, Invoice
from billing.selectors.previews import due_documents
from billing.selectors.runs import finalized_by
from billing.selectors.verify import verify_invoices
from billing.tally import Tally
from ingest.errors import ArchiveMissingError
from neruba.models import Customer, Project


def dry_documents(run: BillingRun, customers: Sequence[int], *, at: datetime) -> Tally:
    """What a run would bill these customers, by the function that previews and issues."""
    tally = Tally()
    rows = Customer.objects.filter(project=run.project, pk__in=customers).select_related("project")
    for customer in rows.order_by("pk"):
        documents, opened = due_documents(
            project=run.project, customer=customer, as_of=run.as_of, at=at
        )
        tally.invoiced += opened
        for one in documents:
            total = one.content.total
            tally.add(1, {total.currency: total.minor})
            tally.hashes.append(one.content.content_hash)
    return tally


def repeated_invoices(project: Project, as_of: datetime, customers: Sequence[int]) -> list[Invoice]:
    """The documents of these customers that a repetition computes again."""
    rows = finalized_by(project, as_of).filter(customer__in=customers)
    return list(rows.select_related("customer", "subscription__customer", "party"))


def differences_of(run: BillingRun, customers: Sequence[int]) -> Tally:
    """Compute the documents of these customers again from raw usage and the stored snapshots.

    Raises RepetitionDiffersError with the first that comes out otherwise than it was issued, and
    ArchiveMissingError where its events rest in a file that is not at hand.
    """
    tally = Tally()
    invoices = repeated_invoices(run.project, run.as_of, customers)
    for verdict in verify_invoices(run.project, invoices):
        if verdict.matches is None:
            raise ArchiveMissingError(f"invoice {verdict.invoice.number}: {verdict.missing}")
        if not verdict.matches:
            words = "; ".join(verdict.differences)
            raise RepetitionDiffersError(f"invoice {verdict.invoice.number}: {words}")
        tally.add(1, {})
        tally.hashes.append(verdict.rebuilt_hash)
    return tally
