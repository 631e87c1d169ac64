"""What stands under an event's identity: the row itself is the record of duplicates."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import connection

from ingest.models import UsageEvent
from neruba.models import Project

IDS_A_QUERY = 1000
LOOK_UP = (
    f"SELECT event_id, content_hash, effective_at FROM {UsageEvent._meta.db_table} "  # noqa: S608
    "WHERE project_id = %s AND source = %s AND event_id IN"
)

Identity = tuple[str, str]  # source, event id


class Stored(NamedTuple):
    """An accepted event, as far as a repeat is compared with it."""

    content_hash: bytes
    effective_at: datetime


def stored_events(project: Project, identities: Iterable[Identity]) -> dict[Identity, Stored]:
    """The accepted events among these identities."""
    by_source: dict[str, set[str]] = defaultdict(set)
    for source, event_id in identities:
        by_source[source].add(event_id)
    found: dict[Identity, Stored] = {}
    # Not through the ORM, which prepares each of a thousand ids on its own.
    with connection.cursor() as cursor:
        for source, ids in by_source.items():
            ordered = sorted(ids)
            for first in range(0, len(ordered), IDS_A_QUERY):
                part = ordered[first : first + IDS_A_QUERY]
                marks = ", ".join(["%s"] * len(part))
                cursor.execute(f"{LOOK_UP} ({marks})", [project.pk, source, *part])
                for event_id, digest, at in cursor.fetchall():
                    found[source, event_id] = Stored(bytes(digest), _instant(at))
    return found


def _instant(stored: datetime | str) -> datetime:
    """SQLite gives it as text; both without the zone, which is UTC."""
    naive = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return naive.replace(tzinfo=UTC)
