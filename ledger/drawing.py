"""In which order grants pay, and how much each of them. Pure.

Order: priority (0 first), scoped before open, soonest expiry (none last), promotional before paid,
earlier effective, earlier created. Source: docs/credits.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ledger.templates.credits import GrantKey

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Drawable:
    """A grant with what is left of it, in minor units.

    `prices` are the codes of the prices whose lines it pays, empty for all; `created` tells which
    of two is older, whatever its unit.
    """

    key: GrantKey
    balance_minor: int
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    created: int
    prices: frozenset[str] = field(default=frozenset())

    def pays_at(self, at: datetime) -> bool:
        """From `effective_at` on, and no more at the very instant of its expiry."""
        return self.effective_at <= at < (self.expires_at or NEVER)

    @property
    def place(self) -> tuple[int, bool, datetime, bool, datetime, int]:
        """Grants are drawn on in ascending order of it."""
        return (
            self.priority,
            not self.prices,
            self.expires_at or NEVER,
            self.key.kind != "promotional",
            self.effective_at,
            self.created,
        )


@dataclass(frozen=True, slots=True)
class Payable:
    """A line as credits see it: its price's code ('' without one), and net less discount with its
    share of tax, in minor units.
    """

    price: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Draw:
    """So much of a grant, in minor units, above zero."""

    key: GrantKey
    amount_minor: int


def draws(
    lines: Sequence[Payable], *, due_minor: int, grants: Sequence[Drawable], at: datetime
) -> tuple[Draw, ...]:
    """What each grant pays of an invoice of which `due_minor` is unpaid, in the order of drawing.

    Never above what is due or left of a grant; a scoped grant pays at most what its own lines come
    to and other scoped grants leave of them, first lines first.
    """
    left = [line.amount_minor for line in lines]
    answer = []
    for grant in sorted(grants, key=lambda one: one.place):
        if due_minor <= 0:
            break
        if not grant.pays_at(at):
            continue
        amount = min(grant.balance_minor, due_minor)
        if grant.prices:
            amount = _paid_of(lines, left, grant.prices, amount)
        if amount > 0:
            answer.append(Draw(grant.key, amount))
            due_minor -= amount
    return tuple(answer)


def after_draws(
    lines: Sequence[Payable], drawn: Sequence[tuple[frozenset[str], int]]
) -> tuple[Payable, ...]:
    """The lines less what scoped grants (their prices, and an amount in minor units) paid of them
    before, in the order of drawing: what further ones can still pay.
    """
    left = [line.amount_minor for line in lines]
    for prices, amount in drawn:
        if prices:
            _paid_of(lines, left, prices, amount)
    return tuple(Payable(line.price, amount) for line, amount in zip(lines, left, strict=True))


def _paid_of(
    lines: Sequence[Payable], left: list[int], prices: frozenset[str], at_most: int
) -> int:
    """How much of `at_most` these prices' lines take, which is taken off what is `left` of them.

    A line below zero (a correction) lowers what the lines of its price come to.
    """
    mine = [index for index, line in enumerate(lines) if line.price in prices]
    amount = min(at_most, sum(left[index] for index in mine))
    if amount <= 0:
        return 0
    rest = amount
    for index in mine:
        taken = min(rest, max(left[index], 0))
        left[index] -= taken
        rest -= taken
    return amount
