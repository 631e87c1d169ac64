"""Subscriptions: made, and read at any instant."""

import json
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.catalog import INTERVALS, OverrideBody, PriceDefinitions
from billing.models import Period, Plan, Subscription
from billing.selectors.timelines import timelines_of
from billing.services.subscriptions import create_subscription
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Amount, Identifier, Instant, Strict, Timezone, Whole
from neruba.api.views import ProjectView, one
from neruba.models import Customer

STATUSES = ["pending", "trialing", "active", "paused", "canceled"]
TRIAL_USAGES = ["billed", "free"]


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class SeatQuantities(serializers.DictField):
    """Numbers of seats by price code, as they came; the agreement reads them."""


@extend_schema_field(OverrideBody(many=True))
class OverrideList(serializers.ListField):
    """Overrides as they came; the agreement reads them and points at what is wrong."""

    child = serializers.DictField()


class SubscriptionRequest(Strict):
    external_id = Identifier()
    customer = Identifier()
    plan = Identifier()
    start_at = Instant(required=False, allow_null=True, default=None)
    anchor = serializers.ChoiceField(
        choices=["anniversary", "calendar"], required=False, default="anniversary"
    )
    billing_day = Whole(min_value=1, max_value=31, required=False, allow_null=True, default=None)
    timezone = Timezone(required=False, allow_null=True, default=None)
    quantities = SeatQuantities(required=False, default=dict)
    trial_end = Instant(required=False, allow_null=True, default=None)
    end_at = Instant(required=False, allow_null=True, default=None)
    overrides = OverrideList(required=False, default=list, max_length=200)
    trial_usage = serializers.ChoiceField(choices=TRIAL_USAGES, required=False, default="billed")


class SubscriptionBody(serializers.Serializer[Any]):
    external_id = serializers.CharField()
    customer = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUSES)
    plan = serializers.CharField()
    plan_version = serializers.IntegerField()
    currency = serializers.CharField()
    interval = serializers.CharField()
    interval_count = serializers.IntegerField()
    anchor = serializers.CharField()
    billing_day = serializers.IntegerField(allow_null=True)
    timezone = serializers.CharField()
    start_at = Instant()
    trial_end = Instant(allow_null=True)
    trial_usage = serializers.ChoiceField(choices=TRIAL_USAGES)
    end_at = Instant(allow_null=True)
    next_boundary_at = Instant(allow_null=True)
    created_at = Instant()
    minimum_commitment = Amount(allow_null=True)
    quantities = serializers.DictField(child=serializers.CharField())
    prices = PriceDefinitions()
    overrides = PriceDefinitions(help_text="Those of `prices` that are not the plan's own.")


class AtQuery(Strict):
    at = Instant(required=False)


class PeriodsQuery(ListQuery):
    to = Instant(required=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": Instant(required=False)}


class PeriodBody(serializers.Serializer[Period]):
    interval = serializers.SerializerMethodField()
    interval_count = serializers.SerializerMethodField()
    number = serializers.IntegerField(help_text="Ascending for each rhythm; the first is 0.")
    start = Instant()
    end = Instant()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(help_text="The local date of the end, which is not part of it.")
    timezone = serializers.CharField(source="zone")
    policy = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=INTERVALS))
    def get_interval(self, period: Period) -> str:
        return period.rhythm.partition(":")[0]

    def get_interval_count(self, period: Period) -> int:
        return int(period.rhythm.partition(":")[2])

    @extend_schema_field({"type": "object"})
    def get_policy(self, period: Period) -> dict[str, Any]:
        return json.loads(period.policy)  # type: ignore[no-any-return]


def subscription_bodies(rows: list[Subscription], at: datetime) -> list[dict[str, Any]]:
    """Each subscription as it stands, or stood, at an instant."""
    if not rows:
        return []
    timelines = timelines_of(rows[0].project, [row.pk for row in rows], at=at)
    bodies = []
    for row in rows:
        timeline = timelines[row.pk]
        terms = timeline.terms_at(at)
        content = terms.content()
        bodies.append(
            {
                "minimum_commitment": None,
                "quantities": {},
                **content,
                "overrides": [
                    price for price in content["prices"] if price["code"] in terms.overridden
                ],
                "external_id": row.external_id,
                "customer": row.customer.external_id,
                "status": timeline.status(at),
                "start_at": timeline.start,
                "trial_end": timeline.trial_end,
                "trial_usage": terms.trial_usage,
                "end_at": timeline.end_at,
                "next_boundary_at": row.due_at,
                "created_at": row.created_at,
            }
        )
    return [dict(SubscriptionBody(body).data) for body in bodies]


class SubscriptionView(ProjectView):
    def rows(self) -> QuerySet[Subscription]:
        rows = Subscription.objects.filter(project=self.project)
        return rows.select_related("project", "customer")

    def row(self, external_id: str) -> Subscription:
        return one(self.rows(), "subscription", external_id=external_id)


class SubscriptionListQuery(ListQuery):
    customer = Identifier(required=False)


class SubscriptionList(SubscriptionView):
    scopes = {"GET": "billing:read", "POST": "billing:write"}

    @extend_schema(parameters=[SubscriptionListQuery], responses=SubscriptionBody(many=True))
    def get(self, request: Request) -> Response:
        customer = self.query(SubscriptionListQuery).get("customer")
        rows = self.rows()
        if customer is not None:
            rows = rows.filter(customer__external_id=customer)
        at = clock.now(self.project)
        return self.listed(rows, lambda page: subscription_bodies(list(page), at))

    @extend_schema(
        request=SubscriptionRequest, responses={200: SubscriptionBody, 201: SubscriptionBody}
    )
    def post(self, request: Request) -> Response:
        given = self.body(SubscriptionRequest)
        customers = Customer.objects.filter(project=self.project)
        plans = Plan.objects.filter(project=self.project)
        at = clock.now(self.project)
        created = create_subscription(
            project=self.project,
            customer=one(customers, "customer", external_id=given.pop("customer")),
            plan=one(plans, "plan", code=given.pop("plan")),
            actor=self.actor,
            at=at,
            **given,
        )
        body = subscription_bodies([created.subscription], at)[0]
        return Response(body, status=200 if created.replayed else 201)


class SubscriptionDetail(SubscriptionView):
    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[AtQuery], responses=SubscriptionBody)
    def get(self, request: Request, external_id: str) -> Response:
        at = self.query(AtQuery).get("at") or clock.now(self.project)
        return Response(subscription_bodies([self.row(external_id)], at)[0])


class SubscriptionPeriods(SubscriptionView):
    """The billing periods that have opened."""

    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[PeriodsQuery], responses=PeriodBody(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        query = self.query(PeriodsQuery)
        rows = Period.objects.filter(project=self.project, subscription=self.row(external_id))
        if "from" in query:
            rows = rows.filter(end__gt=query["from"])
        if "to" in query:
            rows = rows.filter(start__lt=query["to"])
        return self.listed(rows, PeriodBody)
