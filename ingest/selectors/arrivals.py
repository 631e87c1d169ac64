"""What arrived that others may not have seen yet."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date, datetime

from django.db.models import QuerySet

from ingest.models import DirtyMark, EventRetraction, UsageEvent
from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.raw import Stream
from neruba.models import Customer, Project


def unread_days(
    project: Project, customers: Collection[int] | QuerySet[Customer]
) -> dict[Stream, set[date]]:
    """The UTC days in which usage of these customers changed since their windows were built."""
    days: dict[Stream, set[date]] = defaultdict(set)
    rows = DirtyMark.objects.filter(project=project, subject__customer__in=customers)
    for subject_id, kind, day in rows.values_list("subject_id", "type", "day").distinct():
        days[Stream(subject_id, kind)].add(day)
    return dict(days)


def arrived_after(
    bound: ArrivalBound, *, project: Project, customers: Collection[int], before: datetime
) -> Iterator[tuple[Stream, datetime]]:
    """Each event of these customers that came, or was retracted, beyond the bound, and happened
    before `before`: its stream and its time.
    """
    of_customers = UsageEvent.objects.filter(
        project=project, subject__customer__in=customers, effective_at__lt=before
    )
    retracted = EventRetraction.objects.filter(project=project, id__gt=bound.retraction)
    for rows in (
        of_customers.filter(id__gt=bound.event),
        of_customers.filter(retraction__in=retracted),
    ):
        columns = ("subject_id", "type", "effective_at")
        for subject_id, kind, effective_at in rows.order_by().values_list(*columns).iterator():
            yield Stream(subject_id, kind), effective_at


def projects_with_marks() -> list[int]:
    """The ids of the projects in which windows are behind."""
    rows = DirtyMark.objects.order_by("project").values_list("project_id", flat=True)
    return list(rows.distinct())


def marked_subjects(project: Project, *, after: int, limit: int) -> list[int]:
    """Up to `limit` ids above `after` of subjects whose windows are behind, in order."""
    rows = DirtyMark.objects.filter(project=project, subject_id__gt=after).order_by("subject_id")
    return list(rows.values_list("subject_id", flat=True).distinct()[:limit])
