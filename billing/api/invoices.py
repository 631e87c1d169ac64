"""Invoices: read, explained, previewed, verified."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import Invoice, Subscription
from billing.selectors.documents import Document, documents_of, documents_of_computed
from billing.selectors.previews import preview
from billing.selectors.verify import Verdict, verify_invoices
from billing.services.credits import apply_credits
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Identifier, Instant, Strict
from neruba.api.views import ProjectView, one
from neruba.errors import ConflictError, InvalidError, NotFoundError
from neruba.models import Customer


class IntervalBody(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class CorrectsBody(serializers.Serializer[Any]):
    invoice = serializers.CharField(help_text="The operation key of the period's own invoice.")
    line = serializers.CharField()
    number = serializers.CharField(allow_null=True, help_text="Null where it was not made.")


class LineBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    kind = serializers.CharField()
    price = serializers.CharField(allow_null=True)
    description = serializers.CharField()
    period = IntervalBody()
    quantity = serializers.CharField()
    unit_amount = serializers.CharField(allow_null=True)
    amount = serializers.CharField(help_text="Net: without discounts and tax.")
    discount_amount = serializers.CharField()
    tax_amount = serializers.CharField()
    corrects = CorrectsBody(allow_null=True)
    evidence = serializers.DictField()


class PartBody(serializers.Serializer[Any]):
    line = serializers.CharField(help_text="The id of a line.")
    amount = serializers.CharField()


class DiscountBody(serializers.Serializer[Any]):
    coupon = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    percent_off = serializers.CharField(allow_null=True)
    amount_off = serializers.CharField(allow_null=True)
    amount = serializers.CharField()
    lines = PartBody(many=True)


class TaxBody(serializers.Serializer[Any]):
    rate = serializers.CharField()
    name = serializers.CharField()
    rate_percent = serializers.CharField()
    inclusive = serializers.BooleanField(help_text="Taken out of the prices, not put on them.")
    reason = serializers.ChoiceField(
        choices=["exempt", "reverse"], allow_null=True, help_text="Why nothing is due."
    )
    base = serializers.CharField(help_text="The net of the lines that carry it, less discounts.")
    amount = serializers.CharField()
    lines = PartBody(many=True)


class InvoiceBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    number = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=Invoice.Status.choices)
    customer = serializers.CharField()
    subscription = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    period = IntervalBody()
    finalized_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    lines = LineBody(many=True)
    discounts = DiscountBody(many=True)
    taxes = TaxBody(many=True)
    subtotal = serializers.CharField()
    discount_total = serializers.CharField()
    tax_total = serializers.CharField()
    total = serializers.CharField()
    credits_applied = serializers.CharField()
    balance_applied = serializers.CharField()
    amount_paid = serializers.CharField()
    credited = serializers.CharField(help_text="Given back by credit notes.")
    given_back = serializers.CharField(
        help_text="What of that left again, since it was paid: to grants, balance, as refunds."
    )
    written_off = serializers.CharField(help_text="Given up, less what was recovered.")
    amount_due = serializers.CharField()
    content_hash = serializers.CharField()
    document_hash = serializers.CharField(allow_null=True)
    replaces = serializers.CharField(allow_null=True)


def invoice_body(document: Document) -> dict[str, Any]:
    """An invoice as callers see it. Drafts and previews have neither number nor dates."""
    invoice, content, settlement = document.invoice, document.content, document.settlement
    zero = document.money(0)
    off, put = document.discount_by_line, document.tax_by_line
    instant = Instant()
    return {
        "id": invoice.public_id,
        "number": invoice.number,
        "status": invoice.status,
        **{name: content[name] for name in ("customer", "subscription", "currency", "period")},
        "finalized_at": invoice.finalized_at and instant.to_representation(invoice.finalized_at),
        "due_at": invoice.payment_due_at and instant.to_representation(invoice.payment_due_at),
        "lines": [
            {
                **line,
                "discount_amount": off.get(line["id"], zero).amount,
                "tax_amount": put.get(line["id"], zero).amount,
                "corrects": _corrects(line, document),
            }
            for line in content["lines"]
        ],
        "discounts": content["discounts"],
        "taxes": content["taxes"],
        "subtotal": document.subtotal.amount,
        "discount_total": document.discount_total.amount,
        "tax_total": document.tax_total.amount,
        "total": document.total.amount,
        "credits_applied": document.money(settlement.credits_minor).amount,
        "balance_applied": document.money(settlement.balance_minor).amount,
        "amount_paid": document.money(settlement.paid_minor).amount,
        "credited": document.money(settlement.credited_minor).amount,
        "given_back": document.money(settlement.given_back_minor).amount,
        "written_off": document.money(settlement.written_off_minor).amount,
        "amount_due": document.due.amount,
        "content_hash": invoice.content_hash or document.content_hash,
        "document_hash": invoice.document_hash or None,
        "replaces": None,
    }


def _corrects(line: Mapping[str, Any], document: Document) -> dict[str, Any] | None:
    """The line that is corrected, with the number of its invoice; none where that was not made."""
    if line["corrects"] is None:
        return None
    return {**line["corrects"], "number": document.numbers.get(line["corrects"]["invoice"])}


class InvoiceQuery(ListQuery):
    customer = Identifier(required=False)
    subscription = Identifier(required=False)
    status = serializers.ChoiceField(choices=Invoice.Status.choices, required=False)
    to = Instant(required=False, help_text="Invoices for a boundary before this instant.")

    def get_fields(self) -> dict[str, Any]:
        begin = Instant(
            required=False, help_text="Invoices for a boundary at or after this instant."
        )
        return {**super().get_fields(), "from": begin}


class InvoiceView(ProjectView):
    def rows(self) -> QuerySet[Invoice]:
        rows = Invoice.objects.filter(project=self.project)
        return rows.select_related("customer", "subscription__customer", "party")

    def row(self, public_id: str) -> Invoice:
        return one(self.rows(), "invoice", public_id=public_id)

    def document(self, public_id: str) -> Document:
        found = documents_of(self.project, [self.row(public_id)])
        if not found:  # a draft that came to nothing just now
            raise NotFoundError("There is no such invoice in this project.")
        return found[0]


class InvoiceList(InvoiceView):
    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[InvoiceQuery], responses=InvoiceBody(many=True))
    def get(self, request: Request) -> Response:
        query = self.query(InvoiceQuery)
        names = {
            "customer": "customer__external_id",
            "subscription": "subscription__external_id",
            "status": "status",
            "from": "boundary_at__gte",
            "to": "boundary_at__lt",
        }
        lookup = {names[name]: value for name, value in query.items() if name in names}
        return self.listed(
            self.rows().filter(**lookup),
            lambda page: [invoice_body(one) for one in documents_of(self.project, page)],
        )


class InvoiceDetail(InvoiceView):
    scopes = {"GET": "billing:read"}

    @extend_schema(responses=InvoiceBody)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(invoice_body(self.document(public_id)))


class PreviewRequest(Strict):
    subscription = Identifier(required=False)
    customer = Identifier(required=False)
    as_of = Instant(required=False, allow_null=True, default=None)


# Not a class: DRF's serializers have a property `data` of their own.
PreviewBody = inline_serializer(
    "PreviewBody",
    {"data": InvoiceBody(many=True), "next_cursor": serializers.CharField(allow_null=True)},
)


class InvoicePreview(ProjectView):
    """What a run as of an instant would issue; where nothing is due by then, what comes next."""

    scopes = {"POST": "billing:read"}

    @extend_schema(request=PreviewRequest, responses=PreviewBody)
    def post(self, request: Request) -> Response:
        given = self.body(PreviewRequest)
        if ("subscription" in given) == ("customer" in given):
            raise InvalidError("Name either a subscription or a customer.")
        subscription = None
        if "subscription" in given:
            rows = Subscription.objects.filter(project=self.project).select_related("customer")
            subscription = one(rows, "subscription", external_id=given["subscription"])
            customer = subscription.customer
        else:
            customers = Customer.objects.filter(project=self.project)
            customer = one(customers, "customer", external_id=given["customer"])
        found = preview(
            project=self.project,
            customer=customer,
            subscription=subscription,
            as_of=given["as_of"],
            at=clock.now(self.project),
        )
        data = [invoice_body(one) for one in documents_of_computed(self.project, found)]
        return Response({"data": data, "next_cursor": None})


class VerdictBody(serializers.Serializer[Any]):
    matches = serializers.BooleanField(
        allow_null=True, help_text="Null: not known, since archived events are not at hand."
    )
    content_hash = serializers.CharField()
    rebuilt_hash = serializers.CharField(help_text="Empty where usage was not counted again.")
    differences = serializers.ListField(child=serializers.CharField())
    archived = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="How many of its events rest in which file; left out where none does.",
    )
    missing = serializers.CharField(
        required=False, help_text="Which file is not at hand; left out where none is needed."
    )
    parties_erased = serializers.BooleanField(
        required=False, help_text="True where the parties' text was erased; else left out."
    )


def verdict_body(verdict: Verdict) -> dict[str, Any]:
    more = {
        "archived": list(verdict.archived),
        "missing": verdict.missing,
        "parties_erased": verdict.parties_erased,
    }
    return {
        "matches": verdict.matches,
        "content_hash": verdict.content_hash,
        "rebuilt_hash": verdict.rebuilt_hash,
        "differences": list(verdict.differences),
        **{name: value for name, value in more.items() if value},
    }


class InvoiceVerify(InvoiceView):
    """Rebuilds the invoice from raw usage and the stored snapshots, and compares it
    with the books.
    """

    scopes = {"POST": "billing:read"}

    @extend_schema(request=None, responses=VerdictBody)
    def post(self, request: Request, public_id: str) -> Response:
        self.body(Strict)
        invoice = self.row(public_id)
        if invoice.status == Invoice.Status.DRAFT:
            raise ConflictError("A draft has nothing to verify: it is computed when it is shown.")
        verdict = next(iter(verify_invoices(self.project, [invoice])))
        return Response(verdict_body(verdict))


class AppliedBody(serializers.Serializer[Any]):
    applied = serializers.CharField(help_text="How much was paid just now.")
    currency = serializers.CharField()
    invoice = InvoiceBody()


class InvoiceApplyCredits(InvoiceView):
    """Draws on what came after an open invoice was issued: grants in their order, then the customer
    balance.
    """

    scopes = {"POST": "billing:write"}
    needs_key = frozenset({"POST"})

    @extend_schema(request=None, responses=AppliedBody)
    def post(self, request: Request, public_id: str) -> Response:
        self.body(Strict)
        now = clock.now(self.project)
        applied = apply_credits(invoice=self.row(public_id), actor=self.actor, at=now)
        body = {"applied": applied.amount, "currency": applied.currency}
        return Response({**body, "invoice": invoice_body(self.document(public_id))})
