"""Events: sending, voiding, reading."""

from collections import Counter
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ingest.api.event_bodies import (
    ARCHIVE_NOT_AT_HAND,
    BATCH_SCHEMA,
    EVENT_SCHEMA,
    OUTCOMES,
    AcceptedBody,
    BatchBody,
    BatchQuery,
    EventBody,
    EventDetailBody,
    EventQuery,
    IdentityQuery,
    RetractionBody,
    VoidBody,
    VoidRequest,
    failed_bodies,
)
from ingest.api.parsers import (
    CLOUD_EVENT,
    CLOUD_EVENT_BATCH,
    CloudEventBatchParser,
    CloudEventParser,
)
from ingest.api.renderers import ExactJSONRenderer
from ingest.selectors.events import events_of, failed_events_of
from ingest.selectors.trace import traces_of, windows_of
from ingest.services.events import Outcome, accept_events
from ingest.services.void import void_event
from neruba import clock
from neruba.api.parsers import StrictJSONParser
from neruba.api.problems import CONTENT_TYPE, PayloadTooLargeError, problem
from neruba.api.views import ProjectView, one
from neruba.errors import InvalidError

MAX_EVENTS = 5000
MAX_BATCH_BYTES = 5 * 1024 * 1024
STATUSES = {"accepted": 201, "duplicate": 200, "conflict": 409, "failed": 400}


def _is_cloud_event(request: Request) -> bool:
    content_type = (request.content_type or "").partition(";")[0].strip().lower()
    return content_type in {CLOUD_EVENT, CLOUD_EVENT_BATCH}


class EventList(ProjectView):
    scopes = {"GET": "usage:read", "POST": "usage:write"}
    parser_classes = [StrictJSONParser, CloudEventParser]
    renderer_classes = [ExactJSONRenderer]

    @extend_schema(parameters=[EventQuery], responses=EventBody(many=True))
    def get(self, request: Request) -> Response:
        """Accepted events in the order of arrival; `outcome=voided` those that stopped counting;
        `outcome=failed` the bodies that were refused, each with the `failed_id` by which it is
        resubmitted or discarded; there `from` and `to` are when they last came.
        """
        query = self.query(EventQuery)
        chosen: dict[str, Any] = {
            "subject": query.get("subject"),
            "kind": query.get("type"),
            "start": query.get("from"),
            "end": query.get("to"),
        }
        if query["outcome"] == "failed":
            return self.listed(failed_events_of(self.project, **chosen), failed_bodies)
        rows = events_of(self.project, **chosen, voided=query["outcome"] == "voided")
        return self.listed(rows, EventBody)

    @extend_schema(
        request={"application/json": EVENT_SCHEMA, CLOUD_EVENT: EVENT_SCHEMA},
        responses={200: AcceptedBody, 201: AcceptedBody},
    )
    def post(self, request: Request) -> Response:
        """201 accepted, 200 a duplicate, 409 a conflict, 400 failed; a failed event is kept for an
        operator.
        """
        if isinstance(request.data, list):
            raise InvalidError("An event is an object; a list of them goes to /events/batch.")
        outcome = accept_events(
            project=self.project,
            bodies=[request.data],
            at=clock.now(self.project),
            specversion_required=_is_cloud_event(request),
        )[0]
        status = STATUSES[outcome.outcome]
        named = {"id": outcome.id, "source": outcome.source, "outcome": outcome.outcome}
        if outcome.outcome in {"accepted", "duplicate"}:
            return Response(named, status=status)
        # Answered, not raised: that the event failed is kept in this transaction.
        body = problem(status, outcome.code, outcome.detail, **named)
        return Response(body, status=status, content_type=CONTENT_TYPE)


class EventBatch(ProjectView):
    scopes = {"POST": "usage:write"}
    parser_classes = [StrictJSONParser, CloudEventBatchParser]
    renderer_classes = [ExactJSONRenderer]
    max_body = MAX_BATCH_BYTES

    @extend_schema(
        parameters=[BatchQuery],
        request={"application/json": BATCH_SCHEMA, CLOUD_EVENT_BATCH: BATCH_SCHEMA["oneOf"][0]},
        responses=BatchBody,
    )
    def post(self, request: Request) -> Response:
        """Up to 5,000 events or 5 MiB. The good ones are stored whatever the others are; the answer
        comes after the commit, so that sending the same batch again after a time-out is safe.
        """
        query = self.query(BatchQuery)
        outcomes = accept_events(
            project=self.project,
            bodies=_bodies(request.data),
            at=clock.now(self.project),
            specversion_required=_is_cloud_event(request),
        )
        counts = Counter[str](outcome.outcome for outcome in outcomes)
        return Response(
            {
                **{name: counts[name] for name in OUTCOMES},
                "results": [
                    _result(outcome)
                    for outcome in outcomes
                    if query["results"] == "all" or outcome.outcome != "accepted"
                ],
            }
        )


def _bodies(data: object) -> list[object]:
    events = data
    if isinstance(data, dict):
        unknown = sorted(data.keys() - {"events"})
        if unknown:
            raise InvalidError("Unknown field.", pointer=f"/{unknown[0]}")
        events = data.get("events")
    if not isinstance(events, list):
        raise InvalidError("Expected a list of events.", pointer="/events")
    if len(events) > MAX_EVENTS:
        raise PayloadTooLargeError(f"A batch has at most {MAX_EVENTS} events.")
    return events


def _result(outcome: Outcome) -> dict[str, object]:
    return {
        "index": outcome.index,
        "source": outcome.source,
        "id": outcome.id,
        "outcome": outcome.outcome,
        "detail": outcome.detail,
    }


class EventVoid(ProjectView):
    scopes = {"POST": "usage:write"}

    @extend_schema(request=VoidRequest, responses=VoidBody)
    def post(self, request: Request) -> Response:
        """The event stays, and stops counting. Voiding it again changes nothing and answers the
        first reason.
        """
        given = self.body(VoidRequest)
        voided = void_event(
            project=self.project,
            source=given["source"],
            event_id=given["id"],
            reason=given["reason"],
            actor=self.actor,
            at=clock.now(self.project),
        )
        return Response(
            {
                "id": given["id"],
                "source": given["source"],
                "outcome": "voided",
                "retraction": RetractionBody(voided.retraction).data,
            }
        )


class EventDetail(ProjectView):
    scopes = {"GET": "usage:read"}
    renderer_classes = [ExactJSONRenderer]

    @extend_schema(
        parameters=[IdentityQuery], responses={200: EventDetailBody, **ARCHIVE_NOT_AT_HAND}
    )
    def get(self, request: Request) -> Response:
        """One event with every window, invoice line and correction that it ever counted in."""
        query = self.query(IdentityQuery)
        rows = events_of(self.project).select_related(
            "subject__customer", "project", "archive__project"
        )
        event = one(rows, "event", source=query["source"], event_id=query["id"])
        event.windows = windows_of(event)  # type: ignore[attr-defined]
        for name, found in traces_of(event).items():
            setattr(event, name, found)
        return Response(EventDetailBody(event).data)
