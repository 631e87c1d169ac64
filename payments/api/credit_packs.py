"""Credit packs."""

from datetime import timedelta

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Amount, Currency, Duration, Identifier, Instant, Strict
from neruba.api.views import ProjectView
from neruba.errors import InvalidError
from neruba.money import Money
from payments.models import CreditPack
from payments.services.packs import offer_pack


class PackRequest(Strict):
    code = Identifier(max_length=64)
    price = Amount()
    currency = Currency(required=False)
    credits = Amount()
    bonus_credits = Amount(required=False, default="0")
    expires_after = Duration(required=False, allow_null=True, default=None)


class PackBody(serializers.Serializer[CreditPack]):
    code = serializers.CharField()
    price = serializers.SerializerMethodField()
    currency = serializers.CharField()
    credits = serializers.SerializerMethodField()
    bonus_credits = serializers.SerializerMethodField()
    expires_after = serializers.SerializerMethodField(help_text="Null: never.")
    created_at = Instant()

    def get_price(self, pack: CreditPack) -> str:
        return Money(pack.price_minor, pack.currency).amount

    def get_credits(self, pack: CreditPack) -> str:
        return self.get_price(pack)

    def get_bonus_credits(self, pack: CreditPack) -> str:
        return Money(pack.bonus_minor, pack.currency).amount

    def get_expires_after(self, pack: CreditPack) -> str | None:
        return written(pack.expires_after_s)


def written(seconds: int) -> str | None:
    """A duration of ISO 8601 in days and seconds; None for nothing."""
    if not seconds:
        return None
    rest = timedelta(seconds=seconds)
    days = f"{rest.days}D" if rest.days else ""
    return f"P{days}" + (f"T{rest.seconds}S" if rest.seconds else "")


class PackList(ProjectView):
    scopes = {"GET": "billing:read", "POST": "billing:write"}

    @extend_schema(parameters=[ListQuery], responses=PackBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        return self.listed(CreditPack.objects.filter(project=self.project), PackBody)

    @extend_schema(request=PackRequest, responses={200: PackBody, 201: PackBody})
    def post(self, request: Request) -> Response:
        """Offers credits at their price, with promotional ones on top. A pack never changes: the
        same content again is the same pack (200), another one is refused (409).
        """
        given = self.body(PackRequest)
        currency = given.get("currency") or self.project.currency
        amounts = {}
        for name in ("price", "credits", "bonus_credits"):
            try:
                amounts[name] = Money.parse(given[name], currency)
            except ValueError as error:
                raise InvalidError(str(error), pointer=f"/{name}") from error
        offered = offer_pack(
            project=self.project,
            code=given["code"],
            price=amounts["price"],
            credits=amounts["credits"],
            bonus=amounts["bonus_credits"],
            expires_after=given["expires_after"],
            actor=self.actor,
            at=clock.now(self.project),
        )
        status = 200 if offered.replayed else 201
        return Response(PackBody(offered.pack).data, status=status)
