"""What a credit note would do: worked out once, for the preview and for the issue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import CreditNote, Invoice, InvoiceLine
from billing.selectors.amounts import deferrals, left_of_lines, lines_of
from billing.services.giving_back import GivenBack, give_back
from ledger.selectors.settlements import settlement_of
from ledger.templates import Move
from ledger.templates.invoices import CreditedLine, credit_note_moves
from neruba.errors import ConflictError, InvalidError
from neruba.money import Money

CREDITABLE = (Invoice.Status.OPEN, Invoice.Status.PAID)


@dataclass(frozen=True, slots=True)
class Credited:
    """So much of a line of the invoice, net, in minor units above zero; `quantity` is what it says
    of it.
    """

    line: str
    amount_minor: int
    quantity: str = ""


@dataclass(frozen=True, slots=True)
class CreditPlan:
    """A credit note before it is issued: `total_minor` of its lines, of which `unpaid_minor` lowers
    what is due and the rest goes `back`.
    """

    key: str
    lines: tuple[tuple[InvoiceLine, Credited], ...]
    moves: tuple[Move, ...]
    total_minor: int
    unpaid_minor: int
    back: GivenBack


def plan_credit_note(
    invoice: Invoice, lines: Sequence[Credited], *, settle: str, at: datetime
) -> CreditPlan:
    """What a credit note on these amounts of lines would post at `at`; nothing is written.

    It holds as long as nothing settles the invoice: who acts on it holds the customer's lock.
    Raises InvalidError with a pointer for a line that is not there and for more than is left of
    one; ConflictError for an invoice that is void, a draft or written off, and for a refund where
    nothing was paid in money.
    """
    if invoice.status not in CREDITABLE:
        raise ConflictError(f"This invoice is {invoice.status}: a credit note is for what stands.")
    chosen = _chosen(invoice, lines)
    key = f"{invoice.operation_key}:{CreditNote.objects.filter(invoice=invoice).count() + 1}"
    deferred = deferrals(invoice, [line for line, _ in chosen], at=at)
    credited = [
        CreditedLine(note_key(key, line), one.amount_minor, deferral=deferred.get(line.pk))
        for line, one in chosen
    ]
    total = sum(one.amount_minor for one in credited)
    settled = settlement_of(invoice.project, invoice.document)
    excess = max(0, total - settled.due_minor)
    if settled.written_off_minor and excess > max(0, settled.kept_minor):
        raise ConflictError(
            "Part of this invoice is written off: recover that before it is credited."
        )
    back = give_back(invoice, excess, settle=settle, line=f"{key}/excess")
    moves = credit_note_moves(
        credited,
        currency=invoice.currency,
        party=invoice.customer.external_id,
        document=invoice.document,
    )
    return CreditPlan(key, tuple(chosen), moves + back.moves, total, total - excess, back)


def note_key(key: str, line: InvoiceLine) -> str:
    """How transfers name a line of a credit note."""
    return f"{key}/{line.line_key}"


def _chosen(invoice: Invoice, lines: Sequence[Credited]) -> list[tuple[InvoiceLine, Credited]]:
    """The lines that are credited, each checked against what is left of it."""
    own = lines_of(invoice)
    by_key = {line.line_key: line for line in own}
    left = left_of_lines(invoice, own)
    chosen: dict[str, tuple[InvoiceLine, Credited]] = {}
    if not lines:
        raise InvalidError("A credit note has a line.", pointer="/lines")
    for index, one in enumerate(lines):
        line = by_key.get(one.line)
        if line is None:
            raise InvalidError("The invoice has no such line.", pointer=f"/lines/{index}/line")
        if one.line in chosen:
            raise InvalidError("The line is named twice.", pointer=f"/lines/{index}/line")
        if not 0 < one.amount_minor <= left[one.line]:
            raise InvalidError(
                f"{Money(left[one.line], invoice.currency)} is left of this line; "
                f"{Money(one.amount_minor, invoice.currency)} cannot be given back.",
                pointer=f"/lines/{index}/amount",
            )
        chosen[one.line] = (line, one)
    return list(chosen.values())
