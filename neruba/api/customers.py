"""Customers."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Currency, Identifier, Instant, Strict, Text, TextMap, Timezone
from neruba.api.views import ProjectView, one
from neruba.models import Customer
from neruba.services.customers import create_customer, update_customer


class CustomerBody(serializers.Serializer[Customer]):
    external_id = serializers.CharField()
    name = serializers.CharField()
    email = serializers.CharField()
    currency = serializers.CharField(help_text="Empty: the project's.")
    timezone = serializers.CharField(help_text="Empty: the project's.")
    tax_rates = serializers.SerializerMethodField(help_text="Codes, in the order of invoices.")
    tax_exempt = serializers.ChoiceField(choices=Customer.TaxExempt.choices)
    billing_address = TextMap()
    tax_ids = serializers.ListField(child=serializers.CharField())
    metadata = TextMap()
    created_at = Instant()
    erased_at = Instant(allow_null=True, help_text="When the identity was erased; else null.")

    def get_tax_rates(self, customer: Customer) -> list[str]:
        return customer.tax_rates or []


class _Content(Strict):
    email = serializers.EmailField(required=False, allow_blank=True)
    currency = Currency(required=False)
    timezone = Timezone(required=False)
    tax_rates = serializers.ListField(child=Identifier(), required=False, max_length=10)
    tax_exempt = serializers.ChoiceField(choices=Customer.TaxExempt.choices, required=False)
    billing_address = TextMap(required=False)
    tax_ids = serializers.ListField(child=Text(max_length=100), required=False, max_length=10)
    metadata = TextMap(required=False)


class CustomerRequest(_Content):
    external_id = Identifier()
    name = Text(max_length=255)


class CustomerPatch(_Content):
    name = Text(max_length=255, required=False)


class CustomerList(ProjectView):
    scopes = {"GET": "billing:read", "POST": "billing:write"}

    @extend_schema(parameters=[ListQuery], responses=CustomerBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        rows = Customer.objects.filter(project=self.project)
        return self.listed(rows, CustomerBody)

    @extend_schema(request=CustomerRequest, responses={200: CustomerBody, 201: CustomerBody})
    def post(self, request: Request) -> Response:
        """The same content again answers the customer that stands (200); another
        content is a 409.
        """
        given: dict[str, Any] = self.body(CustomerRequest)
        created = create_customer(
            project=self.project,
            external_id=given.pop("external_id"),
            content=given,
            at=clock.now(self.project),
        )
        return Response(
            CustomerBody(created.customer).data, status=200 if created.replayed else 201
        )


class CustomerDetail(ProjectView):
    scopes = {"GET": "billing:read", "PATCH": "billing:write"}

    def _row(self, external_id: str) -> Customer:
        return one(
            Customer.objects.filter(project=self.project), "customer", external_id=external_id
        )

    @extend_schema(responses=CustomerBody)
    def get(self, request: Request, external_id: str) -> Response:
        return Response(CustomerBody(self._row(external_id)).data)

    @extend_schema(request=CustomerPatch, responses=CustomerBody)
    def patch(self, request: Request, external_id: str) -> Response:
        customer = update_customer(
            customer=self._row(external_id),
            content=self.body(CustomerPatch),
            actor=self.actor,
            at=clock.now(self.project),
        )
        return Response(CustomerBody(customer).data)
