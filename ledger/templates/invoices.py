"""Invoices, credit notes, write-offs. Pure.

Documents post only against 1100, and each transfer names the invoice, so that what is receivable
of it is the sum over its document.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.templates.keys import (
    BAD_DEBT,
    BALANCE,
    DEFERRED,
    DISCOUNTS,
    RECEIVABLE,
    REFUNDS,
    REVENUE_FEES,
    REVENUE_USAGE,
    TAX,
    AccountKey,
    Move,
)

Earned = Literal["ahead", "usage", "fee"]


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A line of an invoice as the books see it: `amount_minor` may be negative (a
    credit) or zero.

    `discounts` are what is taken off it, by the name of the discount, `taxes` what is put on it, by
    the name and the code of the rate; both in minor units, with the sign of the line as a rule.
    """

    line: str
    amount_minor: int
    earned: Earned
    discounts: tuple[tuple[str, int], ...] = ()
    taxes: tuple[tuple[str, str, int], ...] = ()


_EARNED = {"ahead": DEFERRED, "usage": REVENUE_USAGE, "fee": REVENUE_FEES}


def invoice_moves(
    lines: Sequence[BilledLine], *, currency: str, party: str, document: str
) -> tuple[Move, ...]:
    """The moves of an invoice's issue, in the order of its lines, each followed by its discounts
    and taxes; what is zero has none.

    A positive line: receivable → deferred revenue where it is billed ahead, → revenue where it is
    earned; a discount → receivable, from deferred revenue where it is billed ahead; a tax:
    receivable → tax payable. What is negative goes the other way round. The printed amount of each
    is thus the amount of the one transfer that names it.
    """
    receivable = AccountKey(RECEIVABLE, currency, party)
    moves = []
    for line in lines:
        is_ahead = line.earned == "ahead"
        income = AccountKey(_EARNED[line.earned], currency, party if is_ahead else "")
        given = income if is_ahead else AccountKey(DISCOUNTS, currency)
        parts = [
            (line.line, receivable, income, line.amount_minor),
            *((name, given, receivable, minor) for name, minor in line.discounts),
            *(
                (name, receivable, AccountKey(TAX, currency, sub=rate), minor)
                for name, rate, minor in line.taxes
            ),
        ]
        for name, debit, credit, minor in parts:
            sides = (debit, credit) if minor > 0 else (credit, debit)
            if minor:
                moves.append(Move(*sides, abs(minor), document, name))
    return tuple(moves)


def below_zero_moves(
    amount_minor: int, *, currency: str, party: str, document: str
) -> tuple[Move, ...]:
    """What an invoice owes the customer goes to their balance: receivable → balance."""
    receivable = AccountKey(RECEIVABLE, currency, party)
    return (
        Move(receivable, AccountKey(BALANCE, currency, party), amount_minor, document, "balance"),
    )


@dataclass(frozen=True, slots=True)
class Deferral:
    """What is deferred of a line billed ahead, in minor units: `standing_minor` on 2100 now, of
    which `earned_minor` is earned by the time of the posting.
    """

    line: str
    standing_minor: int
    earned_minor: int

    @property
    def unearned_minor(self) -> int:
        return self.standing_minor - self.earned_minor


@dataclass(frozen=True, slots=True)
class CreditedLine:
    """A line of a credit note: `line` names it, `amount_minor` is net, `taxes` by rate in minor
    units; `deferral` of the line that it credits, where that was billed ahead.
    """

    line: str
    amount_minor: int
    taxes: tuple[tuple[str, int], ...] = ()
    deferral: Deferral | None = None


def credit_note_moves(
    lines: Sequence[CreditedLine], *, currency: str, party: str, document: str
) -> tuple[Move, ...]:
    """The moves of a credit note, line by line: what is not earned yet from 2100, the rest from
    4900, its tax from 2200, each to the receivable of the invoice.

    What is earned until now is recognised first, so that the deferral of a line that is credited
    whole ends at zero.
    """
    receivable = AccountKey(RECEIVABLE, currency, party)
    moves: list[Move] = []
    for line in lines:
        unearned = 0
        if line.deferral is not None:
            moves += _recognised(line.deferral, currency, party, document)
            unearned = min(line.amount_minor, line.deferral.unearned_minor)
        parts = [
            (AccountKey(DEFERRED, currency, party), unearned),
            (AccountKey(DISCOUNTS, currency), line.amount_minor - unearned),
            *((AccountKey(TAX, currency, sub=rate), minor) for rate, minor in line.taxes),
        ]
        moves += [
            Move(account, receivable, minor, document, line.line)
            for account, minor in parts
            if minor
        ]
    return tuple(moves)


def _recognised(deferral: Deferral, currency: str, party: str, document: str) -> list[Move]:
    if not deferral.earned_minor:
        return []
    deferred = AccountKey(DEFERRED, currency, party)
    revenue = AccountKey(REVENUE_FEES, currency)
    return [Move(deferred, revenue, deferral.earned_minor, document, deferral.line)]


def credit_excess_moves(
    amount_minor: int,
    *,
    currency: str,
    party: str,
    document: str,
    line: str,
    to: Literal["balance", "refund"],
) -> tuple[Move, ...]:
    """What a credit note gives back beyond what was unpaid: to the customer balance, or to be
    refunded.
    """
    receivable = AccountKey(RECEIVABLE, currency, party)
    target = (
        AccountKey(BALANCE, currency, party) if to == "balance" else AccountKey(REFUNDS, currency)
    )
    return (Move(receivable, target, amount_minor, document, line),) if amount_minor else ()


def write_off_moves(
    amount_minor: int,
    deferrals: Sequence[Deferral],
    *,
    currency: str,
    party: str,
    document: str,
) -> tuple[Move, ...]:
    """What is given up of an invoice: first what is not earned yet (2100), line by line, the rest
    as bad debt (5100).
    """
    receivable = AccountKey(RECEIVABLE, currency, party)
    moves: list[Move] = []
    left = amount_minor
    for deferral in deferrals:
        moves += _recognised(deferral, currency, party, document)
        taken = min(left, deferral.unearned_minor)
        if taken:
            source = AccountKey(DEFERRED, currency, party)
            moves.append(Move(source, receivable, taken, document, deferral.line))
            left -= taken
    if left:
        moves.append(Move(AccountKey(BAD_DEBT, currency), receivable, left, document, "bad debt"))
    return tuple(moves)


def recovery_moves(
    written_off: Sequence[Move], recovered: Sequence[Move], *, amount_minor: int
) -> tuple[Move, ...]:
    """The mirror of as much of what stands written off as came in: bad debt first, then what was
    not earned.

    `written_off` are the moves of write-offs that credit the receivable, `recovered` the mirrors of
    some of them; `amount_minor` is at most their difference.
    """
    standing: Counter[tuple[AccountKey, str]] = Counter()
    for move in written_off:
        standing[move.debit, move.line] += move.amount_minor
    for move in recovered:
        standing[move.credit, move.line] -= move.amount_minor
    receivable, document = written_off[0].credit, written_off[0].document
    left, moves = amount_minor, []
    for (account, line), minor in sorted(
        standing.items(), key=lambda item: item[0][0].code != BAD_DEBT
    ):
        taken = min(left, minor)
        if taken:
            moves.append(Move(receivable, account, taken, document, line))
            left -= taken
    return tuple(moves)
