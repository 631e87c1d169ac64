"""Refunds."""

import json

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Amount, Instant, Strict, Text
from neruba.api.views import ProjectView, one
from neruba.errors import InvalidError
from neruba.money import Money
from neruba.nudge import nudge
from neruba.tasks import deliver_due
from payments.models import Payment, Refund
from payments.services.refunds import request_refund


class RefundRequest(Strict):
    amount = Amount()
    reason = Text(max_length=500)


class RefundBody(serializers.Serializer[Refund]):
    id = serializers.CharField(source="public_id")
    payment = serializers.CharField(source="payment.public_id")
    status = serializers.ChoiceField(choices=Refund.State.choices, source="state")
    amount = serializers.SerializerMethodField()
    currency = serializers.CharField()
    reason = serializers.CharField()
    credit_note = serializers.CharField(
        source="credit_note.public_id", allow_null=True, default=None
    )
    covered_by = serializers.SerializerMethodField(help_text="What it gave back, and how much.")
    cause = serializers.CharField(help_text="Why it failed.")
    created_at = Instant()
    closed_at = Instant(allow_null=True)

    def get_amount(self, refund: Refund) -> str:
        return Money(refund.amount_minor, refund.currency).amount

    def get_covered_by(self, refund: Refund) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(refund.cover)
        return found


class RefundList(ProjectView):
    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[ListQuery], responses=RefundBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        rows = Refund.objects.filter(project=self.project)
        return self.listed(rows.select_related("payment", "credit_note"), RefundBody)


class PaymentRefunds(ProjectView):
    scopes = {"POST": "payments:write"}
    needs_key = frozenset({"POST"})

    @extend_schema(request=RefundRequest, responses={201: RefundBody})
    def post(self, request: Request, public_id: str) -> Response:
        """Gives back a part of a payment: a credit note in proportion on what it paid, and the
        money by the way it came.

        It is pending until the provider says that it succeeded; one of a payment from outside is
        noted as paid out by hand.
        """
        given = self.body(RefundRequest)
        payments = Payment.objects.filter(project=self.project)
        rows = payments.select_related("project", "customer")
        payment = one(rows, "payment", public_id=public_id)
        try:
            amount = Money.parse(given["amount"], payment.currency)
        except ValueError as error:
            raise InvalidError(str(error), pointer="/amount") from error
        refund = request_refund(
            payment=payment,
            amount=amount,
            reason=given["reason"],
            actor=self.actor,
            at=clock.now(self.project),
        )
        nudge(deliver_due)
        return Response(RefundBody(refund).data, status=201)
