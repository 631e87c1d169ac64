"""Rating without storing: a calculator for finance."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.catalog import KINDS, PriceBody
from billing.rating.calculator import rate_request
from billing.rating.price import PriceError
from neruba.api.fields import UnitAmount
from neruba.api.views import ProjectView
from neruba.errors import InvalidError


class RateEvent(serializers.Serializer[Any]):
    value = UnitAmount()
    properties = serializers.DictField(required=False)


class RatePart(serializers.Serializer[Any]):
    quantity = UnitAmount(required=False)
    events = RateEvent(many=True, required=False)


class RatePrice(PriceBody):
    """A price; the fields that do not concern its amount may be missing."""

    code = serializers.CharField(required=False)
    kind = serializers.ChoiceField(choices=KINDS, required=False)


class RateRequest(RatePart):
    price = RatePrice()
    currency = serializers.CharField()
    before = RatePart(required=False, help_text="What of the period was rated already.")
    is_last = serializers.BooleanField(
        required=False, help_text="False: more of the period is to come; no minimum yet."
    )


class RateStep(serializers.Serializer[Any]):
    text = serializers.CharField()
    quantity = UnitAmount()
    unit_amount = UnitAmount()
    flat_amount = UnitAmount()
    amount = UnitAmount()


class RateBody(serializers.Serializer[Any]):
    amount_exact = UnitAmount()
    amount = UnitAmount(help_text="Rounded half up to the minor unit of the currency.")
    law = serializers.CharField(help_text="The versioned rule, such as graduated@1.")
    transformed = serializers.CharField(required=False)
    steps = RateStep(many=True)


class RateCalculator(ProjectView):
    scopes = {"POST": "billing:read"}

    @extend_schema(request=RateRequest, responses=RateBody)
    def post(self, request: Request) -> Response:
        """Rate a quantity or events by a price; nothing is stored."""
        try:
            return Response(rate_request(request.data))
        except PriceError as error:
            raise InvalidError(error.detail, pointer=error.pointer) from error
