"""`manage.py ingest FILE.jsonl --project SLUG`: events from a file, by the contract of the API."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import IO, Any, NamedTuple

import msgspec
from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from ingest.services.events import Outcome, accept_events
from neruba import clock
from neruba.edge import run_atomic
from neruba.management.base import ProjectCommand
from neruba.models import Project

EVENTS_A_BATCH = 1000
SHOWN = 20
OUTCOMES = ("accepted", "duplicate", "conflict", "failed")
INTERRUPTED = 130

_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)


class Line(NamedTuple):
    """A line of the file with its number from 1, its length in bytes, and what it holds."""

    number: int
    size: int
    body: object


class Command(ProjectCommand):
    help = (
        "Accepts events from a file with one CloudEvent (JSON) a line; - is standard input. Every "
        "batch is committed at once: after an interruption run it again, what is stored is a "
        "duplicate. Exit status 1 when an event failed or conflicted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE.jsonl")
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument(
            "--skip", type=int, default=0, metavar="LINES", help="go on after the first LINES lines"
        )

    def handle(self, *_args: Any, **given: Any) -> None:
        project = self.project(given["project"])
        path: str = given["file"]
        try:
            source = nullcontext(sys.stdin.buffer) if path == "-" else open(path, "rb")  # noqa: SIM115
            size = None if path == "-" else os.path.getsize(path)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        counts: Counter[str] = Counter()
        with source as lines:
            self._import(project, lines, size, given["skip"], counts)
        self.stdout.write(", ".join(f"{counts[name]} {name}" for name in OUTCOMES))
        if counts["failed"] or counts["conflict"]:
            raise CommandError(
                "Not every event was accepted; those that failed are kept, see the admin."
            )

    def _import(
        self,
        project: Project,
        lines: IO[bytes],
        size: int | None,
        skip: int,
        counts: Counter[str],
    ) -> None:
        done = skip
        with tqdm(total=size, unit="B", unit_scale=True, disable=None) as bar:
            try:
                for batch in _batches(lines, skip):
                    bodies = [line.body for line in batch]
                    work = partial(
                        accept_events, project=project, bodies=bodies, at=clock.now(project)
                    )
                    outcomes = run_atomic(work)
                    counts.update(outcome.outcome for outcome in outcomes)
                    self._show_refused(batch, outcomes, counts)
                    done = batch[-1].number
                    bar.set_postfix({name: counts[name] for name in OUTCOMES}, refresh=False)
                    bar.update(sum(line.size for line in batch))
            except KeyboardInterrupt:
                self.stderr.write(f"Stopped after line {done}; go on with --skip {done}.")
                sys.exit(INTERRUPTED)

    def _show_refused(
        self, batch: Sequence[Line], outcomes: Sequence[Outcome], counts: Counter[str]
    ) -> None:
        for outcome in outcomes:
            if outcome.outcome in {"failed", "conflict"} and counts["shown"] < SHOWN:
                counts["shown"] += 1
                line = batch[outcome.index].number
                self.stderr.write(f"line {line}: {outcome.outcome}: {outcome.detail}")


def _batches(lines: IO[bytes], skip: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for number, text in enumerate(lines, start=1):
        if number > skip and text.strip():
            batch.append(Line(number, len(text), _body(text)))
        if len(batch) == EVENTS_A_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _body(text: bytes) -> object:
    """The decoded line; one that is no JSON stays text, which fails as an event and is kept as it
    came.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, InvalidOperation, RecursionError):
        return text.decode(errors="replace").strip()
