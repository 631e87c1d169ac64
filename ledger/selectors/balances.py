"""Balances: sums of transfers, at any instant. Amounts are minor units."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet, Sum

from ledger.chart import ChartAccount, chart_account
from ledger.models import Account, Transfer
from ledger.templates.keys import RECEIVABLE
from neruba.models import Project

CREDIT = ("2000", "2010", "2020")
UNAPPLIED = "2050"


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """What moved on all accounts of one code in one currency."""

    account: ChartAccount
    currency: str
    debit_minor: int
    credit_minor: int

    @property
    def balance_minor(self) -> int:
        """Positive on the normal side."""
        return self.account.balance(self.debit_minor, self.credit_minor)


@dataclass(frozen=True, slots=True)
class CustomerBalance:
    """Where a customer stands in one currency; all three are positive as a rule."""

    currency: str
    owed_minor: int
    credit_minor: int
    unapplied_minor: int


def _before(rows: QuerySet[Transfer], at: datetime | None) -> QuerySet[Transfer]:
    return rows if at is None else rows.filter(entry__occurred_at__lt=at)


def _sums(rows: QuerySet[Transfer], *by: str) -> list[tuple[tuple[str, ...], int]]:
    grouped = rows.order_by().values_list(*by).annotate(total=Sum("amount_minor"))
    return [(tuple(row[:-1]), row[-1]) for row in grouped]


def trial_balance(
    project: Project, *, at: datetime | None = None, currency: str | None = None
) -> list[AccountBalance]:
    """Debits and credits by code and currency, in that order, of entries that occurred before `at`.

    Without `at`: of all entries. Law: in each currency the debits and the credits have one sum.
    """
    rows = _before(Transfer.objects.filter(project=project), at)
    if currency is not None:
        rows = rows.filter(currency=currency)
    sides: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for index, side in enumerate(("debit", "credit")):
        for key, total in _sums(rows, f"{side}_account__code", f"{side}_account__currency"):
            sides[key][index] = total
    return [
        AccountBalance(chart_account(code), unit, debit, credit)
        for (code, unit), (debit, credit) in sorted(sides.items())
    ]


def account_sums(
    accounts: Iterable[Account], *, at: datetime | None = None
) -> dict[int, tuple[int, int]]:
    """The sums of debits and credits of each account, by pk; two queries for any number."""
    sums = {account.pk: [0, 0] for account in accounts}
    for index, side in enumerate(("debit_account", "credit_account")):
        rows = _before(Transfer.objects.filter(**{f"{side}__in": sums.keys()}), at)
        for pk, total in rows.order_by().values_list(side).annotate(total=Sum("amount_minor")):
            sums[pk][index] = total
    return {pk: (debit, credit) for pk, (debit, credit) in sums.items()}


def account_balance(account: Account, *, at: datetime | None = None) -> int:
    """The balance on the normal side, of entries that occurred before `at` (None: of all)."""
    debit, credit = account_sums([account], at=at)[account.pk]
    return chart_account(account.code).balance(debit, credit)


def customer_balance(
    project: Project, customer_external_id: str, *, at: datetime | None = None
) -> list[CustomerBalance]:
    """What the customer owes and holds, by currency, of entries that occurred before `at`.

    Owed is receivable (1100), credit what can pay for invoices (2000, 2010, 2020), unapplied what
    came in and is matched to nothing yet (2050). A currency without accounts is left out.
    """
    accounts = Account.objects.filter(
        project=project,
        party=customer_external_id,
        code__in=(RECEIVABLE, UNAPPLIED, *CREDIT),
    )
    known = {account.pk: account for account in accounts}
    balances: dict[str, dict[str, int]] = {}
    for pk, (debit, credit) in account_sums(known.values(), at=at).items():
        account = known[pk]
        by_code = balances.setdefault(account.currency, defaultdict(int))
        by_code[account.code] += chart_account(account.code).balance(debit, credit)
    return [
        CustomerBalance(
            currency=currency,
            owed_minor=by_code[RECEIVABLE],
            credit_minor=sum(by_code[code] for code in CREDIT),
            unapplied_minor=by_code[UNAPPLIED],
        )
        for currency, by_code in sorted(balances.items())
    ]
