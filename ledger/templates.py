"""Facts to transfers: which accounts a fact touches. Pure; docs/ledger.md has the table with worked
numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

RECEIVABLE = "1100"
DEFERRED = "2100"
REVENUE_FEES = "4000"
REVENUE_USAGE = "4010"


class AccountKey(NamedTuple):
    """An account by its natural key, within a project."""

    code: str
    currency: str
    party: str = ""
    sub: str = ""


class OperationKey(NamedTuple):
    """What an entry is the record of: posting it twice returns the first."""

    kind: str
    object: str
    occurrence: int = 1

    def __str__(self) -> str:
        return f"{self.kind}:{self.object}:{self.occurrence}"


@dataclass(frozen=True, slots=True)
class Move:
    """One positive amount in minor units, from the credit to the debit account, for a line of a
    document.
    """

    debit: AccountKey
    credit: AccountKey
    amount_minor: int
    document: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """An entry to be written."""

    key: OperationKey
    moves: tuple[Move, ...]
    occurred_at: datetime
    reverses: OperationKey | None = field(default=None)


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A line of an invoice as the books see it: `amount_minor` may be negative (a
    credit) or zero.
    """

    line: str
    amount_minor: int
    earned: Literal["ahead", "usage", "fee"]


_EARNED = {"ahead": DEFERRED, "usage": REVENUE_USAGE, "fee": REVENUE_FEES}


def invoice_moves(
    lines: Sequence[BilledLine], *, currency: str, party: str, document: str
) -> tuple[Move, ...]:
    """The moves of an invoice's issue, in the order of its lines; a zero line has none.

    A positive line: receivable → deferred revenue where it is billed ahead, → revenue where it is
    earned; a negative one the other way round. The printed amount of a line is thus the amount of
    the one transfer that names it.
    """
    receivable = AccountKey(RECEIVABLE, currency, party)
    moves = []
    for line in lines:
        income = AccountKey(_EARNED[line.earned], currency, party if line.earned == "ahead" else "")
        sides = (receivable, income) if line.amount_minor > 0 else (income, receivable)
        if line.amount_minor:
            moves.append(Move(*sides, abs(line.amount_minor), document, line.line))
    return tuple(moves)
