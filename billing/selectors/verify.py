"""Issued invoices rebuilt from raw usage and the stored snapshots, and compared with the books."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from billing.models import Invoice
from billing.rating.document import document_hash
from billing.rating.invoice import amount_of_evidence
from billing.selectors.contents import computed
from billing.selectors.documents import Document, documents_of
from ingest.selectors.bounds import ArrivalBound
from ledger.selectors.journal import moves_of_keys, objects_of_kind
from ledger.selectors.verify import entry_differences, newest_entries
from ledger.templates import Move, OperationKey
from neruba.canonical import sha256_hex
from neruba.models import Project
from neruba.money import Money

ISSUE = "invoice.issue"
BATCH = 200
SAMPLED_INVOICES = 20
SAMPLED_ENTRIES = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rebuilt invoice says: the stored hash, the rebuilt one, and every
    difference in words.
    """

    invoice: Invoice
    content_hash: str
    rebuilt_hash: str
    differences: tuple[str, ...]

    @property
    def matches(self) -> bool:
        return not self.differences


def verify_invoices(project: Project, invoices: Sequence[Invoice]) -> Iterator[Verdict]:
    """Rebuild finalised invoices, in order of their numbers."""
    # One document a subscription in each pass: a timeline is taken as far as its document knew it.
    by_boundary = sorted(invoices, key=lambda row: (row.boundary or 0, row.pk))
    for _, rows in groupby(by_boundary, key=lambda row: row.boundary or 0):
        group = list(rows)
        for start in range(0, len(group), BATCH):
            yield from _verify(project, group[start : start + BATCH])


def _verify(project: Project, invoices: Sequence[Invoice]) -> Iterator[Verdict]:
    documents = documents_of(project, invoices)
    keys = [OperationKey(ISSUE, row.operation_key) for row in invoices]
    entries = moves_of_keys(project, keys)
    rebuilt: dict[int, str] = {}
    for bound, group in _by_bound(invoices):
        charges = {
            index: list(row.charges.order_by("effective_at", "charge_key"))
            for index, row in enumerate(group)
        }
        for one in computed(
            project, group, bound=bound, charges=charges, source="raw", as_known=True
        ):
            rebuilt[one.invoice.pk] = one.content.content_hash
    for document, key in zip(documents, keys, strict=True):
        invoice = document.invoice
        differences = tuple(_differences(document, rebuilt[invoice.pk], entries.get(key)))
        yield Verdict(invoice, invoice.content_hash, rebuilt[invoice.pk], differences)


def _by_bound(invoices: Sequence[Invoice]) -> Iterator[tuple[ArrivalBound, list[Invoice]]]:
    def bound(row: Invoice) -> tuple[int, int]:
        return row.bound_event, row.bound_retraction

    for (event, retraction), rows in groupby(sorted(invoices, key=bound), key=bound):
        yield ArrivalBound(event, retraction), list(rows)


def _differences(
    document: Document, rebuilt_hash: str, moves: Sequence[Move] | None
) -> Iterator[str]:
    invoice = document.invoice
    if document.content_hash != invoice.content_hash:
        yield "what is shown from rows and ledger is not what was issued"
    if rebuilt_hash != invoice.content_hash:
        yield "rebuilt from raw usage and the stored prices it comes out otherwise"
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
    if sha256_hex([invoice.party.salt, invoice.party.content]) != invoice.parties_digest:
        yield "the parties' text is not what was issued"
    for line in document.content["lines"]:
        again = Money(amount_of_evidence(line["evidence"], invoice.currency), invoice.currency)
        if again.amount != line["amount"]:
            yield (
                f"line {line['id']}: the evidence gives {again.amount}, printed is {line['amount']}"
            )


@dataclass(frozen=True, slots=True)
class Sample:
    """What a look at the newest documents and entries came to."""

    checked: int
    differences: tuple[str, ...]


def verify_newest(project: Project) -> Sample:
    """Rebuild the project's newest finalised invoices and check its newest entries: a sample that
    is cheap enough to be taken all the time. `manage.py verify` looks at everything.
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
    return Sample(len(invoices) + len(entries), tuple(differences))


def number_gaps(project: Project) -> list[str]:
    """Where the numbers of the project's invoices do not run from 1 without a gap."""
    given = Invoice.objects.filter(project=project, sequence__isnull=False)
    numbers = given.order_by("sequence").values_list("sequence", flat=True)
    expected, gaps = 1, []
    for number in numbers.iterator():
        if number != expected:
            gaps.append(f"after number {expected - 1} comes {number}")
        expected = (number or 0) + 1
    return gaps


def issue_entries_without_invoice(project: Project) -> list[str]:
    """The issue entries of the ledger whose invoice is not among the finalised ones."""
    issued = Invoice.objects.filter(project=project, sequence__isnull=False)
    known = set(issued.values_list("operation_key", flat=True))
    return [name for name in objects_of_kind(project, ISSUE) if name not in known]
