"""Payments, refunds, disputes, payouts. Pure.

`source` is where the money lies: 1000 at the payment provider, 1010 on the bank account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.templates.keys import (
    BALANCE,
    BANK,
    DISPUTE_FEES,
    DISPUTE_LOSSES,
    DISPUTED,
    PSP,
    PSP_FEES,
    RECEIVABLE,
    REFUNDS,
    UNAPPLIED,
    AccountKey,
    Move,
)

Source = Literal["psp", "bank"]
SOURCES: dict[Source, str] = {"psp": PSP, "bank": BANK}


@dataclass(frozen=True, slots=True)
class Applied:
    """So much of a payment, in minor units, to a document."""

    document: str
    amount_minor: int


def payment_moves(
    amount_minor: int,
    applied: Sequence[Applied],
    *,
    source: Source,
    currency: str,
    party: str,
    payment: str,
) -> tuple[Move, ...]:
    """Money that came in: to the receivables that it pays, the rest to the customer balance; of an
    unknown customer (`party` empty) all to unapplied receipts.
    """
    money = AccountKey(SOURCES[source], currency)
    line = f"payment:{payment}"
    receivable = AccountKey(RECEIVABLE, currency, party)
    moves = [Move(money, receivable, one.amount_minor, one.document, line) for one in applied]
    rest = amount_minor - sum(one.amount_minor for one in applied)
    if rest:
        target = AccountKey(BALANCE if party else UNAPPLIED, currency, party)
        moves.append(Move(money, target, rest, "", line))
    return tuple(moves)


def matched_moves(
    applied: Sequence[Applied], *, rest_minor: int, currency: str, party: str, payment: str
) -> tuple[Move, ...]:
    """An unapplied receipt finds its customer: to receivables, the rest to the customer balance."""
    unapplied = AccountKey(UNAPPLIED, currency)
    line = f"payment:{payment}"
    receivable = AccountKey(RECEIVABLE, currency, party)
    moves = [Move(unapplied, receivable, one.amount_minor, one.document, line) for one in applied]
    if rest_minor:
        moves.append(Move(unapplied, AccountKey(BALANCE, currency, party), rest_minor, "", line))
    return tuple(moves)


def fee_moves(amount_minor: int, *, currency: str, payment: str) -> tuple[Move, ...]:
    """What the provider kept of a payment."""
    fees = AccountKey(PSP_FEES, currency)
    return (Move(fees, AccountKey(PSP, currency), amount_minor, "", f"payment:{payment}"),)


def failed_moves(moves: Sequence[Move], *, shortage_minor: int, payment: str) -> tuple[Move, ...]:
    """A payment that fails after it succeeded: its moves with their sides exchanged.

    So much of its rest as the customer has spent already (`shortage_minor`) cannot come from the
    balance: it is receivable again, of the payment itself.
    """
    answer = []
    for move in moves:
        amount = move.amount_minor
        if move.credit.code == BALANCE and shortage_minor:
            receivable = AccountKey(RECEIVABLE, move.credit.currency, move.credit.party)
            answer.append(
                Move(receivable, move.debit, shortage_minor, f"payment:{payment}", move.line)
            )
            amount -= shortage_minor
        if amount:
            answer.append(Move(move.credit, move.debit, amount, move.document, move.line))
    return tuple(answer)


def balance_refund_moves(amount_minor: int, *, currency: str, party: str) -> tuple[Move, ...]:
    """Customer balance to be paid out."""
    balance = AccountKey(BALANCE, currency, party)
    return (Move(balance, AccountKey(REFUNDS, currency), amount_minor),)


def refunded_moves(
    amount_minor: int, *, source: Source, currency: str, refund: str
) -> tuple[Move, ...]:
    """A refund went out."""
    refunds = AccountKey(REFUNDS, currency)
    money = AccountKey(SOURCES[source], currency)
    return (Move(refunds, money, amount_minor, "", f"refund:{refund}"),)


def refund_failed_moves(
    amount_minor: int, *, was_confirmed: bool, currency: str, party: str, refund: str
) -> tuple[Move, ...]:
    """A refund that failed becomes customer balance: 2300 → 2020; where it was confirmed before,
    the money is back first: 1000 → 2300.
    """
    refunds, line = AccountKey(REFUNDS, currency), f"refund:{refund}"
    back = [Move(AccountKey(PSP, currency), refunds, amount_minor, "", line)]
    balance = AccountKey(BALANCE, currency, party)
    moves = [Move(refunds, balance, amount_minor, "", line)]
    return tuple([*back, *moves] if was_confirmed else moves)


def dispute_opened_moves(
    amount_minor: int, *, fee_minor: int, currency: str, party: str, dispute: str
) -> tuple[Move, ...]:
    """The provider takes the disputed money, and its fee."""
    psp, line = AccountKey(PSP, currency), f"dispute:{dispute}"
    moves = [Move(AccountKey(DISPUTED, currency, party, dispute), psp, amount_minor, "", line)]
    if fee_minor:
        moves.append(Move(AccountKey(DISPUTE_FEES, currency), psp, fee_minor, "", line))
    return tuple(moves)


def dispute_won_moves(
    amount_minor: int, *, fee_minor: int, currency: str, party: str, dispute: str
) -> tuple[Move, ...]:
    """The mirror: the money, and as much of the fee as the provider gives back."""
    opened = dispute_opened_moves(
        amount_minor, fee_minor=fee_minor, currency=currency, party=party, dispute=dispute
    )
    return tuple(
        Move(move.credit, move.debit, move.amount_minor, move.document, move.line)
        for move in opened
    )


def dispute_lost_moves(
    amount_minor: int,
    *,
    unspent: Sequence[tuple[AccountKey, int]],
    currency: str,
    party: str,
    dispute: str,
) -> tuple[Move, ...]:
    """The disputed money is lost: the unspent rest of prepaid grants that it paid for bears it
    first, all else is a loss.
    """
    disputed, line = AccountKey(DISPUTED, currency, party, dispute), f"dispute:{dispute}"
    moves, left = [], amount_minor
    for account, minor in unspent:
        taken = min(minor, left)
        if taken:
            moves.append(Move(account, disputed, taken, "", line))
            left -= taken
    if left:
        moves.append(Move(AccountKey(DISPUTE_LOSSES, currency), disputed, left, "", line))
    return tuple(moves)


def payout_moves(amount_minor: int, *, currency: str, payout: str) -> tuple[Move, ...]:
    """Money comes from the provider to the bank (below zero: the other way round)."""
    bank, psp = AccountKey(BANK, currency), AccountKey(PSP, currency)
    sides = (bank, psp) if amount_minor > 0 else (psp, bank)
    return (Move(*sides, abs(amount_minor), "", f"payout:{payout}"),)
