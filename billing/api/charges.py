"""Charges."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import Charge
from billing.services.charges import accept_charge
from billing.services.steps import issue_now
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Amount, Currency, Flag, Identifier, Instant, Strict, Text, TextMap
from neruba.api.views import ProjectView, one
from neruba.errors import InvalidError
from neruba.models import Customer
from neruba.money import Money


class ChargeRequest(Strict):
    charge_key = Identifier()
    customer = Identifier()
    amount = Amount()
    currency = Currency(required=False)
    description = Text(max_length=500)
    effective_at = Instant(required=False, allow_null=True, default=None)
    tax_code = Text(max_length=64, required=False, default="", allow_blank=True)
    metadata = TextMap(required=False, default=dict)
    invoice_now = Flag(required=False, default=False)


class ChargeBody(serializers.Serializer[Charge]):
    charge_key = serializers.CharField()
    customer = serializers.CharField(source="customer.external_id")
    amount = serializers.SerializerMethodField()
    currency = serializers.CharField()
    description = serializers.CharField()
    effective_at = Instant()
    tax_code = serializers.CharField()
    metadata = TextMap()
    invoice_now = serializers.BooleanField()
    invoice = serializers.CharField(
        source="invoice.public_id", allow_null=True, default=None, help_text="Null while it waits."
    )
    created_at = Instant()

    def get_amount(self, charge: Charge) -> str:
        return Money(charge.amount_minor, charge.currency).amount


class ChargeList(ProjectView):
    scopes = {"GET": "billing:read", "POST": "usage:write"}
    needs_key = frozenset({"POST"})

    @extend_schema(parameters=[ListQuery], responses=ChargeBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        rows = Charge.objects.filter(project=self.project).select_related("customer", "invoice")
        return self.listed(rows, ChargeBody)

    @extend_schema(request=ChargeRequest, responses={200: ChargeBody, 201: ChargeBody})
    def post(self, request: Request) -> Response:
        """A priced one-off, once for each `charge_key`: on the next invoice, or on one of its own
        at once.
        """
        given = self.body(ChargeRequest)
        customers = Customer.objects.filter(project=self.project)
        customer = one(customers, "customer", external_id=given.pop("customer"))
        currency = given.pop("currency", None) or customer.currency or self.project.currency
        try:
            amount = Money.parse(given.pop("amount"), currency)
        except ValueError as error:
            raise InvalidError(str(error), pointer="/amount") from error
        at = clock.now(self.project)
        accepted = accept_charge(
            project=self.project, customer=customer, amount=amount, at=at, **given
        )
        charge = accepted.charge
        if charge.invoice_now and charge.invoice is None:
            issue_now(project=self.project, charge=charge, at=at)
        return Response(ChargeBody(charge).data, status=200 if accepted.replayed else 201)
