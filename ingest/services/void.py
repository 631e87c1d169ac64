"""Voiding: an event stays, and stops counting."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from ingest.locks import share_arrival
from ingest.models import EventRetraction, UsageEvent
from ingest.selectors.raw import Stream
from ingest.services.marks import mark_dirty
from neruba.actor import Actor
from neruba.errors import InvalidError, NotFoundError
from neruba.models import Project
from neruba.services.audit import record


@dataclass(frozen=True, slots=True)
class Voided:
    """The retraction, and whether it stood before."""

    retraction: EventRetraction
    replayed: bool


def void_event(
    *, project: Project, source: str, event_id: str, reason: str, actor: Actor, at: datetime
) -> Voided:
    """Retract an event from here on in the order of arrival; bounds taken before still count it.

    Idempotent: the first retraction stands, with its reason. Raises NotFoundError where the project
    has no such event, InvalidError without a reason.
    """
    if not reason.strip():
        raise InvalidError("A reason is needed.", pointer="/reason")
    with transaction.atomic():
        event = UsageEvent.objects.filter(project=project, source=source, event_id=event_id).first()
        if event is None:
            raise NotFoundError("There is no such event in this project.")
        share_arrival(project)
        try:
            with transaction.atomic():
                retraction = EventRetraction.objects.create(
                    project=project,
                    event=event,
                    kind=EventRetraction.Kind.VOID,
                    actor=actor.name,
                    reason=reason,
                    recorded_at=at,
                )
        except IntegrityError:
            return Voided(EventRetraction.objects.get(event=event), replayed=True)
        mark_dirty(project, [(Stream(event.subject_id, event.type), event.effective_at)])
        record(
            project=project,
            actor=actor,
            action="event.voided",
            on=("usage_event", f"{source} {event_id}"[:255]),
            at=at,
            reason=reason,
            details={"source": source, "id": event_id},
        )
    return Voided(retraction, replayed=False)
