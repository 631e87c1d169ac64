"""How far the order of arrival has come."""

from dataclasses import dataclass

from ingest.models import EventRetraction, UsageEvent
from neruba.models import Project


@dataclass(frozen=True, slots=True)
class ArrivalBound:
    """The highest event and retraction ids that count, inclusive; 0 where there is none."""

    event: int
    retraction: int


def counted_at(event: UsageEvent, bound: ArrivalBound) -> bool:
    """Whether the event had arrived by the bound, and was not retracted by then."""
    if event.pk > bound.event:
        return False
    retraction = EventRetraction.objects.filter(event=event).first()
    return retraction is None or retraction.pk > bound.retraction


def known_bound(project: Project) -> ArrivalBound:
    """The highest ids that are committed now. For previews: without the fence, a lower id may still
    come.
    """
    last_event = (
        UsageEvent.objects.filter(project=project)
        .order_by("-id")
        .values_list("id", flat=True)
        .first()
    )
    last_retraction = (
        EventRetraction.objects.filter(project=project)
        .order_by("-id")
        .values_list("id", flat=True)
        .first()
    )
    return ArrivalBound(last_event or 0, last_retraction or 0)
