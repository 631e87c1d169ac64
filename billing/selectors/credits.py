"""What invoices draw on before anybody is asked for money: grants, then the customer balance. The
same for those that are issued and those that are only shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.models import Invoice
from billing.selectors.contents import Computed, order_of
from ledger.drawing import Draw, Payable, draws
from ledger.selectors.settlements import CREDITS, Settlement
from ledger.selectors.wallets import Funds, funds_of
from ledger.templates import Move, OperationKey, Posting
from ledger.templates.credits import balance_used_moves, drawn_moves
from ledger.templates.invoices import below_zero_moves
from ledger.templates.keys import BALANCE, RECEIVABLE
from neruba.models import Project


@dataclass(frozen=True, slots=True)
class Drawing:
    """An invoice as credits see it: its lines, what is due of it (minor units), when it draws."""

    invoice: Invoice
    party: str
    lines: tuple[Payable, ...]
    due_minor: int
    at: datetime


def drawing_of(one: Computed, *, at: datetime) -> Drawing:
    """A document that is not issued yet, as credits see it."""
    composed = one.content.composed
    owed = {line.key: line.amount_minor for line in composed.lines}
    for given in composed.discounts:
        owed[given.line] -= given.amount_minor
    for tax in composed.taxes:
        for line, _, minor in tax.parts:
            owed[line] += minor
    lines = tuple(Payable(line.price, owed[line.key]) for line in composed.lines)
    return Drawing(one.invoice, one.content.facts.customer, lines, one.content.total.minor, at)


def credit_postings(project: Project, drawings: Sequence[Drawing]) -> dict[int, Posting]:
    """What each of these new invoices draws, by index, in their order: nothing for those of
    customers without credit. An invoice below zero goes to the customer balance.

    Whoever posts them holds the customers' locks.
    """
    parties = {one.party for one in drawings}
    funds: dict[tuple[str, str], Funds] = dict(funds_of(project, parties))
    postings = {}
    for index, one in enumerate(drawings):
        owner = one.party, one.invoice.currency
        moves, funds[owner] = drawing_moves(one, funds.get(owner, Funds()))
        if moves:
            postings[index] = Posting(
                OperationKey(CREDITS, one.invoice.operation_key), moves, occurred_at=one.at
            )
    return postings


def drawing_moves(one: Drawing, funds: Funds) -> tuple[tuple[Move, ...], Funds]:
    """What an invoice draws, and what that leaves of the funds."""
    currency, document = one.invoice.currency, one.invoice.document
    if one.due_minor < 0:
        back = -one.due_minor
        moves = below_zero_moves(back, currency=currency, party=one.party, document=document)
        return moves, replace(funds, balance_minor=funds.balance_minor + back)
    drawn = draws(one.lines, due_minor=one.due_minor, grants=funds.grants, at=one.at)
    moves = tuple(
        move for draw in drawn for move in drawn_moves(draw.key, draw.amount_minor, document)
    )
    rest = one.due_minor - sum(draw.amount_minor for draw in drawn)
    used = min(rest, funds.balance_minor)
    if used:
        moves += balance_used_moves(used, currency=currency, party=one.party, document=document)
    return moves, _less(funds, drawn, used)


def settled_minor(posting: Posting | None) -> tuple[int, int]:
    """How much of an invoice a posting of credits settles, by grants and by the customer balance,
    in minor units; the second below zero for an invoice that is below zero.
    """
    grants = balance = 0
    for move in posting.moves if posting is not None else ():
        if move.debit.code == RECEIVABLE:
            balance -= move.amount_minor
        elif move.credit.code == RECEIVABLE and move.debit.code == BALANCE:
            balance += move.amount_minor
        elif move.credit.code == RECEIVABLE:
            grants += move.amount_minor
    return grants, balance


def _less(funds: Funds, drawn: Sequence[Draw], used_minor: int) -> Funds:
    taken: Mapping[str, int] = {draw.key.grant: draw.amount_minor for draw in drawn}
    grants = tuple(
        replace(grant, balance_minor=grant.balance_minor - taken.get(grant.key.grant, 0))
        for grant in funds.grants
    )
    return Funds(grants, funds.balance_minor - used_minor)


def expected_settlements(project: Project, found: Sequence[Computed]) -> dict[int, Settlement]:
    """What these documents, which are not issued, would draw when they are, by index: in the order
    in which they would be issued, of what is there now.
    """
    order = sorted(range(len(found)), key=lambda index: order_of(found[index].invoice))
    drawings = [drawing_of(found[index], at=found[index].invoice.due_at) for index in order]
    postings = credit_postings(project, drawings)
    answer = {}
    for place, index in enumerate(order):
        grants, balance = settled_minor(postings.get(place))
        answer[index] = Settlement(
            total_minor=found[index].content.total.minor,
            credits_minor=grants,
            balance_minor=balance,
        )
    return answer
