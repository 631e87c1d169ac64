"""Dialogs for money that came in outside Stripe: for what is due, or for what was written off."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing.admin.correcting import InvoiceForm
from billing.models import Invoice
from ledger.admin.asking import amount_of
from ledger.selectors.settlements import settlement_of
from neruba import clock
from neruba.admin.dialogs import act_previewed, operator
from neruba.admin.page import day, money, page_of
from neruba.errors import ConflictError, InvalidError
from neruba.money import Money
from neruba.period import local_date, local_midnight
from payments.models import Payment
from payments.services.payments import receive_payment
from payments.services.recoveries import recover_by_payment

METHODS = [
    (method.value, method.label) for method in Payment.Method if method != Payment.Method.STRIPE
]


class MoneyForm(InvoiceForm):
    """Money that came in: how much, how, when."""

    amount = forms.CharField(
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"})
    )
    method = forms.ChoiceField(choices=METHODS, widget=UnfoldAdminSelectWidget())
    reference = forms.CharField(
        max_length=255,
        help_text="What the bank statement or the receipt says.",
        widget=UnfoldAdminTextInputWidget(),
    )
    received_at = forms.DateField(
        label="Received on",
        help_text="In the project's time zone.",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.row.status != Invoice.Status.DRAFT:
            suggested = Money(max(self.suggested_minor(), 0), self.row.currency)
            self.fields["amount"].initial = suggested.amount
        self.fields["received_at"].initial = self.today

    def suggested_minor(self) -> int:
        """What the dialog proposes, in minor units."""
        return self.due_minor

    @property
    def now(self) -> datetime:
        return clock.now(self.row.project)

    @property
    def today(self) -> date:
        return local_date(self.now, self.row.project.timezone)

    def clean_amount(self) -> Money:
        amount = amount_of(self.cleaned_data["amount"], self.row.currency)
        if amount.minor <= 0:
            raise forms.ValidationError("The amount must be above zero.")
        return amount

    def clean_received_at(self) -> date:
        on: date = self.cleaned_data["received_at"]
        if on > self.today:
            raise forms.ValidationError("Money that came in, came before now.")
        return on

    def receipt(self) -> dict[str, Any]:
        """What the services take of it; today is now, an earlier day its beginning."""
        given = self.cleaned_data
        on: date = given["received_at"]
        began = None if on == self.today else local_midnight(on, self.row.project.timezone)
        return {
            "amount": given["amount"],
            "method": given["method"],
            "reference": given["reference"],
            "received_at": began,
            "reason": given["reason"],
            "actor": operator(self.request),
            "at": self.now,
        }

    @property
    def amount_money(self) -> Money:
        amount: Money = self.cleaned_data["amount"]
        return amount

    def came_in(self) -> str:
        on = day(self.cleaned_data["received_at"])
        return f"{money(self.amount_money)} came in on {on}: bank (1010)."


class RecordForm(MoneyForm):
    """Money for what is due of an invoice."""

    confirm_words = "Record this payment"

    def preview(self) -> list[str]:
        invoice, amount = self.row, self.amount_money
        if invoice.status != Invoice.Status.OPEN:
            raise ConflictError(f"This invoice is {invoice.status}: nothing of it is due.")
        due = self.due_minor
        pays = min(due, amount.minor)
        left = due - pays
        then = f"{self.text(left)} stays due" if left else "it is settled then"
        said = [
            self.came_in(),
            f"{self.text(pays)} pays {invoice.number}, of which {self.text(due)} is due: {then}.",
        ]
        if rest := amount.minor - pays:
            said.append(f"The rest, {self.text(rest)}, becomes customer balance.")
        return said


class RecoverForm(MoneyForm):
    """Money for what was written off of an invoice."""

    confirm_words = "Recover it"

    def suggested_minor(self) -> int:
        return settlement_of(self.row.project, self.row.document).written_off_minor

    def preview(self) -> list[str]:
        amount = self.amount_money
        if self.row.status == Invoice.Status.DRAFT:
            raise InvalidError("A draft is not issued yet: nothing is owed on it.")
        off = self.suggested_minor()
        if amount.minor > off:
            raise ConflictError(
                f"{self.text(off)} of this invoice stands written off; "
                f"{money(amount)} cannot be recovered.",
                pointer="/amount",
            )
        left = off - amount.minor
        return [
            self.came_in(),
            f"{money(amount)} of the {self.text(off)} written off is due again, and paid by it.",
            f"{self.text(left)} stays written off." if left else "Nothing stays written off.",
        ]


RECORD: ActionDialog = {
    "title": "Record a payment",
    "description": "Money that came in outside Stripe. It pays this invoice; the rest is balance.",
    "form_class": RecordForm,
    "form_submit_text": "Preview",
}
RECOVER: ActionDialog = {
    "title": "Recover what was written off",
    "description": "Money came in after all: so much is due again, and paid by it.",
    "form_class": RecoverForm,
    "form_submit_text": "Preview",
}


def record(request: HttpRequest, form: RecordForm) -> HttpResponse:
    invoice = form.row
    return act_previewed(
        request,
        form=form,
        dialog=RECORD,
        work=lambda: receive_payment(
            customer=invoice.customer, invoices=[invoice], **form.receipt()
        ),
        done=lambda payment: f"{money(Money(payment.amount_minor, payment.currency))} is recorded.",
        then=page_of(invoice),
    )


def recover(request: HttpRequest, form: RecoverForm) -> HttpResponse:
    invoice = form.row

    def work() -> Payment:
        return recover_by_payment(invoice=invoice, **form.receipt())

    return act_previewed(
        request,
        form=form,
        dialog=RECOVER,
        work=work,
        done=lambda payment: (
            f"{money(Money(payment.amount_minor, payment.currency))} is recovered."
        ),
        then=page_of(invoice),
    )
