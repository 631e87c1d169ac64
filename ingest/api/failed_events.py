"""Events that failed: to be sent again, mended or as they came, or to be discarded."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ingest.api.event_bodies import EVENT_SCHEMA, MAX_REASON, AcceptedBody
from ingest.models import FailedEvent
from ingest.services.resubmission import discard_failed, resubmit_failed
from neruba import clock
from neruba.api.fields import Strict, Text
from neruba.api.views import ProjectView, one


@extend_schema_field(EVENT_SCHEMA)
class EventObject(serializers.Field):  # type: ignore[type-arg]
    """A CloudEvent as it was decoded; whether it can be accepted is found out when it is sent."""

    default_error_messages = {"type": "An event is a JSON object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("type")
        return data


class ResubmitRequest(Strict):
    event = EventObject(required=False, help_text="The mended event. Left out: as it came.")
    reason = Text(max_length=MAX_REASON)


class DiscardRequest(Strict):
    reason = Text(max_length=MAX_REASON)


class DiscardedBody(serializers.Serializer[FailedEvent]):
    failed_id = serializers.CharField(source="body_hash")
    state = serializers.ChoiceField(choices=FailedEvent.State.choices)


class FailedEventView(ProjectView):
    """`failed_id` is the SHA-256 of the body: the same body has the same one."""

    def failed(self, failed_id: str) -> FailedEvent:
        rows = FailedEvent.objects.filter(project=self.project)
        found = one(rows, "failed event", body_hash=failed_id)
        found.project = self.project
        return found


class FailedEventResubmit(FailedEventView):
    scopes = {"POST": "usage:write"}

    @extend_schema(request=ResubmitRequest, responses={200: AcceptedBody, 201: AcceptedBody})
    def post(self, request: Request, failed_id: str) -> Response:
        """201 accepted, 200 a duplicate; the failed event is then `resubmitted`. 400 it still
        fails, 409 its identity stands with other content, or it is not open: then nothing changed.
        """
        given = self.body(ResubmitRequest)
        done = resubmit_failed(
            failed=self.failed(failed_id),
            event=given.get("event"),
            actor=self.actor,
            reason=given["reason"],
            at=clock.now(self.project),
        )
        body = {
            "id": done.event.event_id,
            "source": done.event.source,
            "outcome": "duplicate" if done.is_duplicate else "accepted",
        }
        return Response(body, status=200 if done.is_duplicate else 201)


class FailedEventDiscard(FailedEventView):
    scopes = {"POST": "usage:write"}

    @extend_schema(request=DiscardRequest, responses=DiscardedBody)
    def post(self, request: Request, failed_id: str) -> Response:
        """It will not be sent again, and stays readable. 409 where it is not open."""
        given = self.body(DiscardRequest)
        failed = discard_failed(
            failed=self.failed(failed_id),
            actor=self.actor,
            reason=given["reason"],
            at=clock.now(self.project),
        )
        return Response(DiscardedBody(failed).data)
