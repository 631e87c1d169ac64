"""Coupons, and who redeems them."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import Coupon, Redemption
from billing.services.coupons import create_coupon, end_redemption, redeem_coupon
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Amount, Currency, Identifier, Instant, Quantity, Strict, Text, Whole
from neruba.api.views import ProjectView, one
from neruba.models import Customer
from neruba.money import Money

MAX_COUNT = 10**9
PRICES = "Codes of the prices that it is limited to; empty: all."


class CouponBody(serializers.Serializer[Coupon]):
    code = serializers.CharField()
    name = serializers.CharField()
    percent_off = serializers.SerializerMethodField()
    amount_off = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField(help_text="Of the amount; null for a percentage.")
    duration = serializers.ChoiceField(choices=Coupon.Duration.choices)
    periods = serializers.IntegerField(allow_null=True)
    prices = serializers.ListField(child=serializers.CharField(), help_text=PRICES)
    max_redemptions = serializers.IntegerField(allow_null=True)
    redemptions = serializers.IntegerField(help_text="How often it was redeemed.")
    expires_at = Instant(allow_null=True)
    ended_at = Instant(allow_null=True, help_text="When an operator ended it; else null.")
    created_at = Instant()

    def get_percent_off(self, coupon: Coupon) -> str | None:
        return coupon.percent_off or None

    def get_amount_off(self, coupon: Coupon) -> str | None:
        return amount_off(coupon)

    def get_currency(self, coupon: Coupon) -> str | None:
        return coupon.currency or None


class CouponRequest(Strict):
    code = Identifier()
    name = Text(max_length=255, required=False, default="", allow_blank=True)
    percent_off = Quantity(
        required=False, allow_null=True, default=None, help_text="Above 0, at most 100."
    )
    amount_off = Amount(required=False, allow_null=True, default=None)
    currency = Currency(
        required=False,
        allow_null=True,
        default=None,
        help_text="Of the amount; left out: the project's.",
    )
    duration = serializers.ChoiceField(
        choices=Coupon.Duration.choices, required=False, default=Coupon.Duration.ONCE
    )
    periods = Whole(min_value=1, max_value=MAX_COUNT, required=False, allow_null=True, default=None)
    prices = serializers.ListField(
        child=Identifier(), required=False, default=list, max_length=200, help_text=PRICES
    )
    max_redemptions = Whole(
        min_value=1, max_value=MAX_COUNT, required=False, allow_null=True, default=None
    )
    expires_at = Instant(required=False, allow_null=True, default=None)


class CouponList(ProjectView):
    scopes = {"GET": "billing:read", "POST": "billing:write"}

    @extend_schema(parameters=[ListQuery], responses=CouponBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        return self.listed(Coupon.objects.filter(project=self.project), CouponBody)

    @extend_schema(request=CouponRequest, responses={200: CouponBody, 201: CouponBody})
    def post(self, request: Request) -> Response:
        """Exactly one of `percent_off` and `amount_off`. The same content again answers the coupon
        that stands (200); what it gives never changes: another content is a 409.
        """
        created = create_coupon(
            project=self.project,
            actor=self.actor,
            at=clock.now(self.project),
            **self.body(CouponRequest),
        )
        return Response(CouponBody(created.coupon).data, status=200 if created.replayed else 201)


class CouponDetail(ProjectView):
    scopes = {"GET": "billing:read"}

    @extend_schema(responses=CouponBody)
    def get(self, request: Request, code: str) -> Response:
        return Response(CouponBody(coupon_of(self, code)).data)


class RedemptionBody(serializers.Serializer[Redemption]):
    code = serializers.CharField(source="coupon.code")
    name = serializers.CharField(source="coupon.name")
    percent_off = serializers.SerializerMethodField()
    amount_off = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField(help_text="Of the amount; null for a percentage.")
    duration = serializers.ChoiceField(source="coupon.duration", choices=Coupon.Duration.choices)
    periods = serializers.IntegerField(source="coupon.periods", allow_null=True)
    prices = serializers.ListField(
        source="coupon.prices", child=serializers.CharField(), help_text=PRICES
    )
    customer = serializers.CharField(source="customer.external_id")
    number = serializers.IntegerField(
        help_text="Place among the customer's redemptions, from 1: the order of application."
    )
    redeemed_at = Instant()
    ended_at = Instant(allow_null=True, help_text="When it was ended for the customer; else null.")

    def get_percent_off(self, redemption: Redemption) -> str | None:
        return redemption.coupon.percent_off or None

    def get_amount_off(self, redemption: Redemption) -> str | None:
        return amount_off(redemption.coupon)

    def get_currency(self, redemption: Redemption) -> str | None:
        return redemption.coupon.currency or None


class RedeemRequest(Strict):
    code = Identifier()


class CustomerCoupons(ProjectView):
    """The customer's coupons in order of redemption, those that were ended too."""

    scopes = {"GET": "billing:read", "POST": "billing:write"}

    @extend_schema(parameters=[ListQuery], responses=RedemptionBody(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        self.query(ListQuery)
        return self.listed(redemptions_by(self, external_id), RedemptionBody)

    @extend_schema(request=RedeemRequest, responses={200: RedemptionBody, 201: RedemptionBody})
    def post(self, request: Request, external_id: str) -> Response:
        """Redeems the coupon, from now on; the same again answers the first (200).

        409 with `coupon_ended`, `coupon_expired`, `coupon_exhausted`.
        """
        customer = customer_of(self, external_id)
        redeemed = redeem_coupon(
            coupon=coupon_of(self, self.body(RedeemRequest)["code"]),
            customer=customer,
            actor=self.actor,
            at=clock.now(self.project),
        )
        status = 200 if redeemed.replayed else 201
        return Response(RedemptionBody(redeemed.redemption).data, status=status)


class EndQuery(Strict):
    reason = Text(max_length=1000, required=False, default="", allow_blank=True)


class CustomerCoupon(ProjectView):
    scopes = {"DELETE": "billing:write"}

    @extend_schema(parameters=[EndQuery], responses={204: None})
    def delete(self, request: Request, external_id: str, code: str) -> Response:
        """Ends it for documents that are not issued yet; what is issued keeps its discount. Again
        changes nothing.
        """
        redemption = one(
            redemptions_by(self, external_id), "coupon of this customer", coupon__code=code
        )
        end_redemption(
            redemption=redemption,
            actor=self.actor,
            reason=self.query(EndQuery)["reason"],
            at=clock.now(self.project),
        )
        return Response(status=204)


def amount_off(coupon: Coupon) -> str | None:
    """In major units."""
    if coupon.amount_off_minor is None:
        return None
    return Money(coupon.amount_off_minor, coupon.currency).amount


def coupon_of(view: ProjectView, code: str) -> Coupon:
    return one(Coupon.objects.filter(project=view.project), "coupon", code=code)


def customer_of(view: ProjectView, external_id: str) -> Customer:
    customers = Customer.objects.filter(project=view.project).select_related("project")
    return one(customers, "customer", external_id=external_id)


def redemptions_by(view: ProjectView, external_id: str) -> QuerySet[Redemption]:
    rows = Redemption.objects.filter(project=view.project, customer=customer_of(view, external_id))
    return rows.select_related("coupon", "customer", "project")
