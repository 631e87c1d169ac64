"""Meters."""

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ingest.aggregation.registry import AGGREGATIONS
from ingest.aggregation.rounding import LOWEST_PLACES, MODES, Rounding
from ingest.models import Meter
from ingest.services.meters import create_meter
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Flag, Identifier, Instant, Strict, Text, Whole
from neruba.api.views import ProjectView, one
from neruba.canonical import MAX_INTEGER
from neruba.decimals import QUANTITY_PLACES

MAX_FILTERS = 20
MAX_VALUES = 100
MAX_GROUPS = 10


@extend_schema_field(OpenApiTypes.ANY)
class FilterValue(serializers.Field):  # type: ignore[type-arg]
    """A string, a whole number, a boolean or null."""

    default_error_messages = {"invalid": "Expected a string, a whole number, a boolean or null."}

    def to_internal_value(self, data: object) -> object:
        if isinstance(data, Decimal | list | dict) or (
            isinstance(data, int) and abs(data) > MAX_INTEGER
        ):
            self.fail("invalid")
        return data

    def to_representation(self, value: object) -> object:
        return value


class FilterBody(Strict):
    property = Identifier()

    def get_fields(self) -> dict[str, Any]:
        values = serializers.ListField(
            child=FilterValue(allow_null=True), allow_empty=False, max_length=MAX_VALUES
        )
        return {**super().get_fields(), "in": values}


ROUNDING_MODES = list(MODES)


class RoundingBody(Strict):
    """`half_up` rounds a half away from zero, `up` never goes down, `down` never up; negative
    places are tens, hundreds and so on.
    """

    mode = serializers.ChoiceField(choices=ROUNDING_MODES)
    places = Whole(min_value=LOWEST_PLACES, max_value=QUANTITY_PLACES)


class MeterBody(serializers.Serializer[Meter]):
    code = serializers.CharField()
    name = serializers.CharField()
    event_type = serializers.CharField()
    aggregation = serializers.ChoiceField(choices=tuple(AGGREGATIONS))
    value_property = serializers.CharField()
    filters = FilterBody(many=True)
    group_by = serializers.ListField(child=serializers.CharField())
    carry_over = serializers.BooleanField()
    rounding = serializers.SerializerMethodField()
    created_at = Instant()

    @extend_schema_field(RoundingBody(allow_null=True))
    def get_rounding(self, meter: Meter) -> dict[str, Any] | None:
        if not meter.rounding_mode:
            return None
        return {"mode": meter.rounding_mode, "places": meter.rounding_places}


class MeterRequest(Strict):
    code = Identifier()
    name = Text(max_length=255, required=False)
    event_type = Identifier()
    aggregation = serializers.ChoiceField(choices=tuple(AGGREGATIONS))
    value_property = Identifier(required=False, allow_null=True, allow_blank=True, default="")
    filters = serializers.ListField(
        child=FilterBody(), required=False, allow_null=True, default=list, max_length=MAX_FILTERS
    )
    group_by = serializers.ListField(
        child=Identifier(), required=False, allow_null=True, default=list, max_length=MAX_GROUPS
    )
    carry_over = Flag(required=False, default=False)
    rounding = RoundingBody(required=False, allow_null=True, default=None)

    def validate_group_by(self, names: list[str] | None) -> list[str]:
        if names and len(set(names)) != len(names):
            raise serializers.ValidationError("A property is named twice.", "duplicate")
        return names or []


class MeterList(ProjectView):
    scopes = {"GET": "billing:read", "POST": "billing:write"}

    @extend_schema(parameters=[ListQuery], responses=MeterBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        rows = Meter.objects.filter(project=self.project)
        return self.listed(rows, MeterBody)

    @extend_schema(request=MeterRequest, responses={200: MeterBody, 201: MeterBody})
    def post(self, request: Request) -> Response:
        """The same content again answers the meter that stands (200); another content is a 409."""
        given = self.body(MeterRequest)
        created = create_meter(
            project=self.project,
            code=given["code"],
            name=given.get("name", given["code"]),
            event_type=given["event_type"],
            aggregation=given["aggregation"],
            value_property=given["value_property"] or "",
            filters=given["filters"] or [],
            group_by=given["group_by"],
            carry_over=given["carry_over"],
            rounding=Rounding(**given["rounding"]) if given["rounding"] else None,
            actor=self.actor,
            at=clock.now(self.project),
        )
        return Response(MeterBody(created.meter).data, status=200 if created.replayed else 201)


class MeterDetail(ProjectView):
    scopes = {"GET": "billing:read"}

    @extend_schema(responses=MeterBody)
    def get(self, request: Request, code: str) -> Response:
        return Response(
            MeterBody(one(Meter.objects.filter(project=self.project), "meter", code=code)).data
        )
