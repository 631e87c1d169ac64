"""Coupons and who redeemed them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing.models import Coupon, Price, Redemption
from billing.services.coupons import create_coupon, end_coupon, end_redemption, redeem_coupon
from neruba import clock
from neruba.admin.dialogs import ReasonForm, RowForm, act, operator
from neruba.admin.page import (
    Fact,
    Page,
    PageAdmin,
    Table,
    code,
    instant,
    label,
    link_to,
    list_of,
    money,
    page_of,
)
from neruba.errors import NotFoundError
from neruba.models import Customer, Project
from neruba.money import Money
from neruba.period import local_midnight

REDEMPTIONS_SHOWN = 20
STATES = {"open": "success", "ended": "error", "expired": "warning", "used up": "plain"}
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


def limited_to(coupon: Coupon) -> str:
    return ", ".join(coupon.prices) or "all prices"


def redeemed_words(coupon: Coupon) -> str:
    of = "" if coupon.max_redemptions is None else f" of {coupon.max_redemptions:,}"
    return f"{coupon.redemptions:,}{of}"


def state_of(coupon: Coupon, at: datetime) -> str:
    """Whether it can be redeemed at `at`, else why not."""
    if coupon.ended_at is not None:
        return "ended"
    if coupon.expires_at is not None and at >= coupon.expires_at:
        return "expired"
    if coupon.max_redemptions is not None and coupon.redemptions >= coupon.max_redemptions:
        return "used up"
    return "open"


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


def redemption_rows(redemptions: Sequence[Redemption]) -> list[list[object]]:
    """Coupon, what it gives, when and by whom it was redeemed, until when."""
    return [
        [
            one.number,
            link_to(one.coupon),
            given_by(one.coupon),
            limited_to(one.coupon),
            link_to(one, instant(one.redeemed_at)),
            one.actor,
            instant(one.ended_at) or "–",
        ]
        for one in redemptions
    ]


def coupon_section(customer: Customer) -> Table:
    """The customer's coupons, in the order in which they are applied."""
    rows = Redemption.objects.filter(project=customer.project, customer=customer)
    shown = rows.select_related("coupon").order_by("number")[:REDEMPTIONS_SHOWN]
    return Table(
        title="Coupons",
        columns=["No.", "Coupon", "Gives", "On", "Redeemed", "By", "Ended"],
        rows=redemption_rows(list(shown)),
        empty="No coupon was redeemed.",
        more=list_of(Redemption, "all of them", customer__id__exact=customer.pk) if shown else "",
        anchor="coupons",
    )


@admin.register(Coupon)
class CouponAdmin(PageAdmin):
    list_display = ["code", "name", "gives", "on", "state", "redeemed", "expires_at"]
    list_select_related = ["project"]
    ordering = ["-id"]
    search_fields = ["code__startswith", "name__startswith"]
    search_help_text = "The beginning of a code or a name"
    actions_list = ["make"]
    actions_detail = ["end"]

    @admin.display(description="Gives")
    def gives(self, coupon: Coupon) -> str:
        return given_by(coupon)

    @admin.display(description="On")
    def on(self, coupon: Coupon) -> str:
        return limited_to(coupon)

    @admin.display(description="State")
    def state(self, coupon: Coupon) -> str:
        state = state_of(coupon, clock.now(coupon.project))
        return label(state, STATES[state])

    @admin.display(description="Redeemed", ordering="redemptions")
    def redeemed(self, coupon: Coupon) -> str:
        return redeemed_words(coupon)

    @action(
        description="Make a coupon", permissions=["billing.add_coupon"], icon="add", dialog=MAKE
    )
    def make(self, request: HttpRequest, form: CouponForm) -> HttpResponse:
        work = partial(
            create_coupon,
            project=form.project,
            actor=operator(request),
            at=clock.now(form.project),
            **form.given,
        )
        return act(
            request,
            form=form,
            dialog=MAKE,
            work=work,
            done=lambda made: f"{made.coupon.code}: {given_by(made.coupon)}.",
            then=lambda made: page_of(made.coupon),
        )

    @action(description="End", permissions=["billing.end_coupon"], icon="block", dialog=END)
    def end(self, request: HttpRequest, form: EndForm, object_id: str) -> HttpResponse:
        work = partial(
            end_coupon,
            coupon=form.row,
            actor=operator(request),
            reason=form.cleaned_data["reason"],
            at=clock.now(form.row.project),
        )
        return act(
            request,
            form=form,
            dialog=END,
            work=work,
            done=lambda coupon: f"{coupon.code} is not redeemed any more.",
            then=page_of(form.row),
        )

    def page(self, request: HttpRequest, row: Coupon) -> Page:
        latest = row.redeemed.select_related("coupon", "customer").order_by("-id")
        shown = list(latest[:REDEMPTIONS_SHOWN])
        return Page(
            facts=[
                Fact("Code", code(row.code)),
                Fact("Name", row.name),
                Fact("Gives", given_by(row)),
                Fact("On", limited_to(row)),
                Fact("State", self.state(row)),
                Fact("Redeemed", redeemed_words(row)),
                Fact("Redeemable until", instant(row.expires_at)),
                Fact("Ended", instant(row.ended_at)),
                Fact("Project", link_to(row.project)),
                Fact("Created", instant(row.created_at)),
            ],
            tables=[
                Table(
                    title="Redeemed by",
                    columns=["Customer", "Redeemed", "By", "Ended"],
                    rows=[
                        [
                            link_to(one.customer),
                            link_to(one, instant(one.redeemed_at)),
                            one.actor,
                            instant(one.ended_at) or "–",
                        ]
                        for one in shown
                    ],
                    empty="By nobody yet: redeem it on a customer's page.",
                    more=list_of(Redemption, "all of them", coupon__id__exact=row.pk),
                )
            ],
        )


@admin.register(Redemption)
class RedemptionAdmin(PageAdmin):
    list_display = ["customer", "coupon", "gives", "redeemed_at", "actor", "ended_at"]
    list_filter = [("ended_at", admin.EmptyFieldListFilter)]
    list_select_related = ["project", "coupon", "customer"]
    ordering = ["-id"]
    search_fields = ["customer__external_id__startswith", "coupon__code__startswith"]
    search_help_text = "The beginning of a customer's id or of a coupon's code"
    actions_detail = ["end"]

    @admin.display(description="Gives")
    def gives(self, redemption: Redemption) -> str:
        return given_by(redemption.coupon)

    @action(
        description="End",
        permissions=["billing.end_redemption"],
        icon="block",
        dialog=END_REDEMPTION,
    )
    def end(self, request: HttpRequest, form: EndRedemptionForm, object_id: str) -> HttpResponse:
        work = partial(
            end_redemption,
            redemption=form.row,
            actor=operator(request),
            reason=form.cleaned_data["reason"],
            at=clock.now(form.row.project),
        )
        return act(
            request,
            form=form,
            dialog=END_REDEMPTION,
            work=work,
            done=lambda one: f"{one.coupon.code} of {one.customer.name} is ended.",
            then=page_of(form.row),
        )

    def page(self, request: HttpRequest, row: Redemption) -> Page:
        return Page(
            facts=[
                Fact("Customer", link_to(row.customer)),
                Fact("Coupon", link_to(row.coupon)),
                Fact("Gives", given_by(row.coupon)),
                Fact("On", limited_to(row.coupon)),
                Fact("Place in the order of application", row.number),
                Fact("Redeemed", instant(row.redeemed_at)),
                Fact("By", row.actor),
                Fact("Ended", instant(row.ended_at)),
                Fact("Project", link_to(row.project)),
            ]
        )
