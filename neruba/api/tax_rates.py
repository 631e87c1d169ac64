"""Tax rates."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Flag, Identifier, Instant, Quantity, Strict, Text
from neruba.api.views import ProjectView, one
from neruba.models import TaxRate
from neruba.services.tax_rates import create_tax_rate


class TaxRateBody(serializers.Serializer[TaxRate]):
    code = serializers.CharField()
    name = serializers.CharField()
    rate_percent = serializers.CharField()
    inclusive = serializers.BooleanField(help_text="Part of the prices; else put on them.")
    country = serializers.CharField(help_text="ISO 3166, alpha-2; empty: none.")
    created_at = Instant()


class TaxRateRequest(Strict):
    code = Identifier()
    name = Text(max_length=255)
    rate_percent = Quantity(help_text="0 to 100, up to 4 decimals.")
    inclusive = Flag(required=False, default=False)
    country = Text(max_length=2, required=False, default="", allow_blank=True)


class TaxRateList(ProjectView):
    scopes = {"GET": "billing:read", "POST": "billing:write"}

    @extend_schema(parameters=[ListQuery], responses=TaxRateBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        return self.listed(TaxRate.objects.filter(project=self.project), TaxRateBody)

    @extend_schema(request=TaxRateRequest, responses={200: TaxRateBody, 201: TaxRateBody})
    def post(self, request: Request) -> Response:
        """The same content again answers the rate that stands (200). A rate never changes: another
        content is a 409.
        """
        given: dict[str, Any] = self.body(TaxRateRequest)
        created = create_tax_rate(
            project=self.project, actor=self.actor, at=clock.now(self.project), **given
        )
        return Response(TaxRateBody(created.tax_rate).data, status=200 if created.replayed else 201)


class TaxRateDetail(ProjectView):
    scopes = {"GET": "billing:read"}

    @extend_schema(responses=TaxRateBody)
    def get(self, request: Request, code: str) -> Response:
        row = one(TaxRate.objects.filter(project=self.project), "tax rate", code=code)
        return Response(TaxRateBody(row).data)
