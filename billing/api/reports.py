"""Reports of finance."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.ageing import AgedBalance, Tie
from billing.selectors.ageing import receivables_ageing
from neruba import clock
from neruba.api.fields import Currency, Identifier, Instant, Strict
from neruba.api.views import ProjectView
from neruba.money import Money

RANGE_NAMES = ("not_due", "days_1_30", "days_31_60", "days_61_90", "days_over_90")


class AgeingQuery(Strict):
    at = Instant(required=False, default=None, help_text="Of entries that occurred before it.")
    currency = Currency(required=False, default=None)
    customer = Identifier(required=False, default=None)


class AgedBalanceBody(serializers.Serializer[Any]):
    customer = serializers.CharField(
        allow_null=True, help_text="Null for a total, and where the customer is not known."
    )
    currency = serializers.CharField()
    not_due = serializers.CharField()
    days_1_30 = serializers.CharField()
    days_31_60 = serializers.CharField()
    days_61_90 = serializers.CharField()
    days_over_90 = serializers.CharField()
    undated = serializers.CharField(help_text="Of documents without a due date.")
    credits = serializers.CharField(help_text="Of documents below zero.")
    total = serializers.CharField(help_text="The balance of accounts receivable.")
    unapplied = serializers.CharField(help_text="Received, matched to nothing; not in the total.")


class TieBody(serializers.Serializer[Any]):
    customer = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    listed = serializers.CharField()
    booked = serializers.CharField()
    difference = serializers.CharField()


class AgeingBody(serializers.Serializer[Any]):
    at = Instant()
    as_of = serializers.DateField(help_text="The last day that counts, in the project's time zone.")
    data = AgedBalanceBody(many=True)  # type: ignore[assignment]
    totals = AgedBalanceBody(many=True)
    ties_out = serializers.BooleanField(help_text="Whether the totals are the trial balance's.")
    ties = TieBody(many=True)
    differences = TieBody(many=True)


class ReceivablesAgeing(ProjectView):
    scopes = {"GET": "ledger:read"}

    @extend_schema(parameters=[AgeingQuery], responses=AgeingBody)
    def get(self, request: Request) -> Response:
        """What customers owe by days past due; without `at`, now."""
        query = self.query(AgeingQuery)
        at = query["at"] or clock.now(self.project)
        found = receivables_ageing(
            self.project, at=at, currency=query["currency"], customer=query["customer"]
        )
        body = {
            "at": at,
            "as_of": found.as_of,
            "data": [_row(row) for row in found.rows],
            "totals": [_row(row) for row in found.totals],
            "ties_out": found.ties_out,
            "ties": [_tie(tie) for tie in found.ties],
            "differences": [_tie(tie) for tie in found.differences],
        }
        return Response(AgeingBody(body).data)


def _row(row: AgedBalance) -> dict[str, object]:
    unit = row.owner.currency
    amounts = {
        **dict(zip(RANGE_NAMES, row.ranges, strict=True)),
        "undated": row.undated,
        "credits": row.credits,
        "total": row.total,
        "unapplied": row.unapplied,
    }
    return {
        "customer": row.owner.customer or None,
        "currency": unit,
        **{name: Money(minor, unit).amount for name, minor in amounts.items()},
    }


def _tie(tie: Tie) -> dict[str, object]:
    unit = tie.owner.currency
    amounts = {"listed": tie.listed, "booked": tie.booked, "difference": tie.difference}
    return {
        "customer": tie.owner.customer or None,
        "currency": unit,
        **{name: Money(minor, unit).amount for name, minor in amounts.items()},
    }
