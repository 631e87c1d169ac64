"""Credit notes: what each gives back of which line, and where it went."""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action
from unfold.views import ChangeList

from billing.admin import correcting
from billing.admin.sheet import account_link, credit_note_sheet
from billing.models import CreditNote
from billing.selectors.credit_notes import NoteDocument, note_documents
from ledger.selectors.journal import entries_by_key, transfers_of_entries
from ledger.selectors.settlements import CREDIT_NOTE
from ledger.selectors.wallets import grants_of
from ledger.templates import OperationKey
from neruba.admin.base import InstantRangeFilter
from neruba.admin.page import (
    Banner,
    Fact,
    Headline,
    Page,
    PageAdmin,
    Table,
    code,
    instant,
    label,
    link_to,
    list_of,
    money,
    whole,
)
from neruba.models import AuditRecord
from neruba.money import Money

NUMBER = re.compile(r"CN-(\d{1,18})", re.IGNORECASE)
RELATED = ("project", "customer", "invoice__project", "invoice__party")
COLOURS = {CreditNote.Status.ISSUED: "success", CreditNote.Status.VOID: "plain"}


class CreditNoteList(ChangeList):
    """A page of credit notes, each with its document."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: Iterable[CreditNote] = self.result_list
        notes = sorted(rows, key=lambda note: note.project_id)
        for _, group in groupby(notes, key=lambda note: note.project_id):
            mine = list(group)
            for found in note_documents(mine[0].project, mine):
                vars(found.note)["document_shown"] = found


@admin.register(CreditNote)
class CreditNoteAdmin(PageAdmin):
    page_links = [("Print view", "print", "../print/")]
    list_display = ["named", "state", "customer", "of_invoice", "total", "settle", "issued_at"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("settle", ChoicesDropdownFilter),
        ("issued_at", InstantRangeFilter),
    ]
    list_select_related = ["project", "customer", "invoice"]
    ordering = ["-id"]
    search_fields = ["public_id__exact", "invoice__public_id__exact", "customer__external_id"]
    search_help_text = "A number, an id of it or of its invoice, or a customer's external id"
    actions_detail = ["void_note"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditNote]:
        rows: QuerySet[CreditNote] = super().get_queryset(request)
        return rows.select_related(*RELATED)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CreditNoteList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CreditNote], search_term: str
    ) -> tuple[QuerySet[CreditNote], bool]:
        """By what indexes answer: number, ids, customer."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if number := NUMBER.fullmatch(term):
            return queryset.filter(sequence=int(number[1])), False
        ids = Q(public_id=term) | Q(invoice__public_id=term) | Q(customer__external_id=term)
        return queryset.filter(ids), False

    @admin.display(description="Credit note", ordering="sequence")
    def named(self, note: CreditNote) -> str:
        return whole(note.number)

    @admin.display(description="Status", ordering="status")
    def state(self, note: CreditNote) -> str:
        return label(note.status, COLOURS[CreditNote.Status(note.status)])

    @admin.display(description="Invoice")
    def of_invoice(self, note: CreditNote) -> str:
        return whole(note.invoice.number)

    @admin.display(description="Total")
    def total(self, note: CreditNote) -> str:
        document: NoteDocument = vars(note)["document_shown"]
        return whole(money(document.total))

    def get_urls(self) -> list[URLPattern]:
        sheet = path(
            "<path:object_id>/print/",
            self.admin_site.admin_view(self.print_view),
            name="billing_creditnote_print",
        )
        return [sheet, *super().get_urls()]

    def print_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The credit note on paper: a page of its own, without the console around it."""
        note = self.get_object(request, object_id)
        if not self.has_view_permission(request, note):
            raise PermissionDenied
        if note is None:
            raise Http404
        (document,) = note_documents(note.project, [note])
        return TemplateResponse(
            request, "billing/credit_note_print.html", credit_note_sheet(document)
        )

    @action(
        description="Void",
        permissions=["billing.change_creditnote"],
        icon="block",
        dialog=correcting.VOID_NOTE,
    )
    def void_note(
        self, request: HttpRequest, form: correcting.VoidNoteForm, object_id: str
    ) -> HttpResponse:
        return correcting.void_note(request, form)

    def page(self, request: HttpRequest, row: CreditNote) -> Page:
        (document,) = note_documents(row.project, [row])
        return Page(
            banners=_banners(row),
            headlines=[
                Headline("Total", money(document.total), "the sum of its ledger transfers"),
                Headline("Status", self.state(row), row.number),
                Headline("Invoice", link_to(row.invoice, row.invoice.number), "what it corrects"),
            ],
            facts=_facts(row),
            tables=[_lines(document), *_taxes(document), _transfers(row)],
        )


def _banners(note: CreditNote) -> list[Banner]:
    if note.status != CreditNote.Status.VOID:
        return []
    return [Banner("warning", f"Void since {instant(note.voided_at)}: it gives nothing back.")]


def _facts(note: CreditNote) -> list[Fact]:
    grant = grants_of(note.project).filter(public_id=note.grant).first() if note.grant else None
    return [
        Fact("Number", note.number),
        Fact("Customer", link_to(note.customer)),
        Fact("What was paid went", note.get_settle_display()),
        Fact("Credit that it made", link_to(grant)),
        Fact("Reason", note.reason),
        Fact("Issued by", note.issued_by),
        Fact("Issued", instant(note.issued_at)),
        Fact("Void since", instant(note.voided_at)),
        Fact("Id", code(note.public_id)),
        Fact("In the audit", list_of(AuditRecord, "who did what and why", q=note.public_id)),
    ]


def _lines(document: NoteDocument) -> Table:
    currency = document.note.currency
    return Table(
        title="Lines",
        columns=("Description", "Line of the invoice", "Quantity", "Net", "Tax"),
        rows=[
            (
                line.description,
                code(line.invoice_line),
                line.quantity or "–",
                money(Money(line.net_minor, currency)),
                money(Money(line.tax_minor, currency)),
            )
            for line in document.lines
        ],
        empty="",
        numeric=("Quantity", "Net", "Tax"),
    )


def _taxes(document: NoteDocument) -> list[Table]:
    """The tax that goes back, by rate; nothing where there is none."""
    if not document.taxes:
        return []
    currency = document.note.currency
    return [
        Table(
            title="Tax",
            columns=("Rate", "Tax"),
            rows=[
                (code(rate), money(Money(minor, currency)))
                for rate, minor in document.taxes.items()
            ],
            empty="",
            numeric=("Tax",),
        )
    ]


def _transfers(note: CreditNote) -> Table:
    """The transfers of its entry, which name the invoice as their document."""
    entries = entries_by_key(note.project, [OperationKey(CREDIT_NOTE, note.operation_key)])
    found = transfers_of_entries([entry.pk for entry in entries.values()])
    entry = next(iter(entries.values()), None)
    return Table(
        title="Ledger: its entry",
        columns=("Debit", "Credit", "Line", "Amount"),
        rows=[
            (
                account_link(transfer.debit_account),
                account_link(transfer.credit_account),
                code(transfer.line),
                money(Money(transfer.amount_minor, transfer.currency)),
            )
            for transfers in found.values()
            for transfer in transfers
        ],
        empty="Its entry is not in the ledger: somebody changed rows behind the application.",
        numeric=("Amount",),
        more=link_to(entry, entry and f"{entry.kind}, {instant(entry.occurred_at)}"),
        anchor="ledger",
    )
