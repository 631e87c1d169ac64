"""What stands under an event's identity: the row itself is the record of duplicates."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from ingest.models import UsageEvent
from neruba.models import Project

IDS_A_QUERY = 1000

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
    for source, ids in by_source.items():
        ordered = sorted(ids)
        for first in range(0, len(ordered), IDS_A_QUERY):
            rows = UsageEvent.objects.filter(
                project=project, source=source, event_id__in=ordered[first : first + IDS_A_QUERY]
            ).order_by()
            for event_id, digest, at in rows.values_list(
                "event_id", "content_hash", "effective_at"
            ):
                found[source, event_id] = Stored(digest, at)
    return found
