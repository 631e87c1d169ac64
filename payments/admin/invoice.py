"""The page of an invoice with its payments, and the acts that bring money to it."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action

from billing.admin.invoice import InvoiceAdmin
from billing.admin.settlement import Receipt
from billing.models import Invoice
from neruba.admin.page import link_to
from neruba.money import Money
from payments.admin.receiving import RECORD, RECOVER, RecordForm, RecoverForm, record, recover
from payments.selectors.payments import receipts_of


@admin.register(Invoice)
class PaidInvoiceAdmin(InvoiceAdmin):
    actions_detail = [
        "record_payment",
        {
            "title": "Correct",
            "icon": "edit_document",
            "items": ["credit_note", "write_off", "recover_invoice", "void_invoice"],
        },
    ]

    def receipts(self, invoice: Invoice) -> list[Receipt]:
        shown = []
        for found in receipts_of(invoice):
            payment = found.payment
            words = ", ".join(filter(None, (payment.get_method_display(), payment.reference)))
            shown.append(
                Receipt(
                    words=words,
                    link=link_to(payment, words),
                    received_at=found.received_at,
                    amount=Money(found.amount_minor, payment.currency),
                )
            )
        return shown

    @action(
        description="Record payment",
        permissions=["payments.add_payment"],
        icon="payments",
        dialog=RECORD,
    )
    def record_payment(
        self, request: HttpRequest, form: RecordForm, object_id: str
    ) -> HttpResponse:
        return record(request, form)

    @action(
        description="Recover",
        permissions=["billing.recover_invoice"],
        icon="settings_backup_restore",
        dialog=RECOVER,
    )
    def recover_invoice(
        self, request: HttpRequest, form: RecoverForm, object_id: str
    ) -> HttpResponse:
        return recover(request, form)
