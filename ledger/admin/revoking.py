"""The dialog in which a grant is taken back."""

from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from ledger.admin.asking import ReasonCodeField, amount_of, asked_words, second_person
from ledger.models import Grant
from ledger.selectors.holdings import holdings_of
from ledger.services.giving import Asked, revoke_or_ask
from ledger.services.wallets import revocable
from neruba import clock
from neruba.admin.dialogs import PreviewForm, act_previewed, operator
from neruba.admin.page import money, page_of
from neruba.money import Money


class RevokeForm(PreviewForm[Grant]):
    """Taking back a grant, in part or whole."""

    rows = Grant.objects.select_related("project", "wallet__customer")
    confirm_words = "Revoke"

    amount = forms.CharField(
        required=False,
        help_text="Empty: all that is left, and the grant ends.",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )
    settle = forms.ChoiceField(
        label="Prepaid money goes to",
        choices=[("balance", "the customer balance"), ("refund", "the customer, as a refund")],
        widget=UnfoldAdminSelectWidget(),
    )
    reason_code = ReasonCodeField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.row.kind != Grant.Kind.PAID:
            del self.fields["settle"]

    def clean_amount(self) -> Money | None:
        text: str = self.cleaned_data["amount"]
        return amount_of(text, self.row.currency) if text.strip() else None

    @property
    def settles(self) -> Any:
        return self.cleaned_data.get("settle", "balance")

    def preview(self) -> list[str]:
        grant, amount = self.row, self.cleaned_data["amount"]
        now = clock.now(grant.project)
        taken = revocable(grant, amount, at=now)
        (holding,) = holdings_of([grant], now=now)
        left = Money(holding.left_minor, grant.currency) - taken
        ends = "; the grant ends" if amount is None else ""
        used = Money(grant.amount_minor - holding.left_minor, grant.currency)
        said = [
            f"{money(taken)} of the {money(taken + left)} left of it is taken back{ends}.",
            f"{money(left)} stays in it.",
            f"The {money(used)} that left it before is not touched: invoices stay paid.",
        ]
        if grant.kind != Grant.Kind.PAID:
            return [*said, "It was promotional: no money moves to anybody."]
        where = "their balance, which pays their next invoices"
        if self.settles == "refund":
            where = "them as a refund, which is promised and has yet to be paid out"
        said.append(f"It is the customer's money: {money(taken)} goes to {where}.")
        if self.settles == "refund":
            said += second_person(grant.project, operator(self.request), taken)
        return said


REVOKE: ActionDialog = {
    "title": "Revoke this credit",
    "description": "Takes back what is left of it, or a part of that; never what was used.",
    "form_class": RevokeForm,
    "form_submit_text": "Preview",
}


def revoke(request: HttpRequest, form: RevokeForm) -> HttpResponse:
    given, grant = form.cleaned_data, form.row
    work = partial(
        revoke_or_ask,
        grant=grant,
        amount=given["amount"],
        reason=given["reason"],
        reason_code=given["reason_code"],
        settle=form.settles,
        actor=operator(request),
        at=clock.now(grant.project),
    )
    return act_previewed(
        request,
        form=form,
        dialog=REVOKE,
        work=work,
        done=lambda taken: (
            asked_words(grant.project, taken)
            if isinstance(taken, Asked)
            else f"{money(taken)} was taken back."
        ),
        then=page_of(grant),
    )


def _told(grant: Grant, taken: Money | Asked) -> str:
    if isinstance(taken, Asked):
        return asked_words(grant.project, taken)
    return f"{money(taken)} was taken back."
