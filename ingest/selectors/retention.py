"""Which events are old enough for an archive, and what still needs them.

Apps further left know more of what needs usage than this app may import, and register it here from
their `AppConfig.ready`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from django.conf import settings
from django.db import connection

from ingest.archive_files import ArchivedEvent
from ingest.errors import RetentionError
from ingest.models import DirtyMark, UsageEvent
from neruba.models import Project
from neruba.period import rfc3339

ROWS_A_QUERY = 1000

# In words, what still needs events that happened before an instant.
Need = Callable[[Project, datetime], Iterator[str]]

_needs: list[Need] = []


def register_need(need: Need) -> None:
    """Tell retention what still needs events of a time."""
    if need not in _needs:
        _needs.append(need)


def refuse_if_needed(project: Project, *, before: datetime, at: datetime) -> None:
    """Raise RetentionError, with what stands in the way, unless nothing needs events that happened
    before `before`; `at` is the project's time.
    """
    reasons = list(_reasons(project, before, at))
    if reasons:
        raise RetentionError(f"Events before {rfc3339(before)} stay: " + "; ".join(reasons) + ".")


def _reasons(project: Project, before: datetime, at: datetime) -> Iterator[str]:
    youngest = at - timedelta(days=settings.RETENTION_MIN_DAYS)
    if before > youngest:
        yield (
            f"events stay for {settings.RETENTION_MIN_DAYS} days (NERUBA_RETENTION_MIN_DAYS), "
            f"which is back to {rfc3339(youngest)}"
        )
    last = (before - timedelta(microseconds=1)).astimezone(UTC).date()
    unread = DirtyMark.objects.filter(project=project, day__lte=last).order_by("day")
    first = unread.values_list("day", flat=True).first()
    if first is not None:
        yield (
            f"usage of {first} has changed and is not yet in the windows "
            "(a worker rebuilds them; a billing run looks at what is late)"
        )
    for need in _needs:
        yield from need(project, before)


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC, `[start, end)` as far as it is to be archived, and how many events
    of it are not.
    """

    name: str
    start: datetime
    end: datetime
    events: int


def months_to_archive(project: Project, *, before: datetime) -> list[Month]:
    """The months that have events before `before` with their data, the oldest first; one pass over
    the project's events.
    """
    # The instant as text begins with its month, in UTC, on both databases.
    month = "SUBSTR(CAST(effective_at AS CHAR), 1, 7)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {month}, COUNT(*) FROM {UsageEvent._meta.db_table} "  # noqa: S608
            "WHERE project_id = %s AND archive_id IS NULL AND effective_at < %s "
            f"GROUP BY {month} ORDER BY 1",
            [project.pk, _stored(before)],
        )
        rows = cursor.fetchall()
    months = []
    for name, events in rows:
        start = datetime.strptime(f"{name}-01", "%Y-%m-%d").replace(tzinfo=UTC)
        end = (start + timedelta(days=31)).replace(day=1)
        months.append(Month(name, start, min(end, before), events))
    return months


def _stored(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(" ").removesuffix("+00:00")


class Key(NamedTuple):
    """An event that is to be archived: its place in the file, and its id."""

    subject_id: int
    type: str
    effective_at: datetime
    id: int


def next_keys(project: Project, month: Month, *, after: Key | None, limit: int) -> list[Key]:
    """Up to `limit` events of the month that have their data, ordered by subject, type and time:
    what is read together lies together. `after` is the last one that was archived before.
    """
    rows = UsageEvent.objects.filter(
        project=project,
        effective_at__gte=month.start,
        effective_at__lt=month.end,
        archive__isnull=True,
    )
    if after is not None:
        rows = rows.filter(subject_id__gte=after.subject_id)
    ordered = rows.order_by("subject_id", "type", "effective_at", "id")
    return [Key(*row) for row in ordered.values_list(*Key._fields)[:limit]]


def archived_events(project: Project, keys: Sequence[Key]) -> Iterator[ArchivedEvent]:
    """The lines of these events, in the order of the keys."""
    columns = ("id", "content_hash", "data", "extensions", "event_id", "source", "type")
    for first in range(0, len(keys), ROWS_A_QUERY):
        part = keys[first : first + ROWS_A_QUERY]
        rows = UsageEvent.objects.filter(project=project, id__in=[key.id for key in part])
        found = {row[0]: row for row in rows.order_by().values_list(*columns)}
        for key in part:
            _, digest, data, extensions, event_id, source, kind = found[key.id]
            yield ArchivedEvent(
                arrival=key.id,
                content_hash=digest.hex(),
                data=msgspec.Raw(data.encode()),
                extensions=msgspec.Raw(extensions.encode()),
                id=event_id,
                source=source,
                time=rfc3339(key.effective_at),
                type=kind,
            )
