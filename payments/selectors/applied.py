"""What a payment was applied to, and how much of it can still go back."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db.models import Sum

from billing.models import Invoice
from ledger.selectors.journal import moves_of_keys
from ledger.templates import Move, OperationKey
from ledger.templates.keys import BALANCE, RECEIVABLE, UNAPPLIED
from neruba.models import Project
from payments.entries import MATCHED, RECEIVED
from payments.models import Dispute, Payment, Refund


@dataclass(frozen=True, slots=True)
class AppliedParts:
    """A payment by where it went, in minor units: documents in order, customer balance, unapplied
    receipts.
    """

    documents: tuple[tuple[str, int], ...]
    balance_minor: int
    unapplied_minor: int


def received_moves(payment: Payment) -> tuple[Move, ...]:
    """Where the payment's money went when it was received; of a receipt that was matched later, as
    if it had gone there at once. What was refunded of it before that is left out.
    """
    received = OperationKey(RECEIVED, payment.operation_key)
    matched = OperationKey(MATCHED, payment.operation_key)
    found = moves_of_keys(payment.project, [received, matched])
    moves = found.get(received, ())
    if matched not in found:
        return moves
    return tuple(replace(move, debit=moves[0].debit) for move in found[matched])


def applied_parts(payment: Payment) -> AppliedParts:
    """Where the payment went when it was received, or matched."""
    moves = received_moves(payment)

    def total(code: str) -> int:
        return sum(move.amount_minor for move in moves if move.credit.code == code)

    documents = tuple(
        (move.document, move.amount_minor) for move in moves if move.credit.code == RECEIVABLE
    )
    return AppliedParts(documents, total(BALANCE), total(UNAPPLIED))


def invoices_of_documents(project: Project, documents: Iterable[str]) -> dict[str, Invoice]:
    """Invoices by how the ledger names them; what is no invoice is left out."""
    keys = [name.removeprefix("invoice:") for name in documents if name.startswith("invoice:")]
    if not keys:
        return {}
    rows = Invoice.objects.filter(project=project, operation_key__in=keys)
    return {row.document: row for row in rows.select_related("project", "customer")}


def refunded_minor(payment: Payment) -> int:
    """What goes back or went back of the payment, in minor units."""
    rows = Refund.objects.filter(payment=payment).exclude(state=Refund.State.FAILED)
    return rows.aggregate(total=Sum("amount_minor"))["total"] or 0


def disputed_minor(payment: Payment) -> int:
    """What a dispute holds or took of the payment, in minor units."""
    rows = Dispute.objects.filter(payment=payment).exclude(state=Dispute.State.WON)
    return rows.aggregate(total=Sum("amount_minor"))["total"] or 0


def refundable_minor(payment: Payment) -> int:
    """How much of the payment can still be refunded, in minor units; the caller holds its lock."""
    if payment.state != Payment.State.SUCCEEDED:
        return 0
    return max(0, payment.amount_minor - refunded_minor(payment) - disputed_minor(payment))


def unmatched_minor(payment: Payment) -> int:
    """What of a receipt of nobody known was not given back, in minor units."""
    return payment.amount_minor - refunded_minor(payment)
