"""What pays for an invoice before anybody is asked for money: grants, then the customer balance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.models import Invoice
from billing.selectors.amounts import line_amount, lines_of
from billing.services.settlement import lock_invoice, restate
from ledger.drawing import Draw, Payable, draws
from ledger.selectors.settlements import CREDITS, settlement_of
from ledger.selectors.wallets import Funds, funds_of, next_occurrence
from ledger.services.journal import post_entries
from ledger.templates import Move, OperationKey, Posting
from ledger.templates.credits import balance_used_moves, drawn_moves
from ledger.templates.invoices import below_zero_moves
from ledger.templates.keys import RECEIVABLE
from neruba.actor import Actor
from neruba.errors import ConflictError
from neruba.models import Project
from neruba.money import Money
from neruba.services.audit import record


@dataclass(frozen=True, slots=True)
class Drawing:
    """An invoice as credits see it: its lines, and what is due of it in minor units."""

    invoice: Invoice
    party: str
    lines: tuple[Payable, ...]
    due_minor: int


def credit_postings(
    project: Project, drawings: Sequence[Drawing], *, at: datetime
) -> dict[int, Posting]:
    """What each of these new invoices draws, by index, in their order: nothing for those of
    customers without credit. An invoice below zero goes to the customer balance.

    The caller holds the customers' locks.
    """
    parties = {one.party for one in drawings}
    funds: dict[tuple[str, str], Funds] = dict(funds_of(project, parties))
    postings = {}
    for index, one in enumerate(drawings):
        owner = one.party, one.invoice.currency
        moves, funds[owner] = _moves(one, funds.get(owner, Funds()), at)
        if moves:
            postings[index] = Posting(
                OperationKey(CREDITS, one.invoice.operation_key), moves, occurred_at=at
            )
    return postings


def _moves(one: Drawing, funds: Funds, at: datetime) -> tuple[tuple[Move, ...], Funds]:
    """What an invoice draws, and what that leaves of the funds."""
    currency, document = one.invoice.currency, one.invoice.document
    if one.due_minor < 0:
        back = -one.due_minor
        moves = below_zero_moves(back, currency=currency, party=one.party, document=document)
        return moves, replace(funds, balance_minor=funds.balance_minor + back)
    drawn = draws(one.lines, due_minor=one.due_minor, grants=funds.grants, at=at)
    moves = tuple(
        move for draw in drawn for move in drawn_moves(draw.key, draw.amount_minor, document)
    )
    rest = one.due_minor - sum(draw.amount_minor for draw in drawn)
    used = min(rest, funds.balance_minor)
    if used:
        moves += balance_used_moves(used, currency=currency, party=one.party, document=document)
    return moves, _less(funds, drawn, used)


def settled_minor(posting: Posting | None) -> int:
    """How much of an invoice a posting of credits settles, in minor units; below zero for one that
    is below zero.
    """
    moves = posting.moves if posting is not None else ()
    return sum(
        move.amount_minor if move.credit.code == RECEIVABLE else -move.amount_minor
        for move in moves
        if RECEIVABLE in (move.credit.code, move.debit.code)
    )


def _less(funds: Funds, drawn: Sequence[Draw], used_minor: int) -> Funds:
    taken: Mapping[str, int] = {draw.key.grant: draw.amount_minor for draw in drawn}
    grants = tuple(
        replace(grant, balance_minor=grant.balance_minor - taken.get(grant.key.grant, 0))
        for grant in funds.grants
    )
    return Funds(grants, funds.balance_minor - used_minor)


def apply_credits(*, invoice: Invoice, actor: Actor, at: datetime) -> Money:
    """Draw on what came after an open invoice was issued; return how much that paid.

    Raises ConflictError for one that is not open.
    """
    invoice = lock_invoice(invoice)
    if invoice.status != Invoice.Status.OPEN:
        raise ConflictError(f"This invoice is {invoice.status}: nothing of it is due.")
    due = settlement_of(invoice.project, invoice.document).due_minor
    party, currency = invoice.customer.external_id, invoice.currency
    lines = tuple(
        Payable(line.price, line_amount(line, currency).minor) for line in lines_of(invoice)
    )
    funds = funds_of(invoice.project, [party]).get((party, currency), Funds())
    moves, _ = _moves(Drawing(invoice, party, lines, due), funds, at)
    if not moves:
        return Money(0, currency)
    occurrence = next_occurrence(invoice.project, CREDITS, invoice.operation_key)
    key = OperationKey(CREDITS, invoice.operation_key, occurrence)
    post_entries(project=invoice.project, postings=[Posting(key, moves, at)], at=at)
    restate(invoice.project, [invoice])
    left = settlement_of(invoice.project, invoice.document).due_minor
    paid = Money(due - left, currency)
    record(
        project=invoice.project,
        actor=actor,
        action="invoice.credits_applied",
        on=("invoice", invoice.public_id),
        at=at,
        details={"amount": str(paid), "number": invoice.number},
    )
    return paid
