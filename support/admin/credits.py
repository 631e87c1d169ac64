"""Giving a customer credit and adjusting the balance, in dialogs that show what they do first."""

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.dataclasses import ActionDialog
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from billing.admin.coupon_forms import prices_named
from ledger.admin.asking import ReasonCodeField, amount_of, asked_words, second_person
from ledger.drawing import Drawable
from ledger.selectors.holdings import Means, means_in
from ledger.selectors.wallets import funds_of
from ledger.services.giving import (
    Asked,
    Credit,
    adjust_or_ask,
    check_adjustment,
    check_credit,
    issue_or_ask,
)
from ledger.templates.credits import GrantKey
from neruba import clock
from neruba.admin.dialogs import PreviewForm, act_previewed, operator
from neruba.admin.page import instant, money, page_of
from neruba.models import Customer
from neruba.money import Money, is_currency
from neruba.period import local_midnight

ORDER_SHOWN = 5


class CustomerForm(PreviewForm[Customer]):
    rows = Customer.objects.select_related("project")

    @property
    def now(self) -> datetime:
        return clock.now(self.row.project)


class MoneyForm(CustomerForm):
    """An amount in one of the customer's currencies: `cleaned_data["money"]`."""

    amount = forms.CharField(widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}))
    currency = forms.CharField(max_length=3, widget=UnfoldAdminTextInputWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].initial = self.row.currency or self.row.project.currency

    def clean_currency(self) -> str:
        code: str = self.cleaned_data["currency"].strip().upper()
        if not is_currency(code):
            raise forms.ValidationError(f"{code!r} is no ISO 4217 currency.")
        return code

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if "amount" in given and "currency" in given:
            try:
                given["money"] = amount_of(given["amount"], given["currency"])
            except forms.ValidationError as error:
                self.add_error("amount", error)
        return given

    @property
    def money(self) -> Money:
        money: Money = self.cleaned_data["money"]
        return money


