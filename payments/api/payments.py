"""Payments: listed, and noted where they came in outside Stripe."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import Invoice
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Amount, Currency, Identifier, Instant, Strict, Text
from neruba.api.views import ProjectView, one
from neruba.errors import InvalidError
from neruba.models import Customer
from neruba.money import Money
from payments.models import Payment
from payments.selectors.payments import PaymentDocument, payment_documents
from payments.services.payments import receive_payment
from payments.services.recoveries import recover_by_payment

MAX_REFERENCE = 255
MAX_REASON = 500
MAX_INVOICES = 100
OUTSIDE = [
    (method.value, method.label) for method in Payment.Method if method != Payment.Method.STRIPE
]


class PaymentRequest(Strict):
    customer = Identifier()
    amount = Amount()
    currency = Currency()
    method = serializers.ChoiceField(choices=OUTSIDE)
    reference = Text(max_length=MAX_REFERENCE)
    received_at = Instant(
        required=False, allow_null=True, default=None, help_text="Null or left out: now."
    )
    invoices = serializers.ListField(
        child=Identifier(),
        required=False,
        allow_null=True,
        default=None,
        allow_empty=False,
        max_length=MAX_INVOICES,
        help_text="Pays these alone; left out: the oldest open invoice first.",
    )


class PaidBody(serializers.Serializer[Any]):
    invoice = serializers.CharField()
    number = serializers.CharField()
    amount = serializers.CharField()


class PaymentBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    customer = serializers.CharField(allow_null=True, help_text="Null: not known yet.")
    amount = serializers.CharField()
    currency = serializers.CharField()
    method = serializers.ChoiceField(choices=Payment.Method.choices)
    status = serializers.ChoiceField(choices=Payment.State.choices)
    reference = serializers.CharField()
    cause = serializers.CharField(allow_null=True)
    received_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    paid = PaidBody(many=True, help_text="What it paid, by the ledger.")
    to_balance = serializers.CharField(help_text="The rest, which became customer balance.")
    unapplied = serializers.CharField(help_text="While its customer is not known.")


def payment_body(document: PaymentDocument) -> dict[str, Any]:
    """A payment as callers see it, with where its money went."""
    payment = document.payment
    instant = Instant()
    return {
        "id": payment.public_id,
        "customer": payment.customer and payment.customer.external_id,
        "amount": document.money(payment.amount_minor).amount,
        "currency": payment.currency,
        "method": payment.method,
        "status": payment.state,
        "reference": payment.reference,
        "cause": payment.cause or None,
        "received_at": instant.to_representation(payment.received_at),
        "created_at": instant.to_representation(payment.created_at),
        "paid": [
            {
                "invoice": paid.invoice.public_id,
                "number": paid.invoice.number,
                "amount": document.money(paid.amount_minor).amount,
            }
            for paid in document.paid
        ],
        "to_balance": document.money(document.balance_minor).amount,
        "unapplied": document.money(document.unapplied_minor).amount,
    }


class PaymentQuery(ListQuery):
    customer = Identifier(required=False)
    to = Instant(required=False, help_text="Payments received before this instant.")

    def get_fields(self) -> dict[str, Any]:
        begin = Instant(required=False, help_text="Payments received at or after this instant.")
        return {**super().get_fields(), "from": begin}


class PaymentView(ProjectView):
    def rows(self) -> QuerySet[Payment]:
        return Payment.objects.filter(project=self.project).select_related("customer")

    def bodies(self, payments: Sequence[Payment]) -> list[dict[str, Any]]:
        return [payment_body(found) for found in payment_documents(self.project, payments)]

    def invoices(self) -> QuerySet[Invoice]:
        rows = Invoice.objects.filter(project=self.project)
        return rows.select_related("project", "customer__project")

    @staticmethod
    def money(text: str, currency: str) -> Money:
        try:
            return Money.parse(text, currency)
        except ValueError as error:
            raise InvalidError(str(error), pointer="/amount") from error


class PaymentList(PaymentView):
    scopes = {"GET": "billing:read", "POST": "payments:write"}
    needs_key = frozenset({"POST"})

    @extend_schema(parameters=[PaymentQuery], responses=PaymentBody(many=True))
    def get(self, request: Request) -> Response:
        query = self.query(PaymentQuery)
        names = {
            "customer": "customer__external_id",
            "from": "received_at__gte",
            "to": "received_at__lt",
        }
        lookup = {names[name]: value for name, value in query.items() if name in names}
        return self.listed(self.rows().filter(**lookup), self.bodies)

    @extend_schema(request=PaymentRequest, responses={201: PaymentBody})
    def post(self, request: Request) -> Response:
        """Money that came in outside Stripe: it pays the oldest open invoice first, the rest
        becomes customer balance.
        """
        given = self.body(PaymentRequest)
        customers = Customer.objects.filter(project=self.project).select_related("project")
        customer = one(customers, "customer", external_id=given["customer"])
        payment = receive_payment(
            customer=customer,
            amount=self.money(given["amount"], given["currency"]),
            method=given["method"],
            reference=given["reference"],
            received_at=given["received_at"],
            invoices=self._named(given["invoices"]),
            actor=self.actor,
            at=clock.now(self.project),
        )
        return Response(self.bodies([payment])[0], status=201)

    def _named(self, ids: Sequence[str] | None) -> list[Invoice] | None:
        if ids is None:
            return None
        found = {row.public_id: row for row in self.invoices().filter(public_id__in=ids)}
        for index, public_id in enumerate(ids):
            if public_id not in found:
                raise InvalidError(
                    "There is no such invoice in this project.", pointer=f"/invoices/{index}"
                )
        return [found[public_id] for public_id in ids]


class PaymentDetail(PaymentView):
    scopes = {"GET": "billing:read"}

    @extend_schema(responses=PaymentBody)
    def get(self, request: Request, public_id: str) -> Response:
        payment = one(self.rows(), "payment", public_id=public_id)
        return Response(self.bodies([payment])[0])


class RecoverRequest(Strict):
    amount = Amount(
        required=False,
        allow_null=True,
        default=None,
        help_text="Null or left out: all that stands written off.",
    )
    method = serializers.ChoiceField(choices=OUTSIDE)
    reference = Text(max_length=MAX_REFERENCE)
    received_at = Instant(required=False, allow_null=True, default=None)
    reason = Text(max_length=MAX_REASON)


class InvoiceRecover(PaymentView):
    scopes = {"POST": "billing:write"}
    needs_key = frozenset({"POST"})

    @extend_schema(request=RecoverRequest, responses={201: PaymentBody})
    def post(self, request: Request, public_id: str) -> Response:
        """Money came in for what was written off: so much is due again, and paid by it."""
        given = self.body(RecoverRequest)
        invoice = one(self.invoices(), "invoice", public_id=public_id)
        text = given.pop("amount")
        payment = recover_by_payment(
            invoice=invoice,
            amount=None if text is None else self.money(text, invoice.currency),
            actor=self.actor,
            at=clock.now(self.project),
            **given,
        )
        return Response(self.bodies([payment])[0], status=201)
