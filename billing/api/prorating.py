"""Prorating without storing: a calculator for finance."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.rating.price import PriceError
from billing.rating.prorating import (
    BASES,
    DEFAULT_BASIS,
    DEFAULT_ROUNDING,
    DEFAULT_ZONE,
    ROUNDINGS,
    UNITS,
    prorate_request,
)
from neruba.api.fields import Amount, Currency, Instant, Timezone, UnitAmount
from neruba.api.views import ProjectView
from neruba.errors import InvalidError


class ProratedStretch(serializers.Serializer[Any]):
    start = Instant()
    end = Instant(help_text="Not part of it.")


class ProrateRequest(serializers.Serializer[Any]):
    amount = UnitAmount(help_text="Of the whole period; below zero for what is given back.")
    currency = Currency()
    period = ProratedStretch(help_text="The whole period.")
    part = ProratedStretch(help_text="The part of it to be paid; it lies inside.")
    basis = serializers.ChoiceField(choices=BASES, default=DEFAULT_BASIS)
    timezone = Timezone(
        default=DEFAULT_ZONE, help_text="Whose dates are counted under day and day_30."
    )
    rounding = serializers.ChoiceField(choices=ROUNDINGS, default=DEFAULT_ROUNDING)
    termination = serializers.BooleanField(
        default=False,
        help_text="True: a termination ends the part, and its day counts as used, as with the "
        "setting termination_day: inclusive.",
    )


class ProrateBody(serializers.Serializer[Any]):
    numerator = serializers.IntegerField()
    denominator = serializers.IntegerField(help_text="Of the whole period; not reduced.")
    unit = serializers.ChoiceField(
        choices=UNITS, help_text="Microseconds only where a bound has a fraction of a second."
    )
    amount_exact = UnitAmount(help_text="To 12 decimals where the division has no end.")
    amount = Amount(help_text="Of the part, rounded once to the minor unit of the currency.")
    complement = Amount(help_text="Of the rest: the whole amount, rounded, less the part's.")


class ProrateCalculator(ProjectView):
    scopes = {"POST": "billing:read"}

    @extend_schema(request=ProrateRequest, responses=ProrateBody)
    def post(self, request: Request) -> Response:
        """Prorate an amount for a part of a period, as invoices do; nothing is stored."""
        try:
            return Response(prorate_request(request.data))
        except PriceError as error:
            raise InvalidError(error.detail, pointer=error.pointer) from error
