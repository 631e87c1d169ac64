"""`manage.py export_ledger`: the books for Beancount, hledger or a spreadsheet."""

import sys
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser

from ledger.export.formats import FORMATS
from ledger.selectors.export import export_chunks
from neruba.management.base import ProjectCommand, instant


class Command(ProjectCommand):
    help = "Write the books, with their balances as assertions, for Beancount, hledger or as CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="the project's slug")
        parser.add_argument("--format", required=True, choices=sorted(FORMATS))
        parser.add_argument(
            "--from",
            dest="since",
            type=instant,
            help="RFC 3339; what was before comes as opening balances",
        )
        parser.add_argument("--to", type=instant, help="RFC 3339; entries that occurred before it")
        parser.add_argument("--output", type=Path, help="a file; left out: standard output")

    def handle(self, *_args: Any, **options: Any) -> None:
        project = self.project(options["project"])
        since, to, output = options["since"], options["to"], options["output"]
        if since is not None and to is not None and to <= since:
            raise CommandError("--to is not later than --from: there is nothing between them.")
        chunks = export_chunks(project, options["format"], since=since, to=to)
        if output is None:
            self._write(chunks, sys.stdout.buffer)
            return
        # Under another name until it is whole: a file that was cut off would pass for the books.
        unfinished = output.with_name(f"{output.name}.part")
        try:
            with unfinished.open("wb") as file:
                self._write(chunks, file)
            unfinished.replace(output)
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from error

    @staticmethod
    def _write(chunks: Any, file: IO[bytes]) -> None:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
