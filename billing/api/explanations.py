"""Invoices in words, with the way down to the usage and the events behind each line."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.invoices import InvoiceView
from billing.rating.explain import ExplainedLine, explain_document
from billing.rating.explain_sums import explain_sums
from billing.selectors.documents import Document
from billing.selectors.line_usage import LineUsage, usage_of_lines


class ExplainedLineBody(serializers.Serializer[Any]):
    line = serializers.CharField()
    description = serializers.CharField()
    amount = serializers.CharField()
    text = serializers.ListField(child=serializers.CharField())
    usage = serializers.CharField(
        allow_null=True, help_text="Where the meter's quantity of the period can be asked for."
    )
    events = serializers.CharField(
        allow_null=True, help_text="Where the raw events behind it can be asked for."
    )


class ExplainedSumBody(serializers.Serializer[Any]):
    description = serializers.CharField()
    amount = serializers.CharField()
    text = serializers.ListField(child=serializers.CharField())


class ExplanationBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    number = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    total = serializers.CharField()
    lines = ExplainedLineBody(many=True)
    sums = ExplainedSumBody(many=True, help_text="Discounts, taxes and the total.")


class InvoiceExplain(InvoiceView):
    """Each line in words, from its evidence alone; then discounts, taxes and the total."""

    scopes = {"GET": "billing:read"}

    @extend_schema(responses=ExplanationBody)
    def get(self, request: Request, public_id: str) -> Response:
        document = self.document(public_id)
        usage = usage_of_lines(document)
        return Response(
            {
                "id": document.invoice.public_id,
                "number": document.invoice.number,
                "currency": document.invoice.currency,
                "total": document.total.amount,
                "lines": [
                    _line(document, line, usage)
                    for line in explain_document(document.content, document.numbers)
                ],
                "sums": [
                    {"description": one.description, "amount": one.amount, "text": list(one.text)}
                    for one in explain_sums(document.content)
                ],
            }
        )


def _line(
    document: Document, line: ExplainedLine, usage: Mapping[str, LineUsage]
) -> dict[str, Any]:
    behind = usage.get(line.line)
    customer = document.content["customer"]
    return {
        "line": line.line,
        "description": line.description,
        "amount": line.amount,
        "text": list(line.text),
        "usage": behind and _address("usage", customer=customer, meter=behind.meter,
                                     window="total", **behind.period),
        "events": behind and _address("events", subject=customer, type=behind.event_type,
                                      **behind.since),
    }  # fmt: skip


def _address(path: str, **query: str) -> str:
    return f"/api/v1/{path}?{urlencode(query)}"
