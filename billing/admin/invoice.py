"""Invoices: the page that says how each amount came about, and the print view."""

import re
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
)
from unfold.decorators import action
from unfold.views import ChangeList

from billing.admin import correcting
from billing.admin.compared import compared
from billing.admin.documents import (
    InvoiceList,
    period_of,
    read_document,
    shown,
    status_label,
)
from billing.admin.settlement import Receipt, SettledRow, statement, statement_table
from billing.admin.sheet import (
    explained_sums,
    lines_of_document,
    print_sheet,
    sums_of_document,
    transfer_table,
)
from billing.models import Invoice, InvoiceLine, InvoiceParty
from billing.selectors.documents import RELATED, Document
from billing.selectors.verify import verify_invoices
from neruba.admin.base import InstantRangeFilter, ReadOnlyAdmin
from neruba.admin.page import (
    Banner,
    Fact,
    Headline,
    Page,
    PageAdmin,
    code,
    instant,
    link_to,
    money,
    whole,
)
from neruba.admin.place import in_place
from neruba.models import Customer

NUMBER = re.compile(r"INV-(\d{1,18})", re.IGNORECASE)
CUSTOMERS_SEARCHED = 100


class InvoiceAdmin(PageAdmin):
    """Registered with what payments add to it: who shows an invoice shows what paid it."""

    change_form_template = "billing/invoice.html"
    list_display = [
        "named",
        "state",
        "customer",
        "period",
        "total",
        "due",
        "finalized_at",
    ]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
        ("finalized_at", InstantRangeFilter),
        ("boundary_at", InstantRangeFilter),
    ]
    list_select_related = RELATED
    ordering = ["-id"]
    search_fields = ["sequence"]  # shows the field; `get_search_results` answers
    search_help_text = "A number, an id, or the beginning of a customer's external id or name"

    def receipts(self, invoice: Invoice) -> list[Receipt]:
        """The payments of an issued invoice, oldest first."""
        raise NotImplementedError

    def settlement(self, document: Document) -> list[SettledRow]:
        """How it was settled; nothing for a draft."""
        if document.invoice.status == Invoice.Status.DRAFT:
            return []
        return statement(document, self.receipts(document.invoice))

    @action(
        description="Credit note",
        permissions=["billing.add_creditnote"],
        icon="assignment_return",
        dialog=correcting.CREDIT,
    )
    def credit_note(
        self, request: HttpRequest, form: correcting.CreditForm, object_id: str
    ) -> HttpResponse:
        return correcting.credit(request, form)

    @action(
        description="Void",
        permissions=["billing.void_invoice"],
        icon="block",
        dialog=correcting.VOID,
    )
    def void_invoice(
        self, request: HttpRequest, form: correcting.VoidForm, object_id: str
    ) -> HttpResponse:
        return correcting.void(request, form)

    @action(
        description="Write off",
        permissions=["billing.write_off_invoice"],
        icon="money_off",
        dialog=correcting.WRITE_OFF,
    )
    def write_off(
        self, request: HttpRequest, form: correcting.WriteOffForm, object_id: str
    ) -> HttpResponse:
        return correcting.write_off(request, form)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        rows: QuerySet[Invoice] = super().get_queryset(request)
        return rows.select_related(*RELATED)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return InvoiceList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """By what indexes answer: number, id, customer."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if number := NUMBER.fullmatch(term):
            return queryset.filter(sequence=int(number[1])), False
        begins = Q(external_id__startswith=term) | Q(name__startswith=term)
        named = in_place(Customer.objects.filter(begins), request, "project")
        customers = list(named.values_list("pk", flat=True)[:CUSTOMERS_SEARCHED])
        return queryset.filter(Q(public_id=term) | Q(customer_id__in=customers)), False

    @admin.display(description="Invoice", ordering="sequence")
    def named(self, invoice: Invoice) -> str:
        return whole(invoice.number or "Draft")

    @admin.display(description="Status", ordering="status")
    def state(self, invoice: Invoice) -> str:
        return status_label(invoice.status)

    @admin.display(description="Period", ordering="period_start")
    def period(self, invoice: Invoice) -> str:
        return whole(period_of(shown(invoice)))

    @admin.display(description="Total")
    def total(self, invoice: Invoice) -> str:
        return whole(money(shown(invoice).total))

    @admin.display(description="Due")
    def due(self, invoice: Invoice) -> str:
        is_draft = invoice.status == Invoice.Status.DRAFT
        return whole("computed now" if is_draft else money(shown(invoice).due))

    def get_urls(self) -> list[URLPattern]:
        sheet = path(
            "<path:object_id>/print/",
            self.admin_site.admin_view(self.print_view),
            name="billing_invoice_print",
        )
        return [sheet, *super().get_urls()]

    def print_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The invoice on paper: a page of its own, without the console around it."""
        invoice = self.get_object(request, object_id)
        if not self.has_view_permission(request, invoice):
            raise PermissionDenied
        if invoice is None:
            raise Http404
        document = read_document(invoice)
        sheet = print_sheet(document, self.settlement(document))
        return TemplateResponse(request, "billing/print.html", sheet)

    def page(self, request: HttpRequest, row: Invoice) -> Page:
        document = read_document(row)
        is_draft = row.status == Invoice.Status.DRAFT
        verdict = None
        if "verify" in request.GET and not is_draft:
            # A read: rebuilding an invoice stores nothing, so a GET may ask for it.
            verdict = next(iter(verify_invoices(row.project, [row])))
        return Page(
            banners=_banners(document),
            headlines=_headlines(document),
            facts=_facts(document),
            more={
                "document": document,
                "lines": lines_of_document(document),
                "sums": sums_of_document(document),
                "explained": explained_sums(document),
                "compared": compared(row, request.GET.get("with", "")),
                "settlement": None if is_draft else statement_table(self.settlement(document)),
                "transfers": None if is_draft else transfer_table(document),
                "verdict": verdict,
                "is_draft": is_draft,
                "print_url": reverse("admin:billing_invoice_print", args=[row.pk]),
            },
        )


