"""Payments: what came in, how, and what it paid."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action

from ledger.selectors.journal import entries_about
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
from payments.admin import receipts
from payments.models import Payment
from payments.selectors.payments import KINDS, PaymentDocument, payment_documents

COLOURS = {"pending": "warning", "succeeded": "success", "failed": "error"}


@admin.register(Payment)
class PaymentAdmin(PageAdmin):
    list_display = ["named", "state_shown", "customer", "amount", "method", "reference", "received"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("method", ChoicesDropdownFilter),
        ("received_at", InstantRangeFilter),
    ]
    list_select_related = ["project", "customer"]
    ordering = ["-id"]
    search_fields = ["public_id__exact", "customer__external_id__exact", "reference__startswith"]
    search_help_text = "An id, a customer's external id, or the beginning of a reference"
    actions_detail = ["match"]

    @action(
        description="Match to a customer",
        permissions=["payments.change_payment"],
        icon="person_search",
        dialog=receipts.MATCH,
    )
    def match(self, request: HttpRequest, form: receipts.MatchForm, object_id: str) -> HttpResponse:
        return receipts.match(request, form)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        rows: QuerySet[Payment] = super().get_queryset(request)
        return rows.select_related("project", "customer")

    @admin.display(description="Payment", ordering="id")
    def named(self, payment: Payment) -> str:
        return code(payment.public_id)

    @admin.display(description="State", ordering="state")
    def state_shown(self, payment: Payment) -> str:
        return label(payment.get_state_display().lower(), COLOURS.get(payment.state, "plain"))

    @admin.display(description="Amount")
    def amount(self, payment: Payment) -> str:
        return whole(money(Money(payment.amount_minor, payment.currency)))

    @admin.display(description="Received", ordering="received_at")
    def received(self, payment: Payment) -> str:
        return whole(instant(payment.received_at))

    def page(self, request: HttpRequest, row: Payment) -> Page:
        (document,) = payment_documents(row.project, [row])
        return Page(
            banners=[Banner("error", f"It failed: {row.cause}")] if row.cause else [],
            headlines=[
                Headline("Amount", self.amount(row), f"received {instant(row.received_at)}"),
                Headline("State", self.state_shown(row), row.get_method_display()),
                Headline("To the customer balance", money(document.money(document.balance_minor))),
            ],
            facts=_facts(document),
            tables=[_paid(document)],
        )


def _facts(document: PaymentDocument) -> list[Fact]:
    payment = document.payment
    entries: list[Any] = list(entries_about(payment.project, KINDS, [payment.operation_key]))
    unapplied = document.money(document.unapplied_minor)
    fee = document.money(payment.fee_minor)
    return [
        Fact("Customer", link_to(payment.customer) if payment.customer else "not known yet"),
        Fact("Method", payment.get_method_display()),
        Fact("Reference", payment.reference),
        Fact("Not applied yet", money(unapplied) if unapplied else ""),
        Fact("Fee of the provider", money(fee) if fee else ""),
        Fact("Received", instant(payment.received_at)),
        Fact("Noted", instant(payment.created_at)),
        *(Fact("Ledger entry", link_to(entry, entry.kind)) for entry in entries),
        Fact("Id", code(payment.public_id)),
        Fact("In the audit", list_of(AuditRecord, "who noted it and why", q=payment.public_id)),
    ]


def _paid(document: PaymentDocument) -> Table:
    return Table(
        title="What it paid",
        columns=("Invoice", "Status now", "Amount"),
        rows=[
            (link_to(paid.invoice), paid.invoice.status, money(document.money(paid.amount_minor)))
            for paid in document.paid
        ],
        empty="No invoice.",
        numeric=("Amount",),
    )
