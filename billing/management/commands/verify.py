"""`manage.py verify`: rebuild issued invoices and check the books."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from billing.models import Invoice
from billing.selectors.verify import (
    Verdict,
    issue_entries_without_invoice,
    number_gaps,
    verify_invoices,
)
from billing.selectors.verify_settlements import settlement_differences
from ingest.selectors.archives import archives_in
from ledger.selectors.verify import book_differences
from neruba.management.base import ProjectCommand
from neruba.models import Project

NOT_COUNTED = 3


class Command(ProjectCommand):
    help = (
        "Rebuild issued invoices from raw usage and the stored prices, compare them with the "
        "ledger, and check every invariant of the books. Exit status 1 with the differences; 3 "
        "where nothing differs, but archived events are not at hand to be counted again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="the project's slug")
        parser.add_argument("--invoice", help="only this invoice, by id or number")
        parser.add_argument(
            "--archive",
            type=Path,
            metavar="FOLDER",
            help="where archived events are, else in the project's folder of NERUBA_ARCHIVE_DIR",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        project = self.project(options["project"])
        invoices = self._invoices(project, options["invoice"])
        differences = [f"numbers: {gap}" for gap in number_gaps(project)]
        unknown = 0
        with archives_in(options["archive"]):
            verdicts = verify_invoices(project, invoices)
            for verdict in tqdm(verdicts, total=len(invoices), unit=" invoices", file=self.stderr):
                name = f"invoice {verdict.invoice.number}"
                differences += [f"{name}: {found}" for found in verdict.differences]
                for said in _notes(verdict):
                    self.stdout.write(f"{name}: {said}")
                unknown += verdict.matches is None
        if options["invoice"] is None:
            differences += [
                f"{found.kind} {found.object}: {found.detail}"
                for found in book_differences(project)
            ]
            differences += settlement_differences(project)
            differences += _unbooked(project)
        for difference in differences:
            self.stdout.write(difference)
        if differences:
            raise CommandError(f"{len(differences)} differences.")
        if unknown:
            raise CommandError(
                f"No difference, but the usage of {unknown} of {len(invoices)} invoices was not "
                "counted again: its events are archived, and the files are not at hand.",
                returncode=NOT_COUNTED,
            )
        self.stdout.write(
            self.style.SUCCESS(
                f"{len(invoices)} invoices rebuilt and the books checked: no difference."
            )
        )

    def _invoices(self, project: Project, wanted: str | None) -> list[Invoice]:
        rows = Invoice.objects.filter(project=project, sequence__isnull=False)
        found = list(
            rows.select_related("customer", "subscription__customer", "party").order_by("sequence")
        )
        if wanted is None:
            return found
        named = [row for row in found if wanted in {row.public_id, row.number}]
        if not named:
            raise CommandError(f"There is no finalised invoice {wanted!r} in this project.")
        return named


def _notes(verdict: Verdict) -> Iterator[str]:
    """What is no difference, and yet to be known."""
    yield from verdict.archived
    if verdict.missing:
        yield (
            f"usage not counted again, its quantities are those of its evidence: {verdict.missing}"
        )
    if verdict.parties_erased:
        yield "the parties' text was erased; its digest is the one that was issued"


def _unbooked(project: Project) -> Iterator[str]:
    """Entries that claim to be the issue of an invoice which was not issued."""
    for key in issue_entries_without_invoice(project):
        yield f"entry {key}: issues an invoice that is not there"
