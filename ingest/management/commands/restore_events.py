"""`manage.py restore_events FILE --project SLUG`: what archived events carried, back into rows."""

from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ingest.services.archive import restore_events
from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.management.base import ProjectCommand


class Command(ProjectCommand):
    help = (
        "Put back what the events of an archive carried, byte for byte. The file stays. Refused "
        "where its checksum is not that of the file that was written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--reason", default="restored")

    def handle(self, *_args: Any, **given: Any) -> None:
        project = self.project(given["project"])
        work = partial(
            restore_events,
            project=project,
            path=given["file"],
            reason=given["reason"],
            actor=SYSTEM,
            at=clock.now(project),
        )
        try:
            archive = run_atomic(work)
        except NerubaError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"The {archive.events:,} events of {archive.file} have their data again.")
