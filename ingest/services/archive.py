"""Retention: what old events carried moves to files, and back. The rows of the events stay.

The algorithm stands in docs/retention.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

from ingest.aggregation.state import CHECKSUM_MODULUS, DIGEST_BYTES
from ingest.archive_files import (
    ArchivedEvent,
    Written,
    WrongBytesError,
    read_archive,
    write_archive,
)
from ingest.errors import ArchiveDamagedError, ArchiveMissingError
from ingest.models import EventArchive, EventRetraction, UsageEvent
from ingest.selectors.archives import archive_folder
from ingest.selectors.retention import (
    Key,
    Month,
    archived_events,
    months_to_archive,
    next_keys,
    refuse_if_needed,
)
from neruba.actor import Actor
from neruba.append_only import purging
from neruba.edge import run_atomic
from neruba.errors import ConflictError, InvariantError, NotFoundError
from neruba.models import Project
from neruba.services.audit import record
from neruba.updates import update_rows

EVENTS_A_FILE = 20_000
ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Archived:
    """A file that was written, and how many events it holds."""

    archive: EventArchive
    events: int


def archive_events(
    *, project: Project, before: datetime, reason: str, actor: Actor, at: datetime
) -> Iterator[Archived]:
    """Move what events carried that happened before `before` into files, month by month; yield each
    file when its events rest in it.

    Each file is complete on the disk, and read again, before the transaction that empties its rows;
    so a crash loses nothing, and the same call again goes on where it stopped. Memory holds one
    file's events at most. Raises RetentionError where something still needs them. `at` is the
    project's time. Call outside of a transaction.
    """
    refuse_if_needed(project, before=before, at=at)
    for month in months_to_archive(project, before=before):
        last: Key | None = None
        while keys := next_keys(project, month, after=last, limit=EVENTS_A_FILE):
            last = keys[-1]
            written = write_archive(
                archive_folder(project), month.name, archived_events(project, keys)
            )
            store = partial(
                _store,
                project=project,
                month=month,
                keys=keys,
                written=written,
                reason=reason,
                actor=actor,
                at=at,
            )
            yield Archived(run_atomic(store), len(keys))


def _store(
    *,
    project: Project,
    month: Month,
    keys: Sequence[Key],
    written: Written,
    reason: str,
    actor: Actor,
    at: datetime,
) -> EventArchive:
    # What was free when the file was written may be needed by now.
    refuse_if_needed(project, before=month.end, at=at)
    archive = EventArchive.objects.filter(project=project, file=written.file).first()
    if archive is None:
        archive = EventArchive.objects.create(
            project=project,
            file=written.file,
            sha256=written.sha256,
            size=written.size,
            first_at=min(key.effective_at for key in keys),
            last_at=max(key.effective_at for key in keys),
            events=len(keys),
            retracted=_retracted(keys),
            checksum=_checksum(project, keys),
            actor=actor.name,
            made_at=at,
        )
    emptied = 0
    with purging():
        for part in _parts(keys):
            rows = UsageEvent.objects.filter(project=project, id__in=part, archive__isnull=True)
            emptied += rows.update(data="", extensions="", archive=archive)
    if emptied != len(keys):
        raise ConflictError("Someone else is archiving these events: nothing was changed.")
    _note(archive, "events.archived", reason=reason, actor=actor, at=at)
    return archive


def _retracted(keys: Sequence[Key]) -> int:
    return sum(EventRetraction.objects.filter(event__in=part).count() for part in _parts(keys))


def _checksum(project: Project, keys: Sequence[Key]) -> bytes:
    total = 0
    for part in _parts(keys):
        rows = UsageEvent.objects.filter(project=project, id__in=part)
        hashes = rows.order_by().values_list("content_hash", flat=True)
        total += sum(int.from_bytes(digest, "big") for digest in hashes)
    return (total % CHECKSUM_MODULUS).to_bytes(DIGEST_BYTES, "big")


def _parts(keys: Sequence[Key]) -> Iterator[list[int]]:
    for first in range(0, len(keys), ROWS_AT_ONCE):
        yield [key.id for key in keys[first : first + ROWS_AT_ONCE]]


def restore_events(
    *, project: Project, path: Path, reason: str, actor: Actor, at: datetime
) -> EventArchive:
    """Put back what the events of a file carried, byte for byte; those that have it are left alone.

    Raises NotFoundError for a file that is none of this project's, ArchiveMissingError where it
    cannot be opened, ArchiveDamagedError where its bytes are not those that were written; then
    nothing has changed. Call inside a transaction.
    """
    archive = EventArchive.objects.filter(project=project, file=path.name).first()
    if archive is None:
        raise NotFoundError(f"{path.name} is no archive of this project.")
    restored = 0
    try:
        lines = read_archive(path)
        with purging():
            while part := list(islice(lines, ROWS_AT_ONCE)):
                restored += _put_back(archive, part)
    except OSError as error:
        raise ArchiveMissingError(f"{path}: {error.strerror}.") from error
    except WrongBytesError as error:
        raise ArchiveDamagedError(f"{path.name} cannot be trusted: {error}.") from error
    if restored:
        _note(archive, "events.restored", reason=reason, actor=actor, at=at)
    return archive


def _put_back(archive: EventArchive, lines: Sequence[ArchivedEvent]) -> int:
    rows = UsageEvent.objects.filter(
        project=archive.project, archive=archive, id__in=[line.arrival for line in lines]
    )
    resting = dict(rows.order_by().values_list("id", "content_hash"))
    wanted = [line for line in lines if line.arrival in resting]
    if any(resting[line.arrival].hex() != line.content_hash for line in wanted):
        raise InvariantError(f"archive {archive.file} holds other events than its rows")
    update_rows(
        UsageEvent,
        ("data", "extensions", "archive_id"),
        [
            (line.arrival, bytes(line.data).decode(), bytes(line.extensions).decode(), None)
            for line in wanted
        ],
    )
    return len(wanted)


def _note(archive: EventArchive, action: str, *, reason: str, actor: Actor, at: datetime) -> None:
    record(
        project=archive.project,
        actor=actor,
        action=action,
        on=("event_archive", archive.file),
        at=at,
        reason=reason,
        details={"events": archive.events, "sha256": archive.sha256, "size": archive.size},
    )
