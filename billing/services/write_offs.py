"""Giving up what is due of an invoice, getting it after all, and taking a whole invoice back."""

from datetime import datetime

from billing.models import CreditNote, Invoice
from billing.selectors.amounts import deferrals, lines_of
from billing.selectors.tax_relief import tax_due_again, tax_relief
from billing.services.settlement import lock_invoice, restate
from ledger.selectors.journal import entries_to_reverse, moves_of_document
from ledger.selectors.settlements import (
    RECOVER,
    VOID,
    VOID_PAYMENTS,
    WRITE_OFF,
    settlement_of,
)
from ledger.selectors.wallets import drawn_of, next_occurrence, refunds_promised
from ledger.services.journal import post_entry, reverse_entry
from ledger.services.wallets import clear_ended
from ledger.templates import Move, OperationKey
from ledger.templates.invoices import (
    below_zero_moves,
    recovery_moves,
    write_off_moves,
)
from ledger.templates.keys import RECEIVABLE
from neruba.actor import Actor
from neruba.errors import ConflictError, InvalidError
from neruba.money import Money
from neruba.services.audit import record


def due_to_write_off(invoice: Invoice) -> Money:
    """What a write-off would give up. Raises ConflictError for an invoice that is not open."""
    if invoice.status != Invoice.Status.OPEN:
        raise ConflictError(f"This invoice is {invoice.status}: nothing of it is due.")
    due = settlement_of(invoice.project, invoice.document).due_minor
    return Money(due, invoice.currency)


def moves_of_write_off(invoice: Invoice, amount: Money, *, at: datetime) -> tuple[Move, ...]:
    """What giving up the amount would post at `at`; nothing is written."""
    found = deferrals(invoice, lines_of(invoice), at=at)
    relieved = tax_relief(invoice, amount) if invoice.project.policy.bad_debt_tax_relief else {}
    return write_off_moves(
        amount.minor,
        list(found.values()),
        taxes=list(relieved.items()),
        currency=invoice.currency,
        party=invoice.customer.external_id,
        document=invoice.document,
    )


def write_off(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> Money:
    """Give up what is due of an open invoice, in the caller's transaction; return how much.

    What is not earned yet is taken from deferred revenue, the rest is bad debt; its tax is not paid
    any more where the project has `bad_debt_tax_relief`. Raises ConflictError for an invoice that
    is not open.
    """
    invoice = lock_invoice(invoice)
    amount = due_to_write_off(invoice)
    moves = moves_of_write_off(invoice, amount, at=at)
    post_entry(
        project=invoice.project, key=_key(invoice, WRITE_OFF), moves=moves, occurred_at=at, at=at
    )
    restate(invoice.project, [invoice])
    _note(invoice, "invoice.written_off", amount, actor=actor, at=at, reason=reason)
    return amount


def recover(*, invoice: Invoice, amount: Money, reason: str, actor: Actor, at: datetime) -> None:
    """As much of a write-off as came in after all is due again, in the caller's transaction, so
    that a payment can pay it.

    Raises InvalidError for an amount of zero or less, ConflictError above what stands written off.
    """
    if amount.minor <= 0:
        raise InvalidError("The amount must be above zero.", pointer="/amount")
    invoice = lock_invoice(invoice)
    off = settlement_of(invoice.project, invoice.document).written_off_minor
    if amount.currency != invoice.currency or amount.minor > off:
        raise ConflictError(
            f"{Money(off, invoice.currency)} of this invoice stands written off; "
            f"{amount} cannot be recovered."
        )
    given_up = moves_of_document(invoice.project, invoice.document, kind=WRITE_OFF)
    moves = recovery_moves(
        [move for move in given_up if move.credit.code == RECEIVABLE],
        moves_of_document(invoice.project, invoice.document, kind=RECOVER),
        amount_minor=amount.minor,
        taxes=tax_due_again(invoice, amount),
    )
    post_entry(
        project=invoice.project, key=_key(invoice, RECOVER), moves=moves, occurred_at=at, at=at
    )
    restate(invoice.project, [invoice])
    _note(invoice, "invoice.recovered", amount, actor=actor, at=at, reason=reason)


def check_void(invoice: Invoice) -> None:
    """Raises ConflictError where an issued invoice cannot be taken back as a whole."""
    if invoice.status == Invoice.Status.VOID:
        raise ConflictError("This invoice is void already.")
    notes = CreditNote.objects.filter(invoice=invoice, status=CreditNote.Status.ISSUED)
    if refunds_promised(invoice.project, invoice.document):
        raise ConflictError(
            "Something of this invoice was refunded: give back the rest by credit notes."
        )
    if numbers := [str(note) for note in notes.order_by("sequence")]:
        raise ConflictError(f"Void its credit notes first: {', '.join(numbers)}.")


def void_invoice(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> Invoice:
    """Take an issued invoice back, in the caller's transaction: every entry of it is reversed, the
    last one first; draws return to their grants, payments to the customer balance.

    Raises ConflictError for one that is void, that has credit notes which stand, or of which
    something was refunded; BalanceTooLowError where what it gave to the balance was spent.
    """
    invoice = lock_invoice(invoice)
    check_void(invoice)
    grants = [key.grant for key, _ in drawn_of(invoice.project, invoice.document)]
    paid = settlement_of(invoice.project, invoice.document).paid_minor
    for key in entries_to_reverse(invoice.project, invoice.document):
        reverse_entry(
            project=invoice.project,
            key_of=key,
            key=OperationKey(VOID, str(key)),
            occurred_at=at,
            at=at,
        )
    if paid:
        moves = below_zero_moves(
            paid,
            currency=invoice.currency,
            party=invoice.customer.external_id,
            document=invoice.document,
        )
        post_entry(
            project=invoice.project,
            key=OperationKey(VOID_PAYMENTS, invoice.operation_key),
            moves=moves,
            occurred_at=at,
            at=at,
        )
    clear_ended(project=invoice.project, grants=grants, at=at)
    invoice.status = Invoice.Status.VOID
    invoice.save(update_fields=["status"])
    _note(invoice, "invoice.voided", None, actor=actor, at=at, reason=reason)
    return invoice


def _key(invoice: Invoice, kind: str) -> OperationKey:
    occurrence = next_occurrence(invoice.project, kind, invoice.operation_key)
    return OperationKey(kind, invoice.operation_key, occurrence)


def _note(
    invoice: Invoice,
    action: str,
    amount: Money | None,
    *,
    actor: Actor,
    at: datetime,
    reason: str,
) -> None:
    details = {"number": str(invoice)}
    if amount is not None:
        details["amount"] = str(amount)
    record(
        project=invoice.project,
        actor=actor,
        action=action,
        on=("invoice", invoice.public_id),
        at=at,
        reason=reason,
        details=details,
    )
