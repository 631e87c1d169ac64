"""What payments paid: it stands in the ledger, under `payment:<public id>`."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import Invoice
from ledger.selectors.journal import moves_about, transfers_of_documents
from ledger.templates import Move
from ledger.templates.keys import BALANCE, RECEIVABLE, UNAPPLIED
from neruba.models import Project
from neruba.money import Money
from payments.entries import FAILED, MATCHED, RECEIVED
from payments.models import Payment
from payments.selectors.applied import invoices_of_documents

# The entries that say where the money of a payment went, or that it did not come after all.
KINDS = (RECEIVED, MATCHED, FAILED)


@dataclass(frozen=True, slots=True)
class Paid:
    """So much of a payment, in minor units, that stands to an invoice."""

    invoice: Invoice
    amount_minor: int


@dataclass(frozen=True, slots=True)
class PaymentDocument:
    """A payment with where it went, in minor units: invoices in the order of payment, the customer
    balance, receipts whose customer is not known. A payment that failed went nowhere.
    """

    payment: Payment
    paid: tuple[Paid, ...]
    balance_minor: int
    unapplied_minor: int

    def money(self, minor: int) -> Money:
        return Money(minor, self.payment.currency)


def line_of(payment: Payment) -> str:
    """How transfers name a payment."""
    return f"payment:{payment.public_id}"


def payment_documents(project: Project, payments: Sequence[Payment]) -> list[PaymentDocument]:
    """The documents of these payments, in their order; three queries for any number."""
    moves = moves_about(project, KINDS, [payment.operation_key for payment in payments])
    parts = {payment.pk: _parts(moves[payment.operation_key]) for payment in payments}
    documents = {document for one in parts.values() for _, document in one if document}
    invoices = invoices_of_documents(project, documents)
    return [_document(payment, parts[payment.pk], invoices) for payment in payments]


def _parts(moves: Sequence[Move]) -> dict[tuple[str, str], int]:
    """What stands on each account for each document: what a later entry took back lowers it."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for move in moves:
        sums[move.credit.code, move.document] += move.amount_minor
        sums[move.debit.code, move.document] -= move.amount_minor
    return sums


def _document(
    payment: Payment, parts: dict[tuple[str, str], int], invoices: dict[str, Invoice]
) -> PaymentDocument:
    paid = tuple(
        Paid(invoices[document], minor)
        for (code, document), minor in parts.items()
        if code == RECEIVABLE and minor > 0 and document in invoices
    )

    def total(code: str) -> int:
        return sum(minor for (account, _), minor in parts.items() if account == code)

    return PaymentDocument(payment, paid, total(BALANCE), total(UNAPPLIED))


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that paid an invoice: so much of a payment, in minor units, and when it counts."""

    payment: Payment
    amount_minor: int
    received_at: datetime


def receipts_of(invoice: Invoice) -> list[Receipt]:
    """The payments of an invoice, oldest first; those that were taken back are left out."""
    sums: dict[str, int] = defaultdict(int)
    for row in transfers_of_documents(invoice.project, [invoice.document]):
        if row.credit_account.code == RECEIVABLE:
            sums[row.line] += row.amount_minor
        elif row.debit_account.code == RECEIVABLE:
            sums[row.line] -= row.amount_minor
    ids = [line.removeprefix("payment:") for line in sums if line.startswith("payment:")]
    rows = Payment.objects.filter(project=invoice.project_id, public_id__in=ids).order_by("id")
    return [
        Receipt(payment, sums[line_of(payment)], payment.received_at)
        for payment in rows
        if sums[line_of(payment)] > 0
    ]
