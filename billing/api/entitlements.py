"""What a customer is entitled to, and what is used of it."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.catalog import ENTITLEMENT_TYPES
from billing.selectors.entitlements import entitlements_at
from ingest.api.event_bodies import ARCHIVE_NOT_AT_HAND
from neruba import clock
from neruba.api.fields import Instant, Quantity, Strict
from neruba.api.views import ProjectView, one
from neruba.decimals import plain
from neruba.models import Customer


class EntitlementsQuery(Strict):
    at = Instant(required=False, help_text="Left out: now, by the project's clock.")


class Number(Quantity):
    """A quantity as it was computed."""

    def to_representation(self, value: Decimal) -> str:
        return plain(value)


class EntitledPeriodBody(serializers.Serializer[Any]):
    start = Instant()
    end = Instant()


class CountedBody(serializers.Serializer[Any]):
    """A limit, what counts against it and when."""

    type = serializers.ChoiceField(choices=ENTITLEMENT_TYPES)
    limit = Number(allow_null=True)
    used = Number(allow_null=True)
    remaining = Number(allow_null=True)
    meter = serializers.CharField(allow_null=True)
    period = EntitledPeriodBody(allow_null=True)
    subscriptions = serializers.ListField(child=serializers.CharField())


class EntitledBody(CountedBody):
    """A feature, over all subscriptions that grant it."""

    has_access = serializers.BooleanField(
        help_text="False where a limit is used up. Nothing is enforced: usage beyond is accepted."
    )
    parts = CountedBody(many=True, help_text="One for each meter and period that is counted.")

    def get_fields(self) -> dict[str, Any]:
        return {"feature": serializers.CharField(), **super().get_fields()}


class EntitlementsBody(serializers.Serializer[Any]):
    customer = serializers.CharField()
    at = Instant()
    entitlements = EntitledBody(many=True)


class CustomerEntitlements(ProjectView):
    """What the customer may use at an instant, and how much of it was used by then."""

    scopes = {"GET": "usage:read"}

    @extend_schema(
        parameters=[EntitlementsQuery], responses={200: EntitlementsBody, **ARCHIVE_NOT_AT_HAND}
    )
    def get(self, request: Request, external_id: str) -> Response:
        """By feature, over all subscriptions that run then: a boolean is granted by any of them,
        limits add up. What is not granted is not listed.

        True for every event accepted before the request. 409 where events of the running period
        rest in an archive that is not at hand.
        """
        rows = Customer.objects.filter(project=self.project, erased_at__isnull=True)
        customer = one(rows.select_related("project"), "customer", external_id=external_id)
        at = self.query(EntitlementsQuery).get("at") or clock.now(self.project)
        found = entitlements_at(customer, at=at)
        body = {"customer": customer.external_id, "at": at, "entitlements": found}
        return Response(EntitlementsBody(body).data)
