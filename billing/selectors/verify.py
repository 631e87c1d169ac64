"""Issued invoices rebuilt from raw usage and the stored snapshots, and compared with the books."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import QuerySet

from billing.models import CreditNote, Invoice
from billing.rating.document import document_hash
from billing.rating.invoice import amount_of_evidence
from billing.selectors.contents import computed
from billing.selectors.documents import Document, documents_of
from billing.selectors.parties import is_erased
from billing.selectors.verify_adjustments import Beside, beside_of_content, beside_of_rows
from billing.selectors.verify_settlements import (
    differences_of_invoices,
    differences_of_notes,
    notes_to_check,
)
from ingest.errors import ArchiveError, ArchiveMissingError
from ingest.selectors.archives import ArchivedPart, archived_parts, has_archives
from ingest.selectors.bounds import ArrivalBound
from ledger.selectors.journal import moves_of_keys, objects_of_kind
from ledger.selectors.verify import entry_differences, newest_entries
from ledger.templates import Move, OperationKey
from neruba.canonical import sha256_hex
from neruba.models import Project
from neruba.money import Money
from neruba.period import parse_instant

ISSUE = "invoice.issue"
BATCH = 200
SAMPLED_INVOICES = 20
SAMPLED_ENTRIES = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rebuilt invoice says: the stored hash, the rebuilt one, and every
    difference in words.

    `archived` says how many of its events rest in which file. Where a file is not at hand the usage
    was not counted again: `rebuilt_hash` is empty and `missing` says which. Without the text of the
    parties, which erasure took, only their digest is compared.
    """

    invoice: Invoice
    content_hash: str
    rebuilt_hash: str
    differences: tuple[str, ...]
    archived: tuple[str, ...] = ()
    missing: str = ""
    parties_erased: bool = False

    @property
    def matches(self) -> bool | None:
        """Whether it comes out as it was issued; None where that is not known."""
        if self.differences:
            return False
        return None if self.missing else True


def verify_invoices(project: Project, invoices: Sequence[Invoice]) -> Iterator[Verdict]:
    """Rebuild finalised invoices, in order of their numbers."""
    # One document a subscription in each pass: a timeline is taken as far as its document knew it.
    for group in _passes(invoices):
        for start in range(0, len(group), BATCH):
            yield from _verify(project, group[start : start + BATCH])


def _passes(invoices: Sequence[Invoice]) -> list[list[Invoice]]:
    """The invoices in groups: of a subscription each has one of a boundary, and one of none, as
    those of changes and of late usage are.
    """
    alone: Counter[int] = Counter()
    groups: dict[int, list[Invoice]] = {}
    for row in sorted(invoices, key=lambda row: row.pk):
        number = row.boundary
        if number is None and row.subscription_id is not None:
            number = alone[row.subscription_id]
            alone[row.subscription_id] += 1
        groups.setdefault(number or 0, []).append(row)
    return [groups[number] for number in sorted(groups)]


def _verify(project: Project, invoices: Sequence[Invoice]) -> Iterator[Verdict]:
    documents = documents_of(project, invoices)
    keys = [OperationKey(ISSUE, row.operation_key) for row in invoices]
    entries = moves_of_keys(project, keys)
    beside = beside_of_rows(project, invoices)
    rebuilt: dict[int, _Rebuilt] = {}
    for bound, group in _by_bound(invoices):
        rebuilt |= _rebuilt(project, group, bound)
    are_archived = has_archives(project)
    for document, key in zip(documents, keys, strict=True):
        invoice = document.invoice
        again = rebuilt[invoice.pk]
        yield Verdict(
            invoice,
            invoice.content_hash,
            again.content_hash,
            tuple(_differences(document, again, beside[invoice.pk], entries.get(key))),
            tuple(map(str, _archived(project, document))) if are_archived else (),
            again.missing,
            is_erased(invoice.party),
        )


@dataclass(frozen=True, slots=True)
class _Rebuilt:
    """A content hash, or why there is none."""

    content_hash: str = ""
    missing: str = ""
    damaged: str = ""
    beside: Counter[Beside] | None = None


def _rebuilt(
    project: Project, invoices: Sequence[Invoice], bound: ArrivalBound
) -> dict[int, _Rebuilt]:
    charges = {
        index: list(row.charges.order_by("effective_at", "charge_key"))
        for index, row in enumerate(invoices)
    }
    try:
        found = computed(
            project, invoices, bound=bound, charges=charges, source="raw", as_known=True
        )
    except ArchiveError as error:
        if len(invoices) == 1:
            is_missing = isinstance(error, ArchiveMissingError)
            missing, damaged = (error.detail, "") if is_missing else ("", error.detail)
            return {invoices[0].pk: _Rebuilt(missing=missing, damaged=damaged)}
        # One by one: only those whose events rest in that file are not known.
        answer: dict[int, _Rebuilt] = {}
        for invoice in invoices:
            answer |= _rebuilt(project, [invoice], bound)
        return answer
    return {
        one.invoice.pk: _Rebuilt(one.content.content_hash, beside=beside_of_content(one.content))
        for one in found
    }


