"""`manage.py archive_events --project SLUG --before TIME`: what old events carried, into files."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from ingest.selectors.archives import archive_folder, archives_in
from ingest.selectors.retention import months_to_archive, refuse_if_needed
from ingest.services.archive import archive_events
from neruba import clock
from neruba.actor import SYSTEM
from neruba.errors import NerubaError
from neruba.management.base import ProjectCommand, instant


class Command(ProjectCommand):
    help = (
        "Move what events carried that happened before a time into files; their rows stay, so "
        "that a repeat is still a duplicate. A file is complete and was read again before its rows "
        "are emptied: after an interruption run it again. Refused while something needs the events."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--before", required=True, type=instant, metavar="TIME")
        parser.add_argument("--to", type=Path, metavar="FOLDER", help="else NERUBA_ARCHIVE_DIR")
        parser.add_argument("--reason", default="retention")
        parser.add_argument("--dry-run", action="store_true", help="only say what would move")

    def handle(self, *_args: Any, **given: Any) -> None:
        project, before = self.project(given["project"]), given["before"]
        at = clock.now(project)
        try:
            refuse_if_needed(project, before=before, at=at)
            months = months_to_archive(project, before=before)
            if given["dry_run"]:
                for month in months:
                    self.stdout.write(f"{month.name}: {month.events:,} events")
                self.stdout.write(f"{sum(month.events for month in months):,} events would move.")
                return
            with archives_in(given["to"]):
                folder, events, files = archive_folder(project), 0, 0
                total = sum(month.events for month in months)
                with tqdm(total=total, unit=" events", file=self.stderr) as bar:
                    for done in archive_events(
                        project=project,
                        before=before,
                        reason=given["reason"],
                        actor=SYSTEM,
                        at=at,
                    ):
                        bar.update(done.events)
                        events, files = events + done.events, files + 1
        except NerubaError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{events:,} events rest in {files} files in {folder}.")
        if given["to"] is not None:
            self.stdout.write(
                "Their usage is read again only where the files lie in the project's folder of "
                "NERUBA_ARCHIVE_DIR."
            )
