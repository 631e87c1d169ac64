"""What an export is made of, whichever program it is for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from ledger.export.names import account_name, total_name
from ledger.templates import AccountKey, Move, OperationKey
from neruba.money import Money


class Standing(NamedTuple):
    """An account and its balance in minor units: debits less credits, whichever side is normal."""

    account: AccountKey
    minor: int


class Total(NamedTuple):
    """All accounts of one code in one currency, in minor units: debits less credits."""

    code: str
    currency: str
    minor: int


@dataclass(frozen=True, slots=True)
class ExportedEntry:
    """An entry of the journal. `on` is its accounting date in the project's time zone; without
    moves it records that something happened at zero.
    """

    id: str
    key: OperationKey
    on: date
    occurred_at: datetime
    recorded_at: datetime
    reverses: OperationKey | None
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """The books of a project from its beginning, or from `since`, each part read when it is asked
    for and only as far as it is: none is ever in memory as a whole.

    `begins_on` is the accounting date of the first entry or of `since`; `ends_on` that of the last.
    Both are None where there is nothing. `opening` are the balances at `since` (none without it),
    `closing` those at the end; accounts at zero are left out of the opening and stand in the
    closing. `entries` come in the order of their accounting date.
    """

    slug: str
    name: str
    currencies: tuple[str, ...]
    begins_on: date | None
    ends_on: date | None
    accounts: Callable[[], Iterable[AccountKey]]
    opening: Callable[[], Iterable[Standing]]
    entries: Callable[[], Iterable[ExportedEntry]]
    closing: Callable[[], Iterable[Standing]]
    totals: Callable[[], Iterable[Total]]

    @property
    def asserted_on(self) -> date | None:
        """The day after the last: a balance that a day begins with counts nothing of that day."""
        return None if self.ends_on is None else self.ends_on + timedelta(days=1)


def parents(totals: Iterable[Total]) -> list[tuple[str, Total]]:
    """The names that hold more than one account, each with the total of what it holds."""
    found = ((total_name(one.code, one.currency), one) for one in totals)
    return [(name, one) for name, one in found if name != leaf_of(one)]


def leaf_of(total: Total) -> str:
    return account_name(AccountKey(total.code, total.currency))


def signed(minor: int, currency: str) -> str:
    """An amount with all of the currency's digits, and the currency."""
    return str(Money(minor, currency))
