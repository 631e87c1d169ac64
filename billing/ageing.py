"""How old is what customers owe. Pure; docs/finance.md has worked numbers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

# The last day past due of each range; what is later is in the last one.
BOUNDS = (0, 30, 60, 90)
RANGES = ("Not yet due", "1–30 days", "31–60 days", "61–90 days", "Over 90 days")


class Owed(NamedTuple):
    """A document that is not settled, in minor units; below zero it is in the customer's favour.
    `due_on` is the last local day on which it is paid in time, None where there is no such day.
    """

    customer: str
    currency: str
    document: str
    minor: int
    due_on: date | None


class Owner(NamedTuple):
    """A customer and a currency; '' is a customer who is not known, or all of them in a total."""

    customer: str
    currency: str


@dataclass(frozen=True, slots=True)
class AgedBalance:
    """What is owed in one currency, in minor units, by RANGES of days past due.

    `undated` are documents without a due date, `credits` those below zero; with the ranges they
    make the total, which is the balance of accounts receivable. `unapplied` was received and
    matched to nothing, and is on an account of its own: no part of the total.
    """

    owner: Owner
    ranges: tuple[int, ...]
    undated: int = 0
    credits: int = 0
    unapplied: int = 0

    @property
    def total(self) -> int:
        return sum(self.ranges) + self.undated + self.credits


class Tie(NamedTuple):
    """What the report adds up to, and what the books say, in minor units."""

    owner: Owner
    listed: int
    booked: int

    @property
    def difference(self) -> int:
        return self.listed - self.booked


@dataclass(frozen=True, slots=True)
class Ageing:
    """Rows by customer and currency, a total for each currency, and how they tie out.

    `ties` has one for each currency; `differences` those customers whose rows are not the balance
    of their account. `undated` are the documents without a due date.
    """

    as_of: date
    rows: Sequence[AgedBalance]
    totals: Sequence[AgedBalance]
    ties: Sequence[Tie]
    differences: Sequence[Tie]
    undated: Sequence[Owed]

    @property
    def ties_out(self) -> bool:
        return not self.differences and not any(tie.difference for tie in self.ties)


def range_of(due_on: date, as_of: date) -> int:
    """Which of RANGES a document is in at the end of the day `as_of`; the due day is in time."""
    past_due = (as_of - due_on).days
    return sum(past_due > bound for bound in BOUNDS)


def aged(
    documents: Iterable[Owed],
    *,
    as_of: date,
    unapplied: Mapping[Owner, int],
    accounts: Mapping[Owner, int],
    booked: Mapping[str, int],
) -> Ageing:
    """The report at the end of `as_of`.

    `accounts` are the balances of accounts receivable by customer, `booked` by currency as the
    trial balance has them: both are compared with what the documents add up to. Rows come in the
    order of customer and currency. Law: the totals are the sums of the rows.
    """
    listed = list(documents)
    ranges: dict[Owner, list[int]] = defaultdict(lambda: [0] * len(RANGES))
    undated: dict[Owner, int] = defaultdict(int)
    negative: dict[Owner, int] = defaultdict(int)
    for one in listed:
        owner = Owner(one.customer, one.currency)
        if one.minor < 0:
            negative[owner] += one.minor
        elif one.due_on is None:
            undated[owner] += one.minor
        else:
            ranges[owner][range_of(one.due_on, as_of)] += one.minor
    rows = [
        AgedBalance(
            owner,
            tuple(ranges[owner]) if owner in ranges else (0,) * len(RANGES),
            undated.get(owner, 0),
            negative.get(owner, 0),
            unapplied.get(owner, 0),
        )
        for owner in sorted({*ranges, *undated, *negative, *unapplied})
    ]
    totals = _totals(rows)
    sums = {total.owner.currency: total.total for total in totals}
    by_owner = {row.owner: row.total for row in rows}
    return Ageing(
        as_of=as_of,
        rows=rows,
        totals=totals,
        ties=[
            Tie(Owner("", unit), sums.get(unit, 0), booked.get(unit, 0))
            for unit in sorted({*sums, *booked})
        ],
        differences=[
            Tie(owner, by_owner.get(owner, 0), accounts.get(owner, 0))
            for owner in sorted({*by_owner, *accounts})
            if by_owner.get(owner, 0) != accounts.get(owner, 0)
        ],
        undated=[one for one in listed if one.due_on is None and one.minor > 0],
    )


def _totals(rows: Iterable[AgedBalance]) -> list[AgedBalance]:
    by_currency: dict[str, list[AgedBalance]] = defaultdict(list)
    for row in rows:
        by_currency[row.owner.currency].append(row)
    return [
        AgedBalance(
            Owner("", unit),
            tuple(map(sum, zip(*(row.ranges for row in some), strict=True))),
            sum(row.undated for row in some),
            sum(row.credits for row in some),
            sum(row.unapplied for row in some),
        )
        for unit, some in sorted(by_currency.items())
    ]
