"""Usage of a customer."""

from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ingest.api.event_bodies import ARCHIVE_NOT_AT_HAND, FlatObject, WindowBody
from ingest.api.renderers import ExactJSONRenderer
from ingest.models import Meter
from ingest.normalize import data_text
from ingest.selectors.reports import UsageRow, usage_rows
from neruba import clock
from neruba.api.fields import Identifier, Instant, Strict
from neruba.api.views import ProjectView, one
from neruba.decimals import plain
from neruba.errors import InvalidError
from neruba.models import Customer
from neruba.period import Interval


class UsageQuery(Strict):
    customer = Identifier()
    meter = Identifier()
    to = Instant()
    window = serializers.ChoiceField(
        choices=["day", "week", "month", "total"], required=False, default="total"
    )
    group_by = Identifier(
        required=False, help_text="Properties that the meter is grouped by, with commas."
    )

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": Instant()}


class UsageRowBody(serializers.Serializer[UsageRow]):
    window = WindowBody()
    group = serializers.SerializerMethodField()
    quantity = serializers.SerializerMethodField()
    events = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["open", "buffered", "final"], source="stage")

    def get_quantity(self, row: UsageRow) -> str:
        return plain(row.quantity)

    @extend_schema_field(FlatObject)
    def get_group(self, row: UsageRow) -> msgspec.Raw:
        return FlatObject().to_representation(data_text(row.group))


class UsageBody(serializers.Serializer[Any]):
    data = UsageRowBody(many=True)  # type: ignore[assignment]


class UsageView(ProjectView):
    scopes = {"GET": "usage:read"}
    renderer_classes = [ExactJSONRenderer]

    @extend_schema(parameters=[UsageQuery], responses={200: UsageBody, **ARCHIVE_NOT_AT_HAND})
    def get(self, request: Request) -> Response:
        """A customer's usage by one meter, true for every event accepted before the request.

        Windows are those of the customer's time zone. `open` while the end lies ahead, `final` once
        billed for good. 409 where events of that time rest in an archive that is not at hand.
        """
        query = self.query(UsageQuery)
        customers = Customer.objects.filter(project=self.project).select_related("project")
        customer = one(customers, "customer", external_id=query["customer"])
        meter = one(Meter.objects.filter(project=self.project), "meter", code=query["meter"])
        if query["to"] <= query["from"]:
            raise InvalidError("`to` must lie after `from`.", pointer="/to")
        rows = usage_rows(
            customer,
            meter,
            Interval(query["from"], query["to"]),
            size=query["window"],
            group_by=query["group_by"].split(",") if query.get("group_by") else [],
            at=clock.now(self.project),
        )
        return Response(UsageBody({"data": rows}).data)
