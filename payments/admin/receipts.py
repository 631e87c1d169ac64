"""The dialog that finds the customer of a receipt."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.widgets import UnfoldAdminTextInputWidget

from billing.selectors.settlement import open_receivables
from neruba import clock
from neruba.admin.dialogs import PreviewForm, act_previewed, operator
from neruba.admin.page import money, page_of
from neruba.models import Customer
from neruba.money import Money
from payments.models import Payment
from payments.services.payments import spread_over
from payments.services.receipts import check_match, match_payment


class MatchForm(PreviewForm[Payment]):
    """Whose money it is."""

    rows = Payment.objects.select_related("project", "customer")
    confirm_words = "Match it"
    customer = forms.CharField(
        help_text="The customer's external id.", widget=UnfoldAdminTextInputWidget()
    )

    def clean_customer(self) -> Customer:
        name = self.cleaned_data["customer"]
        customers = Customer.objects.filter(project=self.project).select_related("project")
        found = customers.filter(external_id=name).first()
        if found is None:
            raise forms.ValidationError("There is no such customer in this project.")
        return found

    def preview(self) -> list[str]:
        left, customer = check_match(self.row), self.cleaned_data["customer"]
        spread = spread_over(open_receivables(customer, left.currency), left.minor)
        said = [f"{money(left)} that came in is of {customer.name} ({customer.external_id})."]
        said += [
            f"{money(Money(minor, left.currency))} pays {invoice.number}."
            for invoice, minor in spread
        ]
        if rest := left.minor - sum(minor for _, minor in spread):
            said.append(f"{money(Money(rest, left.currency))} becomes customer balance.")
        return said


MATCH: ActionDialog = {
    "title": "Match to a customer",
    "description": "Money that came in and is of nobody known. It pays the oldest open invoice.",
    "form_class": MatchForm,
    "form_submit_text": "Preview",
}


def match(request: HttpRequest, form: MatchForm) -> HttpResponse:
    given: dict[str, Any] = form.cleaned_data
    return act_previewed(
        request,
        form=form,
        dialog=MATCH,
        work=lambda: match_payment(
            payment=form.row,
            customer=given["customer"],
            reason=given["reason"],
            actor=operator(request),
            at=clock.now(form.project),
        ),
        done=lambda payment: f"It is of {payment.customer} now.",
        then=page_of(form.row),
    )
