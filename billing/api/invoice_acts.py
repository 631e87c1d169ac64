"""What is done to an issued invoice."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.asked import asked_answer
from billing.api.credit_notes import MAX_REASON, ReasonRequest
from billing.api.invoices import InvoiceBody, InvoiceView, invoice_body
from billing.services.asking import write_off_or_ask
from billing.services.write_offs import void_invoice
from ledger.api.wallet_bodies import AskedBody
from ledger.services.giving import Asked
from neruba import clock
from neruba.api.fields import Flag, Strict, Text
from neruba.errors import UnsupportedError


class InvoiceVoidRequest(Strict):
    reason = Text(max_length=MAX_REASON)
    rebill = Flag(required=False, default=False, help_text="Only false: not supported yet.")


class InvoiceVoid(InvoiceView):
    scopes = {"POST": "billing:write"}

    @extend_schema(request=InvoiceVoidRequest, responses=InvoiceBody)
    def post(self, request: Request, public_id: str) -> Response:
        """Takes a whole invoice back: every entry of it is reversed; draws return to their grants,
        payments to the customer balance.
        """
        given = self.body(InvoiceVoidRequest)
        if given["rebill"]:
            raise UnsupportedError("Billing it anew is not supported yet.", pointer="/rebill")
        void_invoice(
            invoice=self.row(public_id),
            reason=given["reason"],
            actor=self.actor,
            at=clock.now(self.project),
        )
        return Response(invoice_body(self.document(public_id)))


class WrittenOffBody(serializers.Serializer[Any]):
    written_off = serializers.CharField(help_text="How much was given up just now.")
    currency = serializers.CharField()
    invoice = InvoiceBody()


class InvoiceWriteOff(InvoiceView):
    scopes = {"POST": "billing:write"}

    @extend_schema(request=ReasonRequest, responses={200: WrittenOffBody, 202: AskedBody})
    def post(self, request: Request, public_id: str) -> Response:
        """Gives up what is due of an open invoice. Above an operator's limit it waits for a second
        person (202).
        """
        given = self.body(ReasonRequest)
        done = write_off_or_ask(
            invoice=self.row(public_id),
            reason=given["reason"],
            actor=self.actor,
            at=clock.now(self.project),
        )
        if isinstance(done, Asked):
            return asked_answer(done)
        body = {"written_off": done.amount, "currency": done.currency}
        return Response({**body, "invoice": invoice_body(self.document(public_id))})
