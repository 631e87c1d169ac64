"""The audit history of a project."""

import json
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from neruba.api.base import ListQuery
from neruba.api.fields import Identifier, Instant
from neruba.api.views import ProjectView
from neruba.models import AuditRecord

# The names of the query and what they compare.
FILTERS = {
    "actor": "actor",
    "action": "action",
    "object_type": "object_type",
    "object_id": "object_id",
    "from": "recorded_at__gte",
    "to": "recorded_at__lt",
}


class ActorBody(serializers.Serializer[AuditRecord]):
    kind = serializers.CharField(source="actor_kind", help_text="operator, api_key or system")
    name = serializers.CharField(source="actor")


class ObjectBody(serializers.Serializer[AuditRecord]):
    type = serializers.CharField(source="object_type")
    id = serializers.CharField(source="object_id")


class AuditBody(serializers.Serializer[AuditRecord]):
    at = Instant(help_text="The project's time.")
    recorded_at = Instant(help_text="The real time.")
    actor = ActorBody(source="*")
    action = serializers.CharField()
    object = ObjectBody(source="*")
    reason = serializers.CharField()
    origin = serializers.CharField(help_text="The address that it came from.")
    request_id = serializers.CharField()
    details = serializers.SerializerMethodField()

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_details(self, row: AuditRecord) -> Any:
        return json.loads(row.details)


class AuditQuery(ListQuery):
    actor = Identifier(required=False)
    action = Identifier(required=False, max_length=64)
    object_type = Identifier(required=False, max_length=64)
    object_id = Identifier(required=False)
    to = Instant(required=False)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python.
        return {**super().get_fields(), "from": Instant(required=False)}


class AuditList(ProjectView):
    scopes = {"GET": "admin"}

    @extend_schema(
        parameters=[AuditQuery], responses=AuditBody(many=True), operation_id="audit_list"
    )
    def get(self, request: Request) -> Response:
        """What people and keys did in the project, oldest first; `from` and `to` bound the real
        time.
        """
        query = self.query(AuditQuery)
        wanted = {path: query[name] for name, path in FILTERS.items() if name in query}
        return self.listed(AuditRecord.objects.filter(project=self.project, **wanted), AuditBody)
