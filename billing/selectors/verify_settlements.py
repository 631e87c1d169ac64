"""What settled invoices, checked: statuses and credit notes against the ledger."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.db.models import QuerySet

from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from billing.rating.lowered import CreditedAmount
from billing.selectors.amounts import credited_amounts, gross_of_lines
from billing.selectors.settlement import stated
from ledger.selectors.journal import objects_of_kind, standing_of_kind
from ledger.selectors.settlements import CREDIT_NOTE, ISSUE, Settlement, settlements
from ledger.selectors.wallets import promised_refunds
from neruba.models import Project
from neruba.money import Money

CHUNK = 500


def settlement_differences(project: Project) -> Iterator[str]:
    """Everything about what settled the project's invoices that does not hold, in words; nothing
    for sound books. Memory stays bounded: invoices and credit notes are read in chunks.
    """
    issued = Invoice.objects.filter(project=project, sequence__isnull=False).order_by("pk")
    last = 0
    while chunk := list(issued.filter(pk__gt=last)[:CHUNK]):
        yield from differences_of_invoices(project, chunk)
        last = chunk[-1].pk
    notes = notes_to_check(project).order_by("pk")
    last = 0
    while noted := list(notes.filter(pk__gt=last)[:CHUNK]):
        yield from differences_of_notes(project, noted)
        last = noted[-1].pk
    yield from _notes_missing(project)


def notes_to_check(project: Project) -> QuerySet[CreditNote]:
    """The project's credit notes with what the checks need of them."""
    return CreditNote.objects.filter(project=project).select_related("invoice")


def differences_of_invoices(project: Project, invoices: Sequence[Invoice]) -> Iterator[str]:
    """What does not hold of these issued invoices: nothing is receivable below zero, each has the
    status that the ledger says, no line gave back more than was billed, and no more is promised to
    be refunded than was paid in money. A constant number of queries.
    """
    documents = [row.document for row in invoices]
    found = settlements(project, documents)
    promised = promised_refunds(project, documents)
    stands = standing_of_kind(project, ISSUE, [row.operation_key for row in invoices])
    for row in invoices:
        settlement = found.get(row.document, Settlement())
        of_one = _of_invoice(
            row,
            settlement,
            promised_minor=promised.get(row.document, 0),
            issue_stands=stands.get(row.operation_key),
        )
        for words in of_one:
            yield f"invoice {row.number}: {words}"
    yield from _overcredited(project, invoices)


def _of_invoice(
    invoice: Invoice, settlement: Settlement, *, promised_minor: int, issue_stands: bool | None
) -> Iterator[str]:
    def text(minor: int) -> str:
        return str(Money(minor, invoice.currency))

    if settlement.due_minor < 0:
        yield f"{text(settlement.due_minor)} is receivable of it, below zero"
    if promised_minor > max(settlement.paid_minor, 0):
        paid = text(settlement.paid_minor)
        yield f"{text(promised_minor)} is promised to be refunded, {paid} was paid in money"
    if invoice.status == Invoice.Status.VOID:
        if issue_stands or settlement != Settlement():
            yield "is void, and stands in the ledger"
    elif issue_stands is False:
        yield f"is {invoice.status}, and its issue is reversed in the ledger"
    elif invoice.status != (by_ledger := stated(invoice, settlement)):
        yield f"is {invoice.status}; by the ledger it is {by_ledger}"


def _overcredited(project: Project, invoices: Sequence[Invoice]) -> Iterator[str]:
    """Lines of which more stands credited than was billed."""
    standing = notes_to_check(project).filter(invoice__in=invoices, status=CreditNote.Status.ISSUED)
    notes = {note.pk: note for note in standing}
    if not notes:
        return
    amounts = credited_amounts(project, list(notes.values()))
    back: dict[int, int] = defaultdict(int)
    for row in CreditNoteLine.objects.filter(project=project, credit_note__in=notes):
        one = amounts[row.credit_note_id].get(row.key, CreditedAmount())
        back[row.invoice_line_id] += one.net_minor + one.tax_minor
    lines = InvoiceLine.objects.filter(project=project, pk__in=back).order_by("pk")
    owed = gross_of_lines(project, list(lines.select_related("invoice", "transfer__debit_account")))
    for line in lines.select_related("invoice"):
        currency = line.invoice.currency
        billed, credited = Money(owed[line.pk], currency), Money(back[line.pk], currency)
        if credited.minor > billed.minor:
            yield (
                f"invoice {line.invoice.number}: of line {line.line_key} {credited} is credited, "
                f"{billed} was billed"
            )


def differences_of_notes(project: Project, notes: Sequence[CreditNote]) -> Iterator[str]:
    """What does not hold of these credit notes, whose invoices should be loaded: each has its
    entry, which is reversed where it is void, and lines that are exactly what the entry credits. A
    constant number of queries.
    """
    amounts = credited_amounts(project, notes)
    stands = standing_of_kind(project, CREDIT_NOTE, [note.operation_key for note in notes])
    keys: dict[int, set[str]] = defaultdict(set)
    for row in CreditNoteLine.objects.filter(project=project, credit_note__in=notes):
        keys[row.credit_note_id].add(row.key)
    for note in notes:
        standing = stands.get(note.operation_key)
        if standing is None:
            yield f"credit note {note.number}: its issue is not in the ledger"
            continue
        if standing != (note.status == CreditNote.Status.ISSUED):
            in_ledger = "stands" if standing else "is reversed"
            yield f"credit note {note.number}: is {note.status}, its entry {in_ledger}"
        if keys[note.pk] != amounts[note.pk].keys():
            yield f"credit note {note.number}: its lines are not what its transfers credit"


def _notes_missing(project: Project) -> Iterator[str]:
    """Entries that claim to be the issue of a credit note which is not there."""
    names = objects_of_kind(project, CREDIT_NOTE)
    for start in range(0, len(names), CHUNK):
        chunk = names[start : start + CHUNK]
        notes = CreditNote.objects.filter(project=project, operation_key__in=chunk)
        known = set(notes.values_list("operation_key", flat=True))
        for key in chunk:
            if key not in known:
                yield f"entry {key}: issues a credit note that is not there"
