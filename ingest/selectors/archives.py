"""Reading archived events back: what their rows carried, from the files that it rests in."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db.models import Count

from ingest.archive_files import ArchivedEvent, WrongBytesError, data_by_arrival
from ingest.errors import ArchiveDamagedError, ArchiveMissingError
from ingest.models import EventArchive, UsageEvent
from neruba.models import Project

# An archive holds the events of some subjects, and events are read by subject.
FILES_IN_MEMORY = 2

_elsewhere: ContextVar[Path | None] = ContextVar("_elsewhere", default=None)


@contextmanager
def archives_in(folder: Path | None) -> Iterator[None]:
    """Read archives from this folder instead of the one of the settings (None: from that one)."""
    token = _elsewhere.set(folder)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def archive_folder(project: Project) -> Path:
    """Where the project's archives are."""
    folder = _elsewhere.get()
    return folder if folder is not None else Path(settings.ARCHIVE_DIR) / project.slug


def archived_event(project: Project, file: str, arrival: int) -> ArchivedEvent:
    """The event with this id, from its file.

    Raises ArchiveMissingError or ArchiveDamagedError: never an event that was not archived there.
    """
    event = _events_of(project, file).get(arrival)
    if event is None:
        raise ArchiveDamagedError(f"Archive {file} does not hold an event that was put there.")
    return event


def _events_of(project: Project, file: str) -> Mapping[int, ArchivedEvent]:
    path = archive_folder(project) / file
    try:
        seen = path.stat()
        return _read(path, seen.st_mtime_ns, seen.st_size, seen.st_ino)
    except OSError as error:
        raise ArchiveMissingError(
            f"Events are archived in {file}, which is not in the folder of archives "
            "(NERUBA_ARCHIVE_DIR): put it back there, or run restore_events with it."
        ) from error
    except WrongBytesError as error:
        raise ArchiveDamagedError(f"Archive {file} cannot be trusted: {error}.") from error


@lru_cache(maxsize=FILES_IN_MEMORY)
def _read(path: Path, _changed: int, _size: int, _inode: int) -> Mapping[int, ArchivedEvent]:
    return data_by_arrival(path)


def with_data(event: UsageEvent) -> UsageEvent:
    """The event with what it carried, read from its archive where that is at hand."""
    if event.archive is not None and not event.data:
        found = archived_event(event.archive.project, event.archive.file, event.pk)
        event.data, event.extensions = bytes(found.data).decode(), bytes(found.extensions).decode()
    return event


@dataclass(frozen=True, slots=True)
class ArchivedPart:
    """How many of some events rest in which file."""

    file: str
    sha256: str
    events: int

    def __str__(self) -> str:
        noun = "event is" if self.events == 1 else "events are"
        return f"{self.events:,} {noun} archived in {self.file} (SHA-256 {self.sha256})"


def has_archives(project: Project) -> bool:
    """Whether anything of the project was ever archived."""
    return EventArchive.objects.filter(project=project).exists()


def archived_parts(
    project: Project, subject: str, spans: Sequence[tuple[datetime, datetime]]
) -> list[ArchivedPart]:
    """Where the archived events of a subject in these spans `[start, end)` are, by file."""
    found: dict[tuple[str, str], int] = {}
    for start, end in set(spans):
        rows = UsageEvent.objects.filter(
            project=project,
            subject__project=project,
            subject__external_id=subject,
            effective_at__gte=start,
            effective_at__lt=end,
            archive__isnull=False,
        )
        counted = rows.order_by().values_list("archive__file", "archive__sha256")
        for file, sha256, events in counted.annotate(Count("pk")):
            found[file, sha256] = found.get((file, sha256), 0) + events
    return [ArchivedPart(*key, events) for key, events in sorted(found.items())]
