"""Events as the API shows and takes them."""

from collections.abc import Iterable
from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ingest.models import EventRetraction, FailedEvent, UsageEvent
from ingest.normalize import MAX_IDENTIFIER
from ingest.services.events import Outcome
from neruba.api.base import ListQuery
from neruba.api.fields import Identifier, Instant, Strict, Text
from neruba.api.problems import CONTENT_TYPE
from neruba.api.schema import PROBLEM
from neruba.period import rfc3339

MAX_REASON = 1000
OUTCOMES = ("accepted", "duplicate", "conflict", "failed")
LISTED = ("accepted", "voided", "failed")

# Of a read that needs what archived events carried.
ARCHIVE_NOT_AT_HAND = {(409, CONTENT_TYPE): PROBLEM}

_name = {"type": "string", "minLength": 1, "maxLength": MAX_IDENTIFIER}
EVENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A CloudEvent 1.0. Further attributes are extensions: kept, but no content.",
    "required": ["id", "source", "type", "subject"],
    "properties": {
        "specversion": {
            "type": "string",
            "enum": ["1.0"],
            "description": "Only application/json may leave it out.",
        },
        "id": _name,
        "source": _name,
        "type": _name,
        "subject": {**_name, "description": "The customer's external_id."},
        "time": {
            "type": "string",
            "format": "date-time",
            "description": "Left out: the time of arrival.",
        },
        "subscription": {**_name, "description": "The one subscription that bills it."},
        "data": {
            "type": "object",
            "additionalProperties": {
                "nullable": True,
                "oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}],
            },
        },
    },
    "additionalProperties": {
        "oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]
    },
}
BATCH_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {"type": "array", "items": EVENT_SCHEMA},
        {
            "type": "object",
            "required": ["events"],
            "properties": {"events": {"type": "array", "items": EVENT_SCHEMA}},
        },
    ]
}


class AcceptedBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    outcome = serializers.ChoiceField(choices=OUTCOMES)


class ResultBody(serializers.Serializer[Outcome]):
    index = serializers.IntegerField(help_text="Place in the batch, from 0.")
    source = serializers.CharField()  # type: ignore[assignment]
    id = serializers.CharField()
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    detail = serializers.CharField()


class BatchBody(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    conflict = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = ResultBody(many=True)


class BatchQuery(Strict):
    results = serializers.ChoiceField(
        choices=["rejected", "all"],
        required=False,
        default="rejected",
        help_text="`rejected`: what was not accepted.",
    )


class VoidRequest(Strict):
    source = Identifier()  # type: ignore[assignment]
    id = Identifier()
    reason = Text(max_length=MAX_REASON)


class RetractionBody(serializers.Serializer[Any]):
    kind = serializers.CharField()
    actor = serializers.CharField()
    reason = serializers.CharField()
    recorded_at = Instant()


class VoidBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    outcome = serializers.CharField(help_text="voided")
    retraction = RetractionBody()


class EventQuery(ListQuery):
    subject = Identifier(required=False)
    type = Identifier(required=False)
    to = Instant(required=False)
    outcome = serializers.ChoiceField(choices=LISTED, required=False, default="accepted")

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": Instant(required=False)}


class IdentityQuery(Strict):
    source = Identifier()  # type: ignore[assignment]
    id = Identifier()


@extend_schema_field({"type": "object", "additionalProperties": {}})
class FlatObject(serializers.Field):  # type: ignore[type-arg]
    """Canonical JSON, written as it stands."""

    def to_representation(self, value: str) -> msgspec.Raw:
        return msgspec.Raw(value.encode())


@extend_schema_field({"type": "object", "nullable": True, "additionalProperties": {}})
class ArchivableObject(FlatObject):
    """Canonical JSON, or null while it rests in an archive."""

    def to_representation(self, value: str) -> msgspec.Raw:
        return super().to_representation(value or "null")


class EventBody(serializers.Serializer[UsageEvent]):
    """An accepted event."""

    id = serializers.CharField(source="event_id")
    source = serializers.CharField()  # type: ignore[assignment]
    type = serializers.CharField()
    subject = serializers.CharField(source="subject.external_id")
    time = Instant(source="effective_at")
    data = ArchivableObject(  # type: ignore[assignment]
        help_text="Null while it rests in an archive; `GET /events/one` reads it there."
    )
    subscription = serializers.CharField(help_text="Empty: none was named.")
    extensions = ArchivableObject(help_text="Null while they rest in an archive.")
    received_at = Instant()
    content_hash = serializers.SerializerMethodField()
    outcome = serializers.SerializerMethodField()
    retraction = serializers.SerializerMethodField()

    def get_content_hash(self, event: UsageEvent) -> str:
        return event.content_hash.hex()

    def get_outcome(self, event: UsageEvent) -> str:
        if not hasattr(event, "retraction"):
            return "accepted"
        is_void = event.retraction.kind == EventRetraction.Kind.VOID
        return "voided" if is_void else str(event.retraction.kind)

    @extend_schema_field(RetractionBody(allow_null=True))
    def get_retraction(self, event: UsageEvent) -> dict[str, Any] | None:
        return dict(RetractionBody(event.retraction).data) if hasattr(event, "retraction") else None


class WindowBody(serializers.Serializer[Any]):
    start = Instant()
    end = Instant()


class EventWindowBody(serializers.Serializer[Any]):
    meter = serializers.CharField(source="meter.code")
    zone = serializers.CharField()
    day = serializers.DateField()
    window = WindowBody(source="hours")
    group = FlatObject()


class EventDetailBody(EventBody):
    """With everything that the event counts in, or counted in until it was voided."""

    windows = EventWindowBody(many=True)
    invoice_lines = serializers.ListField(child=serializers.DictField())
    corrections = serializers.ListField(child=serializers.DictField())


def failed_bodies(rows: Iterable[FailedEvent]) -> list[dict[str, Any]]:
    """Failed events: what was sent, why it failed, and how often it came."""
    return [
        {
            "failed_id": row.body_hash,
            "id": row.event_id,
            "source": row.source,
            "type": row.type,
            "subject": row.subject,
            "outcome": "failed",
            "code": row.code,
            "detail": row.detail,
            "count": row.count,
            "first_seen_at": rfc3339(row.first_seen_at),
            "last_seen_at": rfc3339(row.last_seen_at),
            "state": row.state,
            "body": msgspec.Raw(row.body.encode()),
        }
        for row in rows
    ]
