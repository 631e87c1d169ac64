"""Grants, draws, and the customer balance. Pure.

A grant is an account with a floor: 2000 where money stands behind it, 2010 where it is promotional.
What is promised as promotion stands on 1910 until it is used, and never turns into cash.
"""

from dataclasses import dataclass
from typing import Literal

from ledger.templates.keys import (
    BALANCE,
    BANK,
    BREAKAGE,
    DISCOUNTS,
    PREPAID,
    PROMOTIONAL,
    PROMOTIONS,
    PROMOTIONS_USED,
    RECEIVABLE,
    REFUNDS,
    SOLD_UNPAID,
    AccountKey,
    Move,
)

GrantKind = Literal["paid", "promotional"]


@dataclass(frozen=True, slots=True)
class GrantKey:
    """A grant by its public id, with whose it is."""

    grant: str
    kind: GrantKind
    currency: str
    party: str

    @property
    def account(self) -> AccountKey:
        code = PREPAID if self.kind == "paid" else PROMOTIONAL
        return AccountKey(code, self.currency, self.party, self.grant)

    @property
    def line(self) -> str:
        """How transfers of an invoice name what is drawn from it."""
        return f"credit:{self.grant}"


def granted_moves(key: GrantKey, amount_minor: int) -> tuple[Move, ...]:
    """A paid grant by hand states money that came in: bank → prepaid. A promotional one: 1910 →
    2010.
    """
    source = BANK if key.kind == "paid" else PROMOTIONS
    return (Move(AccountKey(source, key.currency), key.account, amount_minor),)


def expired_moves(key: GrantKey, amount_minor: int) -> tuple[Move, ...]:
    """The rest of an expired grant: prepaid money is breakage; a promotion is taken back."""
    target = BREAKAGE if key.kind == "paid" else PROMOTIONS
    return (Move(key.account, AccountKey(target, key.currency), amount_minor),)


def revoked_moves(
    key: GrantKey, amount_minor: int, *, settle: Literal["balance", "refund"]
) -> tuple[Move, ...]:
    """What is revoked: prepaid money stays the customer's, as balance or as a refund to be paid."""
    if key.kind == "promotional":
        return expired_moves(key, amount_minor)
    target = (
        AccountKey(BALANCE, key.currency, key.party)
        if settle == "balance"
        else AccountKey(REFUNDS, key.currency)
    )
    return (Move(key.account, target, amount_minor),)


def drawn_moves(key: GrantKey, amount_minor: int, document: str) -> tuple[Move, ...]:
    """A draw pays the receivable of an invoice; a promotion is used with it: 4910 → 1910."""
    receivable = AccountKey(RECEIVABLE, key.currency, key.party)
    moves = [Move(key.account, receivable, amount_minor, document, key.line)]
    if key.kind == "promotional":
        used = AccountKey(PROMOTIONS_USED, key.currency)
        promised = AccountKey(PROMOTIONS, key.currency)
        moves.append(Move(used, promised, amount_minor, document, key.line))
    return tuple(moves)


def returned_moves(key: GrantKey, amount_minor: int, document: str) -> tuple[Move, ...]:
    """A draw undone in part or whole: back to the same grant."""
    return tuple(
        Move(move.credit, move.debit, move.amount_minor, move.document, move.line)
        for move in drawn_moves(key, amount_minor, document)
    )


def balance_used_moves(
    amount_minor: int, *, currency: str, party: str, document: str
) -> tuple[Move, ...]:
    """The customer balance pays the receivable of an invoice."""
    balance = AccountKey(BALANCE, currency, party)
    receivable = AccountKey(RECEIVABLE, currency, party)
    return (Move(balance, receivable, amount_minor, document, "balance"),)


def adjusted_moves(amount_minor: int, *, currency: str, party: str) -> tuple[Move, ...]:
    """An operator adjusts the customer balance: given from 4900, or taken back (below zero)."""
    balance = AccountKey(BALANCE, currency, party)
    discounts = AccountKey(DISCOUNTS, currency)
    sides = (discounts, balance) if amount_minor > 0 else (balance, discounts)
    return (Move(*sides, abs(amount_minor)),)


def pack_sold_moves(
    amount_minor: int, *, currency: str, party: str, document: str
) -> tuple[Move, ...]:
    """A credit pack is sold and not paid yet; no tax: credits are taxed when they are used."""
    receivable = AccountKey(RECEIVABLE, currency, party)
    sold = AccountKey(SOLD_UNPAID, currency, party)
    return (Move(receivable, sold, amount_minor, document, "pack"),)


def pack_paid_moves(key: GrantKey, amount_minor: int, document: str) -> tuple[Move, ...]:
    """A pack paid in full: what was sold can be drawn on."""
    sold = AccountKey(SOLD_UNPAID, key.currency, key.party)
    return (Move(sold, key.account, amount_minor, document, "pack"),)


def pack_unpaid_moves(key: GrantKey, amount_minor: int, document: str) -> tuple[Move, ...]:
    """The payment of a pack failed later: what is not spent goes back."""
    return tuple(
        Move(move.credit, move.debit, move.amount_minor, move.document, move.line)
        for move in pack_paid_moves(key, amount_minor, document)
    )
