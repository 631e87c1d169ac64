"""Checkout sessions."""

from typing import Any
from urllib.parse import urlsplit

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import Invoice
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Amount, Identifier, Instant, Strict, Text
from neruba.api.views import ProjectView, one
from neruba.errors import InvalidError, UnsupportedError
from neruba.models import Customer
from neruba.money import Money
from payments.models import CheckoutSession, CreditPack
from payments.services.checkout import (
    Basket,
    basket_of_invoice,
    basket_of_pack,
    open_checkout,
    open_session_of,
)
from payments.stripe_gateway import stripe_gateway_of

MAX_URL = 2000


class WebAddress(Text):
    """An absolute address of the web, to which a payer is sent."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_URL, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            parts = urlsplit(text)
            is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            is_web = False
        if not is_web or not text.isascii() or not text.isprintable() or " " in text:
            raise serializers.ValidationError("Expected an http or https address.", "address")
        return text


class TopUpFor(Strict):
    wallet = Identifier()
    amount = Amount()


class PaidFor(Strict):
    """One of: an invoice; a credit pack and the customer who buys it; a top-up."""

    invoice = Identifier(required=False)
    credit_pack = Identifier(required=False)
    customer = Identifier(required=False)
    top_up = TopUpFor(required=False)


class CheckoutRequestBody(Strict):
    # A field called `for` cannot be written in a class body.
    success_url = WebAddress()
    cancel_url = WebAddress()

    def get_fields(self) -> dict[str, Any]:
        return {"for": PaidFor(), **super().get_fields()}


class CheckoutBody(serializers.Serializer[CheckoutSession]):
    id = serializers.CharField(source="public_id")
    url = serializers.CharField(help_text="Where the payer pays; of use while it is open.")
    status = serializers.ChoiceField(choices=CheckoutSession.State.choices, source="state")
    customer = serializers.CharField(source="customer.external_id")
    invoice = serializers.CharField(source="invoice.public_id", allow_null=True, default=None)
    credit_pack = serializers.CharField(source="pack.code", allow_null=True, default=None)
    payment = serializers.CharField(source="payment.public_id", allow_null=True, default=None)
    amount = serializers.SerializerMethodField()
    currency = serializers.CharField()
    created_at = Instant()
    closed_at = Instant(allow_null=True)

    def get_amount(self, session: CheckoutSession) -> str:
        return Money(session.amount_minor, session.currency).amount


RELATED = ("customer", "invoice", "pack", "payment")


class CheckoutList(ProjectView):
    scopes = {"GET": "billing:read", "POST": "payments:write"}
    needs_key = frozenset({"POST"})
    # The provider is asked between transactions; a repeat of the key finds what it made.
    own_transactions = True

    @extend_schema(parameters=[ListQuery], responses=CheckoutBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        rows = CheckoutSession.objects.filter(project=self.project).select_related(*RELATED)
        return self.listed(rows, CheckoutBody)

    @extend_schema(request=CheckoutRequestBody, responses={200: CheckoutBody, 201: CheckoutBody})
    def post(self, request: Request) -> Response:
        """Opens a page on which one invoice, or one credit pack, is paid.

        An invoice with an open page gets that one again (200). 503 where the provider does not
        answer: the same request does it then, or finds it done.
        """
        given = self.body(CheckoutRequestBody)
        wanted = given["for"]
        kinds = [name for name in ("invoice", "credit_pack", "top_up") if name in wanted]
        if len(kinds) != 1:
            raise InvalidError("Expected one of invoice, credit_pack, top_up.", pointer="/for")
        if kinds == ["top_up"]:
            raise UnsupportedError("Top-ups are not supported yet.", pointer="/for/top_up")
        if ("customer" in wanted) != (kinds == ["credit_pack"]):
            raise InvalidError(
                "A credit pack is bought by a customer; an invoice has its own.",
                pointer="/for/customer",
            )
        addresses = {name: given[name] for name in ("success_url", "cancel_url")}
        if kinds == ["invoice"]:
            invoices = Invoice.objects.filter(project=self.project)
            rows = invoices.select_related("project", "customer__project")
            invoice = one(rows, "invoice", public_id=wanted["invoice"])
            open_one = open_session_of(invoice)
            if open_one is not None:
                return Response(CheckoutBody(open_one).data, status=200)
            basket = basket_of_invoice(invoice, **addresses)
        else:
            basket = self._pack(wanted, addresses)
        session = open_checkout(
            basket,
            gateway=stripe_gateway_of(self.project),
            actor=self.actor,
            at=clock.now(self.project),
        )
        return Response(CheckoutBody(session).data, status=201)

    def _pack(self, wanted: dict[str, Any], addresses: dict[str, str]) -> Basket:
        packs = CreditPack.objects.filter(project=self.project)
        customers = Customer.objects.filter(project=self.project).select_related("project")
        return basket_of_pack(
            one(packs, "credit pack", code=wanted["credit_pack"]),
            one(customers, "customer", external_id=wanted["customer"]),
            key=self.request.headers["Idempotency-Key"].strip(),
            **addresses,
        )


class CheckoutDetail(ProjectView):
    scopes = {"GET": "billing:read"}

    @extend_schema(responses=CheckoutBody)
    def get(self, request: Request, public_id: str) -> Response:
        rows = CheckoutSession.objects.filter(project=self.project).select_related(*RELATED)
        return Response(CheckoutBody(one(rows, "session", public_id=public_id)).data)
