"""Files of archived events: gzip, one canonical JSON object a line, named after their own bytes.

No Django. The same events give the same bytes, so that writing a file again after a crash changes
nothing. Source: docs/retention.md.
"""

import gzip
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

NAME = re.compile(r"\d{4}-\d{2}-(?P<sha256>[0-9a-f]{64})\.jsonl\.gz")
LEVEL = 6

_encode = msgspec.json.Encoder().encode


class ArchivedEvent(msgspec.Struct, frozen=True, gc=False):
    """A line. `arrival` is the event's id, its place in the order of arrival; `time` is UTC.

    It names nobody: whose usage it is stands in the event's row, and only there.
    """

    arrival: int
    content_hash: str
    data: msgspec.Raw
    extensions: msgspec.Raw
    id: str
    source: str
    time: str
    type: str


@dataclass(frozen=True, slots=True)
class Written:
    """A file that stands on the disk, read again and found to be what was written."""

    file: str
    sha256: str
    size: int


class WrongBytesError(Exception):
    """The file's bytes are not those that its name stands for, or no events."""


_lines = msgspec.json.Decoder(ArchivedEvent)


def sha256_of_name(file: str) -> str:
    """The checksum in a file's name. Raises WrongBytesError where it is no name of an archive."""
    match = NAME.fullmatch(file)
    if match is None:
        raise WrongBytesError("its name is not that of an archive")
    return match["sha256"]


def write_archive(folder: Path, month: str, events: Iterable[ArchivedEvent]) -> Written:
    """Write the events of a month (such as 2026-01) in their order, and flush the file and its
    name to the disk.

    It gets its name when it is complete, and is read again after that. Raises WrongBytesError where
    the disk gives back something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # One who writes the same month at the same time writes beside it.
    part = folder / f".{month}-{os.getpid()}.part"
    with part.open("wb") as raw:
        # Neither a name nor a time in the header: the bytes follow from the events.
        with gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed:
            for event in events:
                packed.write(_encode(event) + b"\n")
        raw.flush()
        os.fsync(raw.fileno())
    sha256 = _digest(part)
    file = f"{month}-{sha256}.jsonl.gz"
    part.replace(folder / file)
    _flush_names(folder)
    _check(folder / file)
    return Written(file, sha256, (folder / file).stat().st_size)


def read_archive(path: Path) -> Iterator[ArchivedEvent]:
    """The events of a file in their order. Raises WrongBytesError before the first of them where
    the bytes are not those of the name; OSError where there is no such file.
    """
    _check(path)
    with gzip.open(path, "rb") as lines:
        yield from _decoded(lines)


def data_by_arrival(path: Path) -> Mapping[int, ArchivedEvent]:
    """All events of a file by their ids; errors as of `read_archive`."""
    return {event.arrival: event for event in read_archive(path)}


def _decoded(lines: Iterable[bytes]) -> Iterator[ArchivedEvent]:
    for line in lines:
        event = _lines.decode(line)
        # A view into the line, which would keep all of it.
        yield msgspec.structs.replace(
            event, data=event.data.copy(), extensions=event.extensions.copy()
        )


def _check(path: Path) -> None:
    if _digest(path) != sha256_of_name(path.name):
        raise WrongBytesError("its checksum is not the one in its name")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return _digest_of(file)


def _digest_of(file: IO[bytes]) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _flush_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