def _archived(project: Project, document: Document) -> list[ArchivedPart]:
    """Where the events behind its lines of usage rest."""
    spans = [
        (line["period"]["start"], line["period"]["end"])
        for line in document.content["lines"]
        if "usage" in line["evidence"]
    ]
    instants = [(parse_instant(start), parse_instant(end)) for start, end in spans]
    return archived_parts(project, document.invoice.customer.external_id, instants)


def _by_bound(invoices: Sequence[Invoice]) -> Iterator[tuple[ArrivalBound, list[Invoice]]]:
    def bound(row: Invoice) -> tuple[int, int]:
        return row.bound_event, row.bound_retraction

    for (event, retraction), rows in groupby(sorted(invoices, key=bound), key=bound):
        yield ArrivalBound(event, retraction), list(rows)


def _differences(
    document: Document,
    rebuilt: _Rebuilt,
    beside: Counter[Beside],
    moves: Sequence[Move] | None,
) -> Iterator[str]:
    invoice = document.invoice
    if document.content_hash != invoice.content_hash:
        yield "what is shown from rows and ledger is not what was issued"
    if rebuilt.damaged:
        yield rebuilt.damaged
    elif not rebuilt.missing and rebuilt.content_hash != invoice.content_hash:
        yield "rebuilt from raw usage and the stored prices it comes out otherwise"
    elif rebuilt.beside is not None and rebuilt.beside != beside:
        yield "what is stored of its discounts and taxes is not what was issued"
    if moves is None:
        yield "its issue is not in the ledger"
        return
    sealed = document_hash(
        content_hash=invoice.content_hash,
        number=invoice.number,
        finalized_at=invoice.finalized_at,
        due_at=invoice.payment_due_at,
        parties_digest=invoice.parties_digest,
        moves=moves,
    )
    if sealed != invoice.document_hash:
        yield "number, dates, parties or transfers differ from what was sealed"
    yield from _party_differences(invoice)
    for line in document.content["lines"]:
        again = Money(amount_of_evidence(line["evidence"], invoice.currency), invoice.currency)
        if again.amount != line["amount"]:
            yield (
                f"line {line['id']}: the evidence gives {again.amount}, printed is {line['amount']}"
            )


def _party_differences(invoice: Invoice) -> Iterator[str]:
    if is_erased(invoice.party):
        if invoice.customer.erased_at is None:
            yield "the parties' text is gone, and nobody erased the customer"
    elif sha256_hex([invoice.party.salt, invoice.party.content]) != invoice.parties_digest:
        yield "the parties' text is not what was issued"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a look at the newest documents and entries came to."""

    checked: int
    differences: tuple[str, ...]


def verify_newest(project: Project) -> Sample:
    """Rebuild the project's newest finalised invoices, and check what settled them, its newest
    credit notes and entries: a sample that is cheap enough to be taken all the time. `manage.py
    verify` looks at everything.
    """
    rows = Invoice.objects.filter(project=project, sequence__isnull=False).order_by("-sequence")
    wanted = rows.select_related("customer", "subscription__customer", "party")
    invoices = list(wanted[:SAMPLED_INVOICES])
    entries = newest_entries(project, SAMPLED_ENTRIES)
    differences = [
        f"invoice {verdict.invoice.number}: {difference}"
        for verdict in verify_invoices(project, invoices)
        for difference in verdict.differences
    ]
    differences += [
        f"{found.kind} {found.object}: {found.detail}"
        for found in entry_differences(project, entries)
    ]
    differences += differences_of_invoices(project, invoices)
    notes = list(notes_to_check(project).order_by("-sequence")[:SAMPLED_INVOICES])
    differences += differences_of_notes(project, notes)
    return Sample(len(invoices) + len(notes) + len(entries), tuple(differences))


def number_gaps(project: Project) -> list[str]:
    """Where the numbers of the project's invoices, or of its credit notes, do not run from 1
    without a gap.
    """
    invoices = Invoice.objects.filter(project=project, sequence__isnull=False)
    notes = CreditNote.objects.filter(project=project)
    return [
        *_gaps("number", invoices.order_by("sequence").values_list("sequence", flat=True)),
        *_gaps("credit note", notes.order_by("sequence").values_list("sequence", flat=True)),
    ]


def _gaps(name: str, given: QuerySet[Any, int | None]) -> Iterator[str]:
    expected = 1
    for number in given.iterator():
        if number != expected:
            yield f"after {name} {expected - 1} comes {number}"
        expected = (number or 0) + 1


def issue_entries_without_invoice(project: Project) -> list[str]:
    """The issue entries of the ledger whose invoice is not among the finalised ones."""
    issued = Invoice.objects.filter(project=project, sequence__isnull=False)
    known = set(issued.values_list("operation_key", flat=True))
    return [name for name in objects_of_kind(project, ISSUE) if name not in known]
