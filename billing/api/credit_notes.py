"""Credit notes."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.asked import asked_answer
from billing.models import CreditNote, Invoice
from billing.selectors.credit_notes import NoteDocument, note_documents
from billing.services.asking import Wanted, credit_or_ask
from billing.services.credit_notes import void_credit_note
from ledger.api.wallet_bodies import AskedBody
from ledger.services.giving import Asked
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Amount, Identifier, Instant, Quantity, Strict, Text
from neruba.api.views import ProjectView, one
from neruba.money import Money

MAX_REASON = 500
MAX_LINES = 1000


class CreditedLineRequest(Strict):
    line = Identifier(max_length=400, help_text="The id of a line of the invoice.")
    amount = Amount(
        required=False,
        allow_null=True,
        default=None,
        help_text="Net; null or left out: all that is left of the line.",
    )
    quantity = Quantity(required=False, default="", help_text="What the credit note says of it.")


class CreditNoteRequest(Strict):
    invoice = Identifier()
    lines = serializers.ListField(
        child=CreditedLineRequest(), allow_empty=False, max_length=MAX_LINES
    )
    reason = Text(max_length=MAX_REASON)
    settle = serializers.ChoiceField(
        choices=CreditNote.Settle.choices,
        required=False,
        default=CreditNote.Settle.INVOICE,
        help_text="Where that goes which was paid already; what is unpaid is not due any more.",
    )


class CreditedLineBody(serializers.Serializer[Any]):
    line = serializers.CharField()
    description = serializers.CharField()
    quantity = serializers.CharField(allow_null=True)
    amount = serializers.CharField()
    tax_amount = serializers.CharField()


class CreditNoteBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    number = serializers.CharField()
    status = serializers.ChoiceField(choices=CreditNote.Status.choices)
    invoice = serializers.CharField()
    invoice_number = serializers.CharField()
    customer = serializers.CharField()
    currency = serializers.CharField()
    settle = serializers.ChoiceField(choices=CreditNote.Settle.choices)
    reason = serializers.CharField()
    lines = CreditedLineBody(many=True)
    subtotal = serializers.CharField()
    tax_total = serializers.CharField()
    total = serializers.CharField()
    grant = serializers.CharField(
        allow_null=True, help_text="The grant that it made, where it was settled to a wallet."
    )
    issued_at = serializers.DateTimeField()
    voided_at = serializers.DateTimeField(allow_null=True)


def credit_note_body(document: NoteDocument) -> dict[str, Any]:
    """A credit note as callers see it; its amounts are those of its transfers."""
    note = document.note
    instant = Instant()

    def text(minor: int) -> str:
        return Money(minor, note.currency).amount

    return {
        "id": note.public_id,
        "number": note.number,
        "status": note.status,
        "invoice": note.invoice.public_id,
        "invoice_number": note.invoice.number,
        "customer": note.customer.external_id,
        "currency": note.currency,
        "settle": note.settle,
        "reason": note.reason,
        "lines": [
            {
                "line": line.invoice_line,
                "description": line.description,
                "quantity": line.quantity or None,
                "amount": text(line.net_minor),
                "tax_amount": text(line.tax_minor),
            }
            for line in document.lines
        ],
        "subtotal": text(document.net_minor),
        "tax_total": text(document.tax_minor),
        "total": document.total.amount,
        "grant": note.grant or None,
        "issued_at": instant.to_representation(note.issued_at),
        "voided_at": note.voided_at and instant.to_representation(note.voided_at),
    }


class CreditNoteQuery(ListQuery):
    customer = Identifier(required=False)
    invoice = Identifier(required=False)


class CreditNoteView(ProjectView):
    def rows(self) -> QuerySet[CreditNote]:
        rows = CreditNote.objects.filter(project=self.project)
        return rows.select_related("project", "invoice__project", "customer__project")

    def bodies(self, notes: Sequence[CreditNote]) -> list[dict[str, Any]]:
        return [credit_note_body(found) for found in note_documents(self.project, notes)]

    def body_of(self, public_id: str) -> dict[str, Any]:
        (body,) = self.bodies([one(self.rows(), "credit note", public_id=public_id)])
        return body


class CreditNoteList(CreditNoteView):
    scopes = {"GET": "billing:read", "POST": "billing:write"}
    needs_key = frozenset({"POST"})

    @extend_schema(parameters=[CreditNoteQuery], responses=CreditNoteBody(many=True))
    def get(self, request: Request) -> Response:
        query = self.query(CreditNoteQuery)
        names = {"customer": "customer__external_id", "invoice": "invoice__public_id"}
        lookup = {names[name]: value for name, value in query.items() if name in names}
        return self.listed(self.rows().filter(**lookup), self.bodies)

    @extend_schema(request=CreditNoteRequest, responses={201: CreditNoteBody, 202: AskedBody})
    def post(self, request: Request) -> Response:
        """Gives back amounts of lines of an issued invoice, never more than was billed. Above an
        operator's limit it waits for a second person (202).
        """
        given = self.body(CreditNoteRequest)
        invoices = Invoice.objects.filter(project=self.project)
        invoice = one(
            invoices.select_related("project", "customer__project"),
            "invoice",
            public_id=given["invoice"],
        )
        done = credit_or_ask(
            invoice=invoice,
            lines=[Wanted(**line) for line in given["lines"]],
            settle=given["settle"],
            reason=given["reason"],
            actor=self.actor,
            at=clock.now(self.project),
        )
        if isinstance(done, Asked):
            return asked_answer(done)
        return Response(self.body_of(done.public_id), status=201)


class CreditNoteDetail(CreditNoteView):
    scopes = {"GET": "billing:read"}

    @extend_schema(responses=CreditNoteBody)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(self.body_of(public_id))


class ReasonRequest(Strict):
    reason = Text(max_length=MAX_REASON)


class CreditNoteVoid(CreditNoteView):
    scopes = {"POST": "billing:write"}

    @extend_schema(request=ReasonRequest, responses=CreditNoteBody)
    def post(self, request: Request, public_id: str) -> Response:
        """Takes a credit note back: the invoice is due again by as much. Its number stays. Refused
        where it was refunded, and where what it gave was spent.
        """
        given = self.body(ReasonRequest)
        note = one(self.rows(), "credit note", public_id=public_id)
        void_credit_note(
            note=note, reason=given["reason"], actor=self.actor, at=clock.now(self.project)
        )
        return Response(self.body_of(public_id))
