"""Dialogs that make, end and redeem coupons."""

from datetime import date, datetime, timedelta

from django import forms
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing.models import Coupon, Price, Redemption
from billing.services.coupons import redeem_coupon
from neruba import clock
from neruba.admin.dialogs import ReasonForm, RowForm, act, operator
from neruba.admin.page import (
    money,
    page_of,
)
from neruba.errors import NotFoundError
from neruba.models import Customer, Project
from neruba.money import Money
from neruba.period import local_midnight

DURATIONS = (
    ("once", "once: for the first period that it discounts"),
    ("repeating", "repeating: for that one and those that follow, as many as are said below"),
    ("forever", "forever"),
)


def given_by(coupon: Coupon) -> str:
    """What it gives, such as `12.5 % off for 3 periods`."""
    if coupon.amount_off_minor is None:
        off = f"{coupon.percent_off} % off"
    else:
        off = f"{money(Money(coupon.amount_off_minor, coupon.currency))} off in each period"
        off = off.removesuffix(" in each period") if coupon.duration == "once" else off
    if coupon.duration != "repeating":
        return f"{off}, {coupon.duration}"
    return f"{off} for {coupon.periods} period{'' if coupon.periods == 1 else 's'}"


def prices_named(project: Project, text: str) -> tuple[str, ...]:
    """The codes in the text, with commas between them. Raises ValidationError for one that no plan
    has.
    """
    wanted = {one.strip() for one in text.split(",") if one.strip()}
    known = Price.objects.filter(project=project, code__in=wanted)
    unknown = wanted - set(known.values_list("code", flat=True))
    if unknown:
        raise forms.ValidationError(f"No plan has a price {', '.join(sorted(unknown))}.")
    return tuple(sorted(wanted))


class CouponForm(ReasonForm):
    """A coupon that is made."""

    code = forms.CharField(max_length=255, widget=UnfoldAdminTextInputWidget())
    name = forms.CharField(
        required=False,
        max_length=255,
        help_text="What invoices call it; empty: the code.",
        widget=UnfoldAdminTextInputWidget(),
    )
    percent_off = forms.CharField(
        required=False,
        label="Percent off",
        help_text="Above 0, at most 100. Or else an amount:",
        widget=UnfoldAdminTextInputWidget(),
    )
    amount_off = forms.CharField(
        required=False, label="Amount off", widget=UnfoldAdminTextInputWidget()
    )
    currency = forms.CharField(
        required=False,
        max_length=3,
        help_text="Of the amount; empty: the project's.",
        widget=UnfoldAdminTextInputWidget(),
    )
    duration = forms.ChoiceField(choices=DURATIONS, widget=UnfoldAdminSelectWidget())
    periods = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=10**9,
        label="Periods",
        help_text="How many, where it is repeating.",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
    )
    prices = forms.CharField(
        required=False,
        label="Only for these prices",
        help_text="Codes with commas between them; empty: for every line.",
        widget=UnfoldAdminTextInputWidget(),
    )
    max_redemptions = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=10**9,
        label="How often it may be redeemed",
        help_text="By all customers together; empty: any number of times.",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
    )
    expires_at = forms.DateField(
        required=False,
        label="Last day to redeem it",
        help_text="In the project's time zone; empty: it never expires.",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )

    def clean_currency(self) -> str | None:
        return self.cleaned_data["currency"].strip().upper() or None

    def clean_percent_off(self) -> str | None:
        return self.cleaned_data["percent_off"].strip() or None

    def clean_amount_off(self) -> str | None:
        return self.cleaned_data["amount_off"].strip() or None

    def clean_prices(self) -> tuple[str, ...]:
        return prices_named(self.project, self.cleaned_data["prices"])

    def clean_expires_at(self) -> datetime | None:
        last_day: date | None = self.cleaned_data["expires_at"]
        if last_day is None:
            return None
        return local_midnight(last_day + timedelta(days=1), self.project.timezone)


class EndForm(RowForm[Coupon]):
    rows = Coupon.objects.select_related("project")


class EndRedemptionForm(RowForm[Redemption]):
    rows = Redemption.objects.select_related("project", "coupon", "customer")


class RedeemForm(RowForm[Customer]):
    """A coupon for this customer, by its code."""

    rows = Customer.objects.select_related("project")

    code = forms.CharField(
        label="Coupon",
        max_length=255,
        help_text="Its code.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


MAKE: ActionDialog = {
    "title": "Make a coupon",
    "description": "What it gives never changes; it can be ended. Redeem it on a customer's page.",
    "form_class": CouponForm,
    "form_submit_text": "Make it",
}
END: ActionDialog = {
    "title": "End this coupon",
    "description": "Nobody redeems it any more. The customers who have redeemed it keep it.",
    "form_class": EndForm,
    "form_submit_text": "End it",
}
END_REDEMPTION: ActionDialog = {
    "title": "End this customer's coupon",
    "description": (
        "It discounts nothing that is issued from now on, and this customer cannot redeem it again."
        " What is issued keeps its discount."
    ),
    "form_class": EndRedemptionForm,
    "form_submit_text": "End it",
}
REDEEM: ActionDialog = {
    "title": "Redeem a coupon",
    "description": "It discounts the invoices that are issued from now on, drafts too.",
    "form_class": RedeemForm,
    "form_submit_text": "Redeem",
}


def redeem(request: HttpRequest, form: RedeemForm) -> HttpResponse:
    """The act of the customer's page."""
    customer, wanted = form.row, form.cleaned_data["code"].strip()
    now, actor, reason = clock.now(customer.project), operator(request), form.cleaned_data["reason"]

    def work() -> str:
        coupon = Coupon.objects.filter(project=customer.project, code=wanted).first()
        if coupon is None:
            raise NotFoundError(f"There is no coupon {wanted!r}.", pointer="/code")
        done = redeem_coupon(coupon=coupon, customer=customer, actor=actor, at=now, reason=reason)
        had = " had redeemed it before." if done.replayed else f" has it: {given_by(coupon)}."
        return f"{customer.name}{had}"

    return act(request, form=form, dialog=REDEEM, work=work, done=str, then=page_of(customer))
