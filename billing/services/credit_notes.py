"""Credit notes: issued by line and amount, settled, made void."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from billing.selectors.amounts import deferrals, given_back, line_amount, lines_of
from billing.services.giving_back import give_back, to_wallet
from billing.services.numbers import CREDIT_NOTES, take_numbers
from billing.services.settlement import lock_invoice, restate
from ledger.selectors.journal import moves_of_keys
from ledger.selectors.settlements import CREDIT_NOTE, settlement_of
from ledger.selectors.wallets import grants_of, next_occurrence
from ledger.services.journal import post_entry, reverse_entry
from ledger.services.wallets import ISSUE as GRANT_ISSUE
from ledger.services.wallets import clear_ended, close_grant
from ledger.templates import OperationKey
from ledger.templates.invoices import CreditedLine, credit_note_moves
from ledger.templates.keys import REFUNDS
from neruba.actor import Actor
from neruba.errors import ConflictError, InvalidError
from neruba.ids import new_id
from neruba.money import Money, allocate
from neruba.services.audit import record

CREDIT_NOTE_VOID = "credit_note.void"
CREDITABLE = (Invoice.Status.OPEN, Invoice.Status.PAID)


@dataclass(frozen=True, slots=True)
class Credited:
    """So much of a line of the invoice, net, in minor units above zero; `quantity` is what it says
    of it.
    """

    line: str
    amount_minor: int
    quantity: str = ""


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
    if invoice.status not in CREDITABLE:
        raise ConflictError(f"This invoice is {invoice.status}: a credit note is for what stands.")
    own = lines_of(invoice)
    chosen = _chosen(invoice, own, lines)
    key = f"{invoice.operation_key}:{_next_note(invoice)}"
    deferred = deferrals(invoice, [line for line, _ in chosen], at=at)
    credited = [
        CreditedLine(_note_key(key, line), one.amount_minor, deferral=deferred.get(line.pk))
        for line, one in chosen
    ]
    total = sum(one.amount_minor for one in credited)
    settled = settlement_of(invoice.project, invoice.document)
    moves = credit_note_moves(
        credited,
        currency=invoice.currency,
        party=invoice.customer.external_id,
        document=invoice.document,
    )
    excess = max(0, total - settled.due_minor)
    if settled.written_off_minor and excess > max(0, settled.kept_minor):
        raise ConflictError(
            "Part of this invoice is written off: recover that before it is credited."
        )
    back = give_back(invoice, excess, settle=settle, line=f"{key}/excess")
    entry = OperationKey(CREDIT_NOTE, key)
    post_entry(project=invoice.project, key=entry, moves=moves + back.moves, occurred_at=at, at=at)
    clear_ended(project=invoice.project, grants=back.grants, at=at)
    grant = ""
    if back.wallet_minor:
        amount = Money(back.wallet_minor, invoice.currency)
        grant = to_wallet(invoice, amount, reason=reason, actor=actor, at=at)
    note = CreditNote(
        project=invoice.project,
        public_id=new_id("cn"),
        operation_key=key,
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
    _store_lines(note, chosen)
    _note(note, "credit_note.issued", Money(total, note.currency), actor, at=at, reason=reason)
    return note


def _next_note(invoice: Invoice) -> int:
    return CreditNote.objects.filter(invoice=invoice).count() + 1


def _note_key(key: str, line: InvoiceLine) -> str:
    """How transfers name a line of a credit note."""
    return f"{key}/{line.line_key}"


def _chosen(
    invoice: Invoice, own: Sequence[InvoiceLine], lines: Sequence[Credited]
) -> list[tuple[InvoiceLine, Credited]]:
    """The lines that are credited, each checked against what is left of it."""
    by_key = {line.line_key: line for line in own}
    back = given_back(invoice, own)
    chosen: dict[str, tuple[InvoiceLine, Credited]] = {}
    if not lines:
        raise InvalidError("A credit note has a line.", pointer="/lines")
    for index, one in enumerate(lines):
        line = by_key.get(one.line)
        if line is None:
            raise InvalidError("The invoice has no such line.", pointer=f"/lines/{index}/line")
        if one.line in chosen:
            raise InvalidError("The line is named twice.", pointer=f"/lines/{index}/line")
        left = max(0, line_amount(line, invoice.currency).minor - back.get(line.pk, 0))
        if not 0 < one.amount_minor <= left:
            raise InvalidError(
                f"{Money(left, invoice.currency)} is left of this line; "
                f"{Money(one.amount_minor, invoice.currency)} cannot be given back.",
                pointer=f"/lines/{index}/amount",
            )
        chosen[one.line] = (line, one)
    return list(chosen.values())


def _store_lines(note: CreditNote, chosen: Sequence[tuple[InvoiceLine, Credited]]) -> None:
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            project=note.project,
            credit_note=note,
            invoice_line=line,
            key=_note_key(note.operation_key, line),
            position=position,
            description=line.description,
            quantity=one.quantity,
        )
        for position, (line, one) in enumerate(chosen)
    )


def in_proportion(invoice: Invoice, amount: Money) -> list[Credited]:
    """An amount spread over what is left of the invoice's lines, by largest remainder.

    Raises ConflictError where less than that is left.
    """
    own = lines_of(invoice)
    back = given_back(invoice, own)
    left = [
        max(0, line_amount(line, invoice.currency).minor - back.get(line.pk, 0)) for line in own
    ]
    if amount.minor > sum(left):
        raise ConflictError(
            f"{Money(sum(left), invoice.currency)} is left of the lines of this invoice; "
            f"{amount} cannot be given back."
        )
    parts: Mapping[str, int] = dict(
        zip([line.line_key for line in own], allocate(amount.minor, left), strict=True)
    )
    return [Credited(key, minor) for key, minor in parts.items() if minor]


def void_credit_note(*, note: CreditNote, reason: str, actor: Actor, at: datetime) -> CreditNote:
    """Take a credit note back: its entry is reversed, and the invoice is due again by as much.

    Raises ConflictError for one that is void or was refunded, BalanceTooLowError where what it gave
    was spent.
    """
    invoice = lock_invoice(note.invoice)
    note = CreditNote.objects.select_related("project", "customer", "invoice").get(pk=note.pk)
    if note.status == CreditNote.Status.VOID:
        raise ConflictError("This credit note is void already.")
    if _was_refunded(note):
        raise ConflictError("This credit note was settled by a refund, which is not taken back.")
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
