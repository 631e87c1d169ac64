"""Lists of events, for people and callers."""

from datetime import datetime

from django.db.models import QuerySet

from ingest.models import EventRetraction, FailedEvent, UsageEvent
from neruba.models import Project, Subject


def events_of(
    project: Project,
    *,
    subject: str | None = None,
    kind: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    voided: bool | None = None,
) -> QuerySet[UsageEvent]:
    """The project's events with their subjects and retractions, by whom, type and time `[start,
    end)`.

    `voided`: only those that are, or only those that still count; None: all.
    """
    rows = UsageEvent.objects.filter(project=project).select_related("subject", "retraction")
    if subject is not None:
        rows = rows.filter(subject__in=Subject.objects.filter(project=project, external_id=subject))
    if kind is not None:
        rows = rows.filter(type=kind)
    if start is not None:
        rows = rows.filter(effective_at__gte=start)
    if end is not None:
        rows = rows.filter(effective_at__lt=end)
    if voided is None:
        return rows
    if voided:
        return rows.filter(retraction__kind=EventRetraction.Kind.VOID)
    return rows.filter(retraction=None)


def failed_events_of(
    project: Project,
    *,
    subject: str | None = None,
    kind: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> QuerySet[FailedEvent]:
    """The bodies that were refused; `[start, end)` is when they last came, since they may name no
    time.
    """
    rows = FailedEvent.objects.filter(project=project)
    given = {"subject": subject, "type": kind, "last_seen_at__gte": start, "last_seen_at__lt": end}
    return rows.filter(**{name: value for name, value in given.items() if value is not None})
