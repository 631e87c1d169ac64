"""Invoices in tables: their totals come from the ledger, in a constant number of queries."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from django.http import Http404, HttpRequest
from unfold.views import ChangeList

from billing.models import Invoice
from billing.selectors.documents import Document, documents_of
from neruba.admin.page import Table, days, instant, label, link_to, money

STATUS = {
    Invoice.Status.DRAFT: "info",
    Invoice.Status.OPEN: "warning",
    Invoice.Status.PAID: "success",
    Invoice.Status.VOID: "plain",
    Invoice.Status.UNCOLLECTIBLE: "error",
}


def status_label(status: str) -> str:
    return label(status, STATUS.get(Invoice.Status(status), "plain"))


def read_documents(invoices: Iterable[Invoice]) -> list[Document]:
    """The documents of rows with their `RELATED` loaded, in their order; drafts as computed now.

    A draft that came to nothing in the meantime is left out.
    """
    rows = list(invoices)
    found: dict[int, Document] = {}
    for _, group in groupby(sorted(rows, key=_project_id), key=_project_id):
        mine = list(group)
        found |= {one.invoice.pk: one for one in documents_of(mine[0].project, mine)}
    # Drafts come back as rows of their own, without what was loaded here.
    return [_with_row(found[row.pk], row) for row in rows if row.pk in found]


def _with_row(document: Document, row: Invoice) -> Document:
    is_as_read = document.invoice.status == row.status
    return replace(document, invoice=row) if is_as_read else document


def read_document(invoice: Invoice) -> Document:
    """The document of one row; not found where it came to nothing in the meantime."""
    found = read_documents([invoice])
    if not found:
        raise Http404
    return found[0]


def _project_id(invoice: Invoice) -> int:
    return invoice.project_id


class InvoiceList(ChangeList):
    """A page of invoices, each with its document."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: Iterable[Invoice] = self.result_list
        self.result_list = [_with_document(one) for one in read_documents(rows)]


def _with_document(document: Document) -> Invoice:
    vars(document.invoice)["document_shown"] = document
    return document.invoice


def shown(invoice: Invoice) -> Document:
    """The document that `InvoiceList` read for a row of its page."""
    document: Document = vars(invoice)["document_shown"]
    return document


def document_table(
    title: str,
    documents: Sequence[Document],
    *,
    empty: str,
    more: str = "",
    anchor: str = "",
    with_customer: bool = False,
) -> Table:
    """Each document with its total and what is due of it; a draft's are those of now."""
    who = ("Customer",) if with_customer else ()
    return Table(
        title=title,
        columns=("Invoice", "Status", *who, "Period", "Finalised", "Total", "Due"),
        rows=[_row(one, with_customer=with_customer) for one in documents],
        empty=empty,
        numeric=("Total", "Due"),
        more=more,
        anchor=anchor,
    )


def _row(document: Document, *, with_customer: bool) -> list[Any]:
    row = document.invoice
    is_draft = row.status == Invoice.Status.DRAFT
    return [
        link_to(row, row.number or "Draft"),
        status_label(row.status),
        *([link_to(row.customer)] if with_customer else []),
        period_of(document),
        instant(row.finalized_at) if not is_draft else f"due {instant(row.due_at)}",
        money(document.total),
        money(document.due) if not is_draft else "computed now",
    ]


def zone_of(document: Document) -> str:
    """The time zone of its lines; where none has one, the customer's or the project's."""
    for line in document.content["lines"]:
        if "policy" in line["evidence"]:
            zone: str = line["evidence"]["policy"]["timezone"]
            return zone
    return document.invoice.customer.timezone or document.invoice.project.timezone


def period_of(document: Document) -> str:
    """Its period in local days."""
    invoice = document.invoice
    return days(invoice.period_start, invoice.period_end, zone_of(document))
