"""Bodies that were refused as events, kept to be seen, mended and sent again."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from ingest.models import FailedEvent
from ingest.normalize import MAX_IDENTIFIER, EventError, body_text
from neruba.inserts import insert_rows
from neruba.models import Project

HASHES_A_QUERY = 500
COLUMNS = (
    *("project_id", "body_hash", "body", "source", "event_id", "type", "subject", "code", "detail"),
    *("count", "first_seen_at", "last_seen_at", "state"),
)


@dataclass(frozen=True, slots=True)
class Refused:
    """A body and the first fault found in it."""

    body: object
    error: EventError


def keep_failed(*, project: Project, refused: Sequence[Refused], at: datetime) -> None:
    """Keep each distinct body once, with a count of how often it came; what an operator decided on
    it stays.
    """
    texts = [body_text(one.body) for one in refused]
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    times = Counter(hashes)
    rows = {
        digest: _row(one, text) for digest, one, text in zip(hashes, refused, texts, strict=True)
    }
    known = _known(project, times)
    while missing := sorted(times.keys() - known.keys()):
        try:
            with transaction.atomic():
                insert_rows(
                    FailedEvent,
                    COLUMNS,
                    [
                        (
                            project.pk,
                            digest,
                            *rows[digest],
                            times[digest],
                            at,
                            at,
                            FailedEvent.State.OPEN,
                        )
                        for digest in missing
                    ],
                )
            break
        except IntegrityError:
            before, known = known, _known(project, times)
            if before == known:
                raise
    by_times: dict[int, list[int]] = defaultdict(list)
    for digest, pk in known.items():
        by_times[times[digest]].append(pk)
    for more, pks in sorted(by_times.items()):
        FailedEvent.objects.filter(pk__in=pks).update(count=F("count") + more, last_seen_at=at)


def _known(project: Project, times: Mapping[str, int]) -> dict[str, int]:
    ordered = sorted(times)
    found: dict[str, int] = {}
    for first in range(0, len(ordered), HASHES_A_QUERY):
        part = ordered[first : first + HASHES_A_QUERY]
        rows = FailedEvent.objects.filter(project=project, body_hash__in=part).order_by()
        found.update(rows.values_list("body_hash", "id"))
    return found


def _row(one: Refused, text: str) -> tuple[str, ...]:
    names = (named(one.body, name) for name in ("source", "id", "type", "subject"))
    return (text, *names, one.error.code, one.error.detail)


def named(body: object, name: str) -> str:
    """An attribute of a body that may be anything, for people: cut to what its column holds."""
    value = body.get(name) if isinstance(body, dict) else None
    return value[:MAX_IDENTIFIER] if isinstance(value, str) else ""
