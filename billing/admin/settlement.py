"""How an invoice was settled, as its page and its print view show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.admin.documents import zone_of
from billing.models import CreditNote, Invoice
from billing.selectors.documents import Document
from billing.selectors.settled import settled_of
from neruba.admin.page import Table, day, link_to, money
from neruba.money import Money
from neruba.period import local_date

KINDS = {"paid": "prepaid", "promotional": "promotional"}


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that paid an invoice: `words` say how, `link` is its page."""

    words: str
    link: str
    received_at: datetime
    amount: Money


@dataclass(frozen=True, slots=True)
class SettledRow:
    """A line of the statement from the total to what is due; amounts that settle are below zero.
    `link` are the words as the console shows them.
    """

    words: str
    on: str
    amount: Money
    link: str = ""


def statement(document: Document, receipts: Sequence[Receipt]) -> list[SettledRow]:
    """From the total to what is due, each part with its date; the amounts between sum to the
    difference. A void invoice was taken back as a whole.
    """
    invoice, parts = document.invoice, document.settlement
    total = SettledRow("Total", "", document.total)
    if invoice.status == Invoice.Status.VOID:
        taken = SettledRow("Void: taken back as a whole", "", -document.total)
        return [total, taken, SettledRow("Due", "", document.due)]
    settled, zone = settled_of(document), zone_of(document)
    rows = [total]
    rows += [
        SettledRow(f"Credit, {KINDS[draw.kind]}", "", document.money(-draw.amount_minor))
        for draw in settled.draws
    ]
    used = -parts.balance_minor
    words = "Customer balance used" if used < 0 else "To the customer balance"
    rows.append(SettledRow(words, "", document.money(used)))
    rows += [
        SettledRow(
            receipt.words,
            day(local_date(receipt.received_at, zone)),
            -receipt.amount,
            receipt.link,
        )
        for receipt in receipts
    ]
    rows += [_note_row(found.note, -found.total, zone) for found in settled.notes]
    back = document.money(parts.given_back_minor)
    rows.append(SettledRow("Given back of what was paid", "", back))
    off = document.money(-parts.written_off_minor)
    rows.append(SettledRow("Written off", "", off))
    return [row for row in rows if row.amount] + [SettledRow("Due", "", document.due)]


def _note_row(note: CreditNote, amount: Money, zone: str) -> SettledRow:
    words = f"Credit note {note.number}"
    return SettledRow(words, day(local_date(note.issued_at, zone)), amount, link_to(note, words))


def statement_table(rows: Sequence[SettledRow]) -> Table:
    return Table(
        title="From the total to what is due",
        columns=("What", "Date", "Amount"),
        rows=[(row.link or row.words, row.on, money(row.amount)) for row in rows],
        empty="",
        numeric=("Amount",),
        anchor="settlement",
    )
