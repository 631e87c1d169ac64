"""Credit notes: issued by line and amount, settled, made void."""

from collections.abc import Sequence
from datetime import datetime

from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from billing.selectors.amounts import issued_lines
from billing.services.crediting import Credited, note_key, plan_credit_note
from billing.services.giving_back import to_wallet
from billing.services.numbers import CREDIT_NOTES, take_numbers
from billing.services.settlement import lock_invoice, restate
from ledger.selectors.journal import moves_of_keys
from ledger.selectors.settlements import CREDIT_NOTE
from ledger.selectors.wallets import grants_of, next_occurrence
from ledger.services.journal import post_entry, reverse_entry
from ledger.services.wallets import ISSUE as GRANT_ISSUE
from ledger.services.wallets import clear_ended, close_grant
from ledger.templates import OperationKey
from ledger.templates.keys import REFUNDS
from neruba.actor import Actor
from neruba.errors import ConflictError
from neruba.ids import new_id
from neruba.money import Money, allocate
from neruba.services.audit import record

CREDIT_NOTE_VOID = "credit_note.void"


def issue_credit_note(
    *,
    invoice: Invoice,
    lines: Sequence[Credited],
    settle: str,
    reason: str,
    actor: Actor,
    at: datetime,
) -> CreditNote:
    """Give back amounts of lines of an issued invoice, in the caller's transaction: first what is
    unpaid of it, the rest the way `settle` says.

    Promotional credit that was drawn goes back to its grants before anything else does, so that it
    never turns into cash. Raises InvalidError with a pointer for a line that is not there and for
    more than is left of one; ConflictError for an invoice that is void, a draft or written off, and
    for a refund above what was paid in money. The number is taken last.
    """
    invoice = lock_invoice(invoice)
    plan = plan_credit_note(invoice, lines, settle=settle, at=at)
    entry = OperationKey(CREDIT_NOTE, plan.key)
    post_entry(project=invoice.project, key=entry, moves=plan.moves, occurred_at=at, at=at)
    clear_ended(project=invoice.project, grants=plan.back.grants, at=at)
    grant = ""
    if plan.back.wallet_minor:
        amount = Money(plan.back.wallet_minor, invoice.currency)
        grant = to_wallet(invoice, amount, reason=reason, actor=actor, at=at)
    note = CreditNote(
        project=invoice.project,
        public_id=new_id("cn"),
        operation_key=plan.key,
        invoice=invoice,
        customer=invoice.customer,
        currency=invoice.currency,
        settle=settle,
        reason=reason,
        issued_by=actor.name,
        issued_at=at,
        grant=grant,
    )
    restate(invoice.project, [invoice])
    note.sequence = take_numbers(invoice.project, CREDIT_NOTES, 1)[0]
    note.save(force_insert=True)
    _store_lines(note, plan.lines)
    _note(
        note,
        "credit_note.issued",
        Money(plan.total_minor, note.currency),
        actor,
        at=at,
        reason=reason,
    )
    return note


def _store_lines(note: CreditNote, chosen: Sequence[tuple[InvoiceLine, Credited]]) -> None:
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            project=note.project,
            credit_note=note,
            invoice_line=line,
            key=note_key(note.operation_key, line),
            position=position,
            description=line.description,
            quantity=one.quantity,
        )
        for position, (line, one) in enumerate(chosen)
    )


def in_proportion(invoice: Invoice, amount: Money) -> list[Credited]:
    """An amount with tax spread over what is left of the invoice's lines with theirs, by largest
    remainder.

    Raises ConflictError where less than that is left.
    """
    lines = [one for one in issued_lines(invoice) if one.gross_left_minor]
    left = sum(one.gross_left_minor for one in lines)
    if amount.minor > left:
        raise ConflictError(
            f"{Money(left, invoice.currency)} is left of the lines of this invoice; "
            f"{amount} cannot be given back."
        )
    answer = []
    parts = allocate(amount.minor, [one.gross_left_minor for one in lines])
    for one, gross in zip(lines, parts, strict=True):
        if gross:
            net, taxes = one.parts_of(gross)
            answer.append(Credited(one.line.line_key, net, taxes=taxes))
    return answer


def check_note_void(note: CreditNote) -> None:
    """Raises ConflictError for a credit note that is void already or was refunded."""
    if note.status == CreditNote.Status.VOID:
        raise ConflictError("This credit note is void already.")
    if _was_refunded(note):
        raise ConflictError("This credit note was settled by a refund, which is not taken back.")


def void_credit_note(*, note: CreditNote, reason: str, actor: Actor, at: datetime) -> CreditNote:
    """Take a credit note back: its entry is reversed, and the invoice is due again by as much.

    Raises ConflictError for one that is void or was refunded, BalanceTooLowError where what it gave
    was spent.
    """
    invoice = lock_invoice(note.invoice)
    note = CreditNote.objects.select_related("project", "customer", "invoice").get(pk=note.pk)
    check_note_void(note)
    if note.grant:
        _take_back(note, at=at)
    entry = OperationKey(CREDIT_NOTE, note.operation_key)
    void = OperationKey(CREDIT_NOTE_VOID, note.operation_key)
    reverse_entry(project=note.project, key_of=entry, key=void, occurred_at=at, at=at)
    note.status, note.voided_at = CreditNote.Status.VOID, at
    note.save(update_fields=["status", "voided_at"])
    restate(note.project, [invoice])
    _note(note, "credit_note.voided", None, actor, at=at, reason=reason)
    return note


def _was_refunded(note: CreditNote) -> bool:
    moves = moves_of_keys(note.project, [OperationKey(CREDIT_NOTE, note.operation_key)])
    return any(move.credit.code == REFUNDS for entry in moves.values() for move in entry)


def _take_back(note: CreditNote, *, at: datetime) -> None:
    """The grant that the note made; refused by its floor where it was drawn on."""
    occurrence = next_occurrence(note.project, CREDIT_NOTE_VOID, note.grant)
    reverse_entry(
        project=note.project,
        key_of=OperationKey(GRANT_ISSUE, note.grant),
        key=OperationKey(CREDIT_NOTE_VOID, note.grant, occurrence),
        occurred_at=at,
        at=at,
    )
    close_grant(grants_of(note.project).get(public_id=note.grant))


def _note(
    note: CreditNote,
    action: str,
    amount: Money | None,
    actor: Actor,
    *,
    at: datetime,
    reason: str,
) -> None:
    details = {"number": note.number, "invoice": note.invoice.number, "settle": note.settle}
    if amount is not None:
        details["amount"] = str(amount)
    record(
        project=note.project,
        actor=actor,
        action=action,
        on=("credit_note", note.public_id),
        at=at,
        reason=reason,
        details=details,
    )
