"""What postings are made of: accounts and operations by natural keys, moves between them. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

# The codes of the chart that postings name; what each means stands in ledger/chart.py.
PSP = "1000"
BANK = "1010"
RECEIVABLE = "1100"
DISPUTED = "1150"
PROMOTIONS = "1910"
PREPAID = "2000"
PROMOTIONAL = "2010"
BALANCE = "2020"
UNAPPLIED = "2050"
DEFERRED = "2100"
SOLD_UNPAID = "2110"
TAX = "2200"
REFUNDS = "2300"
REVENUE_FEES = "4000"
REVENUE_USAGE = "4010"
BREAKAGE = "4020"
DISCOUNTS = "4900"
PROMOTIONS_USED = "4910"
PSP_FEES = "5000"
DISPUTE_LOSSES = "5010"
DISPUTE_FEES = "5020"
BAD_DEBT = "5100"


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
