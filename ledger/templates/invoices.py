"""Invoices, credit notes, write-offs. Pure.

Documents post only against 1100, and each transfer names the invoice, so that what is receivable
of it is the sum over its document.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
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
from neruba.money import allocate

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
    taxes: Sequence[tuple[str, int]] = (),
) -> tuple[Move, ...]:
    """What is given up of an invoice: first the tax on it that need not be paid any more (2200, by
    rate in minor units), then what is not earned yet (2100), line by line, the rest as bad debt
    (5100).
    """
    receivable = AccountKey(RECEIVABLE, currency, party)
    moves: list[Move] = []
    left = amount_minor
    for rate, minor in taxes:
        taken = min(left, minor)
        if taken:
            source = AccountKey(TAX, currency, sub=rate)
            moves.append(Move(source, receivable, taken, document, "tax relief"))
            left -= taken
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
    written_off: Sequence[Move],
    recovered: Sequence[Move],
    *,
    amount_minor: int,
    taxes: Mapping[str, int] | None = None,
) -> tuple[Move, ...]:
    """The mirror of as much of what stands written off as came in: its share of the tax, then bad
    debt, then what was not earned.

    `taxes` is the share of tax by rate; left out: in proportion to what was written off, cumulative
    by subtraction, so that all of it is back with the last of the rest. `written_off` are the moves
    of write-offs that credit the receivable, `recovered` the mirrors of some of them;
    `amount_minor` is at most their difference.
    """
    standing: Counter[tuple[AccountKey, str]] = Counter()
    for move in written_off:
        standing[move.debit, move.line] += move.amount_minor
    for move in recovered:
        standing[move.credit, move.line] -= move.amount_minor
    receivable, document = written_off[0].credit, written_off[0].document
    left, taken = amount_minor, Counter[tuple[AccountKey, str]]()
    order = sorted(standing, key=lambda place: place[0].code != BAD_DEBT)
    shares = _tax_shares(written_off, recovered, amount_minor)
    if taxes is not None:
        shares = {place: taxes.get(place[0].sub, 0) for place in shares}
    # What rounding leaves of the taxes, where nothing else is left, comes last.
    for place, most in (
        *shares.items(),
        *((place, standing[place]) for place in order if place[0].code != TAX),
        *((place, standing[place]) for place in order if place[0].code == TAX),
    ):
        minor = min(left, most, standing[place] - taken[place])
        taken[place] += minor
        left -= minor
    return tuple(
        Move(receivable, account, minor, document, line)
        for (account, line), minor in taken.items()
        if minor
    )


def _tax_shares(
    written_off: Sequence[Move], recovered: Sequence[Move], amount_minor: int
) -> dict[tuple[AccountKey, str], int]:
    """How much of each tax that was written off is due again with this amount."""
    whole = sum(move.amount_minor for move in written_off)
    back = sum(move.amount_minor for move in recovered) + amount_minor
    taxes: Counter[tuple[AccountKey, str]] = Counter()
    before: Counter[tuple[AccountKey, str]] = Counter()
    for move in written_off:
        if move.debit.code == TAX:
            taxes[move.debit, move.line] += move.amount_minor
    for move in recovered:
        before[move.credit, move.line] += move.amount_minor
    return {
        place: max(0, allocate(minor, [back, whole - back])[0] - before[place])
        for place, minor in taxes.items()
    }
