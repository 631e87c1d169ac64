"""Coupons and who redeemed them."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action

from billing.admin.coupon_forms import (
    END,
    END_REDEMPTION,
    MAKE,
    CouponForm,
    EndForm,
    EndRedemptionForm,
    given_by,
)
from billing.models import Coupon, Redemption
from billing.services.coupons import create_coupon, end_coupon, end_redemption
from neruba import clock
from neruba.admin.dialogs import act, operator
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
    page_of,
)
from neruba.models import Customer

REDEMPTIONS_SHOWN = 20
STATES = {"open": "success", "ended": "error", "expired": "warning", "used up": "plain"}


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
