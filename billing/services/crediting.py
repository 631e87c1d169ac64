"""What a credit note would do: worked out once, for the preview and for the issue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import CreditNote, Invoice, InvoiceLine
from billing.selectors.amounts import IssuedLine, deferrals, issued_lines
from billing.selectors.tax_relief import taxes_standing
from billing.services.giving_back import GivenBack, give_back
from ledger.selectors.settlements import settlement_of
from ledger.templates import Move
from ledger.templates.invoices import CreditedLine, credit_note_moves
from neruba.errors import ConflictError, InvalidError
from neruba.money import Money

CREDITABLE = (Invoice.Status.OPEN, Invoice.Status.PAID)


@dataclass(frozen=True, slots=True)
class Credited:
    """So much of a line of the invoice, net, in minor units, zero only where tax goes back alone;
    `quantity` is what it says of it. `taxes` is what goes back with it, by rate; None: in
    proportion.
    """

    line: str
    amount_minor: int
    quantity: str = ""
    taxes: tuple[tuple[str, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class CreditPlan:
    """A credit note before it is issued: `total_minor` of its lines, `tax_minor` of it tax, of
    which `unpaid_minor` lowers what is due and the rest goes `back`.
    """

    key: str
    lines: tuple[tuple[InvoiceLine, Credited], ...]
    moves: tuple[Move, ...]
    total_minor: int
    tax_minor: int
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
    deferred = deferrals(invoice, [billed.line for billed, _ in chosen], at=at)
    credited = [
        CreditedLine(
            note_key(key, billed.line),
            one.amount_minor,
            taxes=billed.taxes_on(one.amount_minor) if one.taxes is None else one.taxes,
            deferral=deferred.get(billed.line.pk),
        )
        for billed, one in chosen
    ]
    tax = sum(minor for one in credited for _, minor in one.taxes)
    total = tax + sum(one.amount_minor for one in credited)
    settled = settlement_of(invoice.project, invoice.document)
    excess = max(0, total - settled.due_minor)
    if settled.written_off_minor and excess > max(0, settled.kept_minor):
        raise ConflictError(
            "Part of this invoice is written off: recover that before it is credited."
        )
    if settled.written_off_minor:
        _check_relief(invoice, credited)
    back = give_back(invoice, excess, settle=settle, line=f"{key}/excess")
    moves = credit_note_moves(
        credited,
        currency=invoice.currency,
        party=invoice.customer.external_id,
        document=invoice.document,
    )
    pairs = tuple((billed.line, one) for billed, one in chosen)
    return CreditPlan(key, pairs, moves + back.moves, total, tax, total - excess, back)


def _check_relief(invoice: Invoice, credited: Sequence[CreditedLine]) -> None:
    """Tax that a write-off relieved cannot be given back too."""
    billed, relieved = taxes_standing(invoice)
    for one in credited:
        for rate, minor in one.taxes:
            billed[rate] -= minor
    if any(billed[rate] < minor for rate, minor in relieved.items()):
        raise ConflictError(
            "The tax on part of this invoice is relieved by a write-off: recover that before it is "
            "credited."
        )


def note_key(key: str, line: InvoiceLine) -> str:
    """How transfers name a line of a credit note."""
    return f"{key}/{line.line_key}"


def _chosen(invoice: Invoice, lines: Sequence[Credited]) -> list[tuple[IssuedLine, Credited]]:
    """The lines that are credited, each checked against what is left of it."""
    by_key = {one.line.line_key: one for one in issued_lines(invoice)}
    chosen: dict[str, tuple[IssuedLine, Credited]] = {}
    if not lines:
        raise InvalidError("A credit note has a line.", pointer="/lines")
    for index, one in enumerate(lines):
        billed = by_key.get(one.line)
        if billed is None:
            raise InvalidError("The invoice has no such line.", pointer=f"/lines/{index}/line")
        if one.line in chosen:
            raise InvalidError("The line is named twice.", pointer=f"/lines/{index}/line")
        # Tax may be left alone: parts of what was paid are spread over net and tax.
        is_tax_alone = one.amount_minor == billed.left_minor < billed.gross_left_minor
        is_nothing = one.amount_minor <= 0 and one.taxes is None and not is_tax_alone
        if is_nothing or one.amount_minor > billed.left_minor:
            raise InvalidError(
                f"{Money(billed.left_minor, invoice.currency)} is left of this line; "
                f"{Money(one.amount_minor, invoice.currency)} cannot be given back.",
                pointer=f"/lines/{index}/amount",
            )
        chosen[one.line] = (billed, one)
    return list(chosen.values())
