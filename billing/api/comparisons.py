"""Why an invoice comes to more than another one, or than the one before."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.invoices import InvoiceView
from billing.rating.compare import CAUSES
from billing.selectors.comparisons import Comparison, compare_invoices, invoice_before
from neruba.api.fields import Identifier, Strict
from neruba.errors import ConflictError
from neruba.money import Money


class CompareQuery(Strict):
    def get_fields(self) -> dict[str, Any]:
        other = Identifier(
            required=False, help_text="The id of the other one; left out: the one before."
        )
        return {**super().get_fields(), "with": other}


class PartOfDifferenceBody(serializers.Serializer[Any]):
    price = serializers.CharField(allow_null=True)
    description = serializers.CharField()
    cause = serializers.ChoiceField(choices=CAUSES)
    amount = serializers.CharField()
    text = serializers.CharField()


class ComparisonBody(serializers.Serializer[Any]):
    invoice = serializers.CharField()
    number = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    to = serializers.CharField(help_text="What it comes to.")
    difference = serializers.CharField()
    parts = PartOfDifferenceBody(many=True, help_text="They sum to the difference.")

    def get_fields(self) -> dict[str, Any]:
        more = {
            "with": serializers.CharField(),
            "with_number": serializers.CharField(allow_null=True),
            "from": serializers.CharField(help_text="What the other one comes to."),
        }
        return {**super().get_fields(), **more}


def comparison_body(found: Comparison) -> dict[str, Any]:
    """A comparison as callers see it."""
    old, new = found.old, found.new
    currency = new.invoice.currency
    return {
        "invoice": new.invoice.public_id,
        "number": new.invoice.number,
        "with": old.invoice.public_id,
        "with_number": old.invoice.number,
        "currency": currency,
        "from": old.total.amount,
        "to": new.total.amount,
        "difference": found.difference.amount,
        "parts": [
            {
                "price": part.price,
                "description": part.description,
                "cause": part.cause,
                "amount": Money(part.amount_minor, currency).amount,
                "text": part.text,
            }
            for part in found.parts
        ],
    }


class InvoiceCompare(InvoiceView):
    """Why is it more than last month? By price and cause; the parts sum to the difference."""

    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[CompareQuery], responses=ComparisonBody)
    def get(self, request: Request, public_id: str) -> Response:
        named = self.query(CompareQuery).get("with")
        invoice = self.row(public_id)
        other = self.row(named) if named is not None else invoice_before(invoice)
        if other is None:
            raise ConflictError("There is no invoice of its subscription before it: name one.")
        return Response(comparison_body(compare_invoices(invoice, other)))
