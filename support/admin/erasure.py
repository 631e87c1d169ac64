"""The dialog that erases a customer's identity."""

from functools import partial

from django import forms
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.widgets import UnfoldAdminTextInputWidget

from billing.selectors.erasure import bills_to_come, documents_to_keep
from billing.services.erasure import Erased, erase_customer
from neruba import clock
from neruba.admin.dialogs import RowForm, act, operator
from neruba.admin.page import Banner, page_of
from neruba.models import Customer


class EraseForm(RowForm[Customer]):
    """Asks for the id, typed by hand: what is erased does not come back."""

    rows = Customer.objects.select_related("project")

    external_id = forms.CharField(
        max_length=255, label="Type the customer's id", widget=UnfoldAdminTextInputWidget()
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["external_id"].help_text = f"{self._hint()} The id is {self.row.external_id}."
        self.fields["reason"].help_text = "Without the person's name: it stays in the history."

    def _hint(self) -> str:
        coming = "; ".join(bills_to_come(self.row))
        if coming:
            return f"Not possible yet, it will still be billed: {coming}."
        documents = documents_to_keep(self.row, at=clock.now(self.row.project))
        if documents.kept_until is None:
            return f"The text on all {documents.issued} invoices goes too."
        return (
            f"{len(documents.kept)} of {documents.issued} invoices keep their text as long as the "
            f"law asks, the last until {documents.kept_until:%Y-%m-%d}: erase again then."
        )

    def clean_external_id(self) -> str:
        given: str = self.cleaned_data["external_id"]
        if given != self.row.external_id:
            raise forms.ValidationError("That is not this customer's id.")
        return given


ERASE: ActionDialog = {
    "title": "Erase the customer's identity",
    "description": (
        "For good. What goes: name, e-mail, address, tax ids, metadata, here, in the history, in "
        "reasons and messages. What stays: the id, invoices with numbers and amounts, usage, the "
        "books. No new subscription or charge is taken after it."
    ),
    "form_class": EraseForm,
    "form_submit_text": "Erase",
}


def erase(request: HttpRequest, form: EraseForm) -> HttpResponse:
    work = partial(
        erase_customer,
        customer=form.row,
        reason=form.cleaned_data["reason"],
        actor=operator(request),
        at=clock.now(form.row.project),
    )
    return act(request, form=form, dialog=ERASE, work=work, done=_said, then=page_of(form.row))


def _said(erased: Erased) -> str:
    words = f"The identity of {erased.customer.external_id} was erased."
    if erased.documents.kept_until is not None:
        words += f" {len(erased.documents.kept)} invoices keep their text for now."
    if erased.is_named:
        words += " Its id holds a word of what was erased: an id cannot be changed."
    return words


def erased_banners(customer: Customer) -> list[Banner]:
    if customer.erased_at is None:
        return []
    words = (
        f"The identity was erased on {customer.erased_at:%Y-%m-%d}. Invoices, usage and the books "
        "stay under the id."
    )
    kept = documents_to_keep(customer, at=clock.now(customer.project))
    if kept.kept_until is not None:
        words += (
            f" {len(kept.kept)} invoices keep names and addresses, the last until "
            f"{kept.kept_until:%Y-%m-%d}."
        )
    return [Banner("warning", words)]
