"""What the usage of a plan's customers would have come to under a draft of its next version."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.catalog import INTERVALS, PlanRequest
from billing.api.drafts import draft_of
from billing.models import Plan
from billing.rating.what_if import Amounts
from billing.selectors.what_if import Answer, Difference, what_it_would_have_been
from neruba import clock
from neruba.api.fields import Identifier, Instant, Strict, Whole
from neruba.api.views import ProjectView, one
from neruba.errors import InvalidError
from neruba.money import Money
from neruba.period import Interval, rfc3339

MAX_SHOWN = 1000


class DraftRequest(PlanRequest):
    """The body of `POST /plans`; its code may be left out, since the address names the plan."""

    code = Identifier(required=False)
    interval = serializers.ChoiceField(choices=INTERVALS, required=False)


class WhatIfRequest(Strict):
    draft = DraftRequest()
    to = Instant(help_text="Periods that end at or before this instant.")
    limit = Whole(
        min_value=1,
        max_value=MAX_SHOWN,
        required=False,
        default=100,
        help_text="How many subscriptions are listed; the totals are of all.",
    )

    def get_fields(self) -> dict[str, Any]:
        begin = Instant(help_text="Periods that begin at or after this instant.")
        return {**super().get_fields(), "from": begin}


class AmountsBody(serializers.Serializer[Any]):
    old = serializers.CharField()
    new = serializers.CharField()
    difference = serializers.CharField(help_text="new − old")


class PriceAmountsBody(AmountsBody):
    price = serializers.CharField(allow_null=True, help_text="Null: a line of no price.")


class DifferenceBody(AmountsBody):
    customer = serializers.CharField()
    subscription = serializers.CharField()
    periods = serializers.IntegerField()
    prices = PriceAmountsBody(many=True)


class WhatIfBody(AmountsBody):
    currency = serializers.CharField()
    to = serializers.DateTimeField()
    periods = serializers.IntegerField(help_text="How many periods were rated.")
    subscriptions = serializers.IntegerField(help_text="Of how many subscriptions.")
    customers = DifferenceBody(many=True, help_text="The largest differences first.")
    prices = PriceAmountsBody(many=True, help_text="The totals by price.")
    left_out = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Subscriptions that the draft cannot be rated for, by what differs from it: "
        "`currency` or `rhythm`.",
    )

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": serializers.DateTimeField()}


class PlanWhatIf(ProjectView):
    """Rates stored usage under a draft: old, new and difference, by customer and by price.

    Fees and usage of the periods that lie whole between `from` and `to` and are over, each line
    rounded as on an invoice; without discounts, tax and credits. Nothing is stored.
    """

    scopes = {"POST": "billing:read"}
    # It writes nothing, so it holds no transaction open while it reads for seconds.
    own_transactions = True

    @extend_schema(request=WhatIfRequest, responses=WhatIfBody)
    def post(self, request: Request, code: str) -> Response:
        given = self.body(WhatIfRequest)
        plan = one(Plan.objects.filter(project=self.project), "plan", code=code)
        if given["to"] <= given["from"]:
            raise InvalidError("It ends before it begins.", pointer="/to")
        found = what_it_would_have_been(
            plan=plan,
            draft=draft_of(plan, given["draft"], below="/draft"),
            interval=Interval(given["from"], given["to"]),
            at=clock.now(self.project),
        )
        return Response(answer_body(found, limit=given["limit"]))


def answer_body(found: Answer, *, limit: int) -> dict[str, Any]:
    """The answer as callers see it, with at most `limit` subscriptions."""
    unit = found.currency
    return {
        "currency": unit,
        "from": rfc3339(found.interval.start),
        "to": rfc3339(found.interval.end),
        "periods": found.periods,
        "subscriptions": len(found.differences),
        **_amounts(found.total, unit),
        "customers": [_difference(each, unit) for each in found.differences[:limit]],
        "prices": _by_price(found.prices, unit),
        "left_out": dict(found.left_out),
    }


def _difference(each: Difference, unit: str) -> dict[str, Any]:
    return {
        "customer": each.customer,
        "subscription": each.subscription,
        "periods": each.periods,
        **_amounts(each.total, unit),
        "prices": _by_price(each.prices, unit),
    }


def _by_price(prices: Any, unit: str) -> list[dict[str, Any]]:
    return [{"price": code or None, **_amounts(amounts, unit)} for code, amounts in prices.items()]


def _amounts(amounts: Amounts, unit: str) -> dict[str, str]:
    parts = {
        "old": amounts.old_minor,
        "new": amounts.new_minor,
        "difference": amounts.difference_minor,
    }
    return {name: Money(minor, unit).amount for name, minor in parts.items()}
