"""Amounts of lines: they are in the ledger."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from billing.rating.deferral import earned_minor
from ledger.selectors.journal import transfers_of_documents
from ledger.selectors.settlements import CREDIT_NOTE
from ledger.templates.invoices import Deferral
from ledger.templates.keys import DEFERRED, RECEIVABLE, REVENUE_FEES, TAX
from neruba.models import Project
from neruba.money import Money
from neruba.period import Interval


def line_amount(line: InvoiceLine, currency: str) -> Money:
    """The amount of a line: that of its transfer, negative where it leaves the receivable; zero
    without one.
    """
    if line.transfer is None:
        return Money(0, currency)
    sign = 1 if line.transfer.debit_account.code == RECEIVABLE else -1
    return Money(sign * line.transfer.amount_minor, line.transfer.currency)


def lines_of(invoice: Invoice) -> list[InvoiceLine]:
    """The lines of an issued invoice in their order, with what their amounts need."""
    rows = InvoiceLine.objects.filter(project=invoice.project_id, invoice=invoice)
    loaded = rows.select_related("transfer__debit_account", "transfer__credit_account")
    return list(loaded.order_by("position"))


def credited_amounts(
    project: Project, notes: Collection[CreditNote]
) -> dict[int, dict[str, tuple[int, int]]]:
    """Net and tax in minor units of each line of these credit notes, by note and line key: the sums
    of the transfers that name them.
    """
    by_object = {note.operation_key: note.pk for note in notes}
    documents = {note.invoice.document for note in notes}
    found: dict[int, dict[str, tuple[int, int]]] = {note.pk: {} for note in notes}
    rows = transfers_of_documents(project, documents).filter(
        entry__kind=CREDIT_NOTE, entry__object__in=by_object
    )
    for row in rows:
        if row.credit_account.code != RECEIVABLE:
            continue
        lines = found[by_object[row.entry.object]]
        net, tax = lines.get(row.line, (0, 0))
        if row.debit_account.code == TAX:
            tax += row.amount_minor
        else:
            net += row.amount_minor
        lines[row.line] = (net, tax)
    return found


def given_back(invoice: Invoice, lines: Sequence[InvoiceLine]) -> dict[int, int]:
    """What was given back of each of these lines already, by pk, in minor units: by credit notes
    that stand, and by corrections on later invoices that lowered it.
    """
    sums: dict[int, int] = defaultdict(int)
    notes = list(
        CreditNote.objects.filter(invoice=invoice, status=CreditNote.Status.ISSUED).select_related(
            "invoice"
        )
    )
    amounts = credited_amounts(invoice.project, notes)
    for row in CreditNoteLine.objects.filter(credit_note__in=notes):
        sums[row.invoice_line_id] += amounts[row.credit_note_id].get(row.key, (0, 0))[0]
    keys = {line.line_key: line.pk for line in lines}
    corrections = InvoiceLine.objects.filter(
        project=invoice.project_id,
        corrects_invoice=invoice.operation_key,
        corrects_line__in=keys,
    ).exclude(invoice__status=Invoice.Status.VOID)
    for line in corrections.select_related("transfer__debit_account"):
        sums[keys[line.corrects_line]] += max(0, -line_amount(line, invoice.currency).minor)
    return dict(sums)


def left_of_lines(invoice: Invoice, lines: Sequence[InvoiceLine]) -> dict[str, int]:
    """What can still be given back of each of these lines, by line key, in minor units."""
    back = given_back(invoice, lines)
    return {
        line.line_key: max(0, line_amount(line, invoice.currency).minor - back.get(line.pk, 0))
        for line in lines
    }


def deferrals(
    invoice: Invoice, lines: Sequence[InvoiceLine], *, at: datetime
) -> dict[int, Deferral]:
    """What is deferred of those of these lines that were billed ahead, by pk; the others are left
    out.
    """
    keys = {row.key: row.invoice_line.line_key for row in _note_lines(invoice)}
    standing: dict[str, int] = defaultdict(int)
    recognised: dict[str, int] = defaultdict(int)
    for row in transfers_of_documents(invoice.project, [invoice.document]):
        line = keys.get(row.line, row.line)
        for account, other, sign in (
            (row.credit_account, row.debit_account, 1),
            (row.debit_account, row.credit_account, -1),
        ):
            if account.code == DEFERRED:
                standing[line] += sign * row.amount_minor
                if other.code == REVENUE_FEES:
                    recognised[line] -= sign * row.amount_minor
    return {
        line.pk: _deferral(invoice, line, standing[line.line_key], recognised[line.line_key], at=at)
        for line in lines
        if line.line_key in standing
    }


def _deferral(
    invoice: Invoice, line: InvoiceLine, standing: int, recognised: int, *, at: datetime
) -> Deferral:
    earned = earned_minor(
        standing + recognised,
        Interval(line.period_start, line.period_end),
        at=at,
        zone=invoice.project.timezone,
    )
    return Deferral(line.line_key, standing, min(max(earned - recognised, 0), standing))


def _note_lines(invoice: Invoice) -> list[CreditNoteLine]:
    rows = CreditNoteLine.objects.filter(credit_note__invoice=invoice)
    return list(rows.select_related("invoice_line"))