def _banners(document: Document) -> list[Banner]:
    row = document.invoice
    if row.status != Invoice.Status.DRAFT:
        return []
    words = (
        "Draft, computed now. No line of it is stored: usage, charges and changes that come "
        f"before it is finalised ({instant(row.due_at)}) still count."
    )
    return [Banner("info", words)]


def _headlines(document: Document) -> list[Headline]:
    row = document.invoice
    if row.status == Invoice.Status.DRAFT:
        return [
            Headline("Total as of now", money(document.total), "computed now"),
            Headline("Status", status_label(row.status), "has no number yet"),
            Headline("To be finalised", instant(row.due_at), "by the first run after it"),
        ]
    return [
        Headline("Total", money(document.total), "the sum of its ledger transfers"),
        Headline("Due", money(document.due), f"by {instant(row.payment_due_at)}"),
        Headline("Status", status_label(row.status), row.number or ""),
    ]


def _facts(document: Document) -> list[Fact]:
    row = document.invoice
    return [
        Fact("Number", row.number or "none: a draft"),
        Fact("Customer", link_to(row.customer)),
        Fact("Subscription", link_to(row.subscription)),
        Fact("Project", link_to(row.project)),
        Fact("Period", period_of(document)),
        Fact("Reason", row.get_reason_display()),
        Fact("Bills up to", instant(row.boundary_at)),
        Fact("Finalised", instant(row.finalized_at)),
        Fact("Payment due", instant(row.payment_due_at)),
        Fact("Billing run", link_to(row.run, row.run and instant(row.run.as_of))),
        Fact("Id", code(row.public_id)),
        Fact("Ledger document", code(row.document)),
    ]


@admin.register(InvoiceLine)
class InvoiceLineAdmin(ReadOnlyAdmin):
    list_display = ["description", "invoice", "kind", "price", "quantity", "unit_amount"]
    list_filter = [("period_start", InstantRangeFilter)]
    list_select_related = ["project", "invoice"]
    ordering = ["-id"]
    search_fields = ["invoice__public_id__exact", "price__exact"]
    search_help_text = "An invoice's id, or a price's code"

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceLine]:
        rows: QuerySet[InvoiceLine] = super().get_queryset(request)
        return rows.select_related("project", "invoice")


@admin.register(InvoiceParty)
class InvoicePartyAdmin(ReadOnlyAdmin):
    project_path = "invoice__project"
    list_display = ["invoice", "content"]
    list_select_related = ["invoice__project"]
    ordering = ["-id"]
    search_fields = ["invoice__public_id__exact"]
    search_help_text = "An invoice's id"

    @admin.display(description="Project")
    def project(self, party: InvoiceParty) -> str:
        return link_to(party.invoice.project)