class IssueForm(MoneyForm):
    """A credit for the customer, in the wallet of its currency."""

    confirm_words = "Issue this credit"

    kind = forms.ChoiceField(
        choices=[
            ("promotional", "Promotional: a gift"),
            ("paid", "Prepaid: money that came in already"),
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    expires_at = forms.DateField(
        required=False,
        label="Last day",
        help_text="In the customer's time zone; empty: it never expires.",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )
    priority = forms.IntegerField(
        min_value=0,
        max_value=255,
        initial=50,
        help_text="0 is drawn on first.",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
    )
    prices = forms.CharField(
        required=False,
        label="Only for these prices",
        help_text="Codes with commas between them; empty: for every line.",
        widget=UnfoldAdminTextInputWidget(),
    )
    reason_code = ReasonCodeField()
    reason = forms.CharField(
        label="Note",
        max_length=500,  # it stands on the grant
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )

    def clean_prices(self) -> tuple[str, ...]:
        return prices_named(self.row.project, self.cleaned_data["prices"])

    @property
    def credit(self) -> Credit:
        given = self.cleaned_data
        return Credit(
            amount=self.money,
            kind=given["kind"],
            priority=given["priority"],
            expires_at=self._end_of(given["expires_at"]),
            prices=given["prices"],
            reason_code=given["reason_code"],
        )

    def _end_of(self, last_day: date | None) -> datetime | None:
        if last_day is None:
            return None
        zone = self.row.timezone or self.row.project.timezone
        return local_midnight(last_day + timedelta(days=1), zone)

    def preview(self) -> list[str]:
        customer, credit, now = self.row, self.credit, self.now
        check_credit(customer, credit, at=now)
        has = means_in(customer, credit.amount.currency, now=now)
        then = money(Money(has.spendable_minor, has.currency) + credit.amount)
        said = [
            f"{customer.name} has {_has(has)} now; after this {then} of credit.",
            _what_it_is(credit),
            f"Invoices draw in this order: {_order(customer, credit, now)}.",
        ]
        return said + second_person(customer.project, operator(self.request), credit.amount)


def _has(has: Means) -> str:
    words = f"{money(Money(has.spendable_minor, has.currency))} of credit"
    if has.later_minor:
        words += f", {money(Money(has.later_minor, has.currency))} that cannot be spent yet"
    if has.balance_minor:
        words += f" and a balance of {money(Money(has.balance_minor, has.currency))}"
    return words


def _what_it_is(credit: Credit) -> str:
    what = (
        "It is a gift: an expense when it is used, and never paid out."
        if credit.kind == "promotional"
        else f"It states that {money(credit.amount)} came in at the bank: check that it did."
    )
    ends = (
        f"It is gone at {instant(credit.expires_at)}."
        if credit.expires_at
        else ("It does not expire.")
    )
    pays = f" It pays for {', '.join(credit.prices)} alone." if credit.prices else ""
    return f"{what} {ends}{pays}"


def _order(customer: Customer, credit: Credit, now: datetime) -> str:
    """The grants as an invoice of now would draw on them, the new one among them."""
    currency = credit.amount.currency
    funds = funds_of(customer.project, [customer.external_id])
    standing = funds.get((customer.external_id, currency))
    kind = "paid" if credit.kind == "paid" else "promotional"
    new = Drawable(
        key=GrantKey("", kind, currency, customer.external_id),  # type: ignore[arg-type]
        balance_minor=credit.amount.minor,
        priority=credit.priority,
        effective_at=credit.effective_at or now,
        expires_at=credit.expires_at,
        created=2**63,
        prices=frozenset(credit.prices),
    )
    ready = [one for one in (standing.grants if standing else ()) if one.pays_at(now)]
    words = [_drawn(one) for one in sorted([*ready, new], key=lambda one: one.place)]
    if len(words) > ORDER_SHOWN:
        words = [*words[:ORDER_SHOWN], f"{len(words) - ORDER_SHOWN} more"]
    return ", then ".join([*words, "the customer balance"])


def _drawn(one: Drawable) -> str:
    amount = money(Money(one.balance_minor, one.key.currency))
    ends = f" until {instant(one.expires_at)}" if one.expires_at else ""
    return f"{amount} {one.key.kind}{ends}{'' if one.key.grant else ' (this one)'}"


ISSUE: ActionDialog = {
    "title": "Issue a credit",
    "description": "It pays for the customer's invoices from the next one on.",
    "form_class": IssueForm,
    "form_submit_text": "Preview",
}


def issue(request: HttpRequest, form: IssueForm) -> HttpResponse:
    work = partial(
        issue_or_ask,
        customer=form.row,
        credit=form.credit,
        reason=form.cleaned_data["reason"],
        actor=operator(request),
        at=form.now,
    )
    return act_previewed(
        request,
        form=form,
        dialog=ISSUE,
        work=work,
        done=lambda done: _told(form, done, f"{money(form.credit.amount)} was issued."),
        then=page_of(form.row),
    )


class AdjustForm(MoneyForm):
    """The customer balance, given to or taken back from."""

    confirm_words = "Adjust the balance"

    reason_code = ReasonCodeField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].help_text = "Above zero to give, with a minus to take back."

    def preview(self) -> list[str]:
        customer, amount = self.row, self.money
        has = means_in(customer, amount.currency, now=self.now)
        before = Money(has.balance_minor, amount.currency)
        check_adjustment(customer, amount)
        then = money(before + amount)
        said = [
            f"The balance of {customer.name} is {money(before)} now; after this it is {then}.",
            "Invoices draw on it after every grant.",
        ]
        if amount.minor < 0:
            return said
        return said + second_person(customer.project, operator(self.request), amount)


ADJUST: ActionDialog = {
    "title": "Adjust the customer balance",
    "description": "For money that is owed back, not for a gift that ends: issue a credit then.",
    "form_class": AdjustForm,
    "form_submit_text": "Preview",
}


def adjust(request: HttpRequest, form: AdjustForm) -> HttpResponse:
    given = form.cleaned_data
    work = partial(
        adjust_or_ask,
        customer=form.row,
        amount=form.cleaned_data.get("money"),
        reason=given["reason"],
        reason_code=given["reason_code"],
        actor=operator(request),
        at=form.now,
    )
    return act_previewed(
        request,
        form=form,
        dialog=ADJUST,
        work=work,
        done=lambda done: _told(form, done, f"The balance was adjusted by {money(form.money)}."),
        then=page_of(form.row),
    )


def _told(form: MoneyForm, done: object, words: str) -> SafeString | str:
    """What was done, or who has to do something now."""
    return asked_words(form.row.project, done) if isinstance(done, Asked) else words
