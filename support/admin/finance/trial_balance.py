"""The trial balance at the end of a day."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from ledger.selectors.balances import AccountBalance, trial_balance
from neruba.admin.page import Banner, Headline, Table, day, figure
from neruba.models import Project
from neruba.money import Money
from neruba.sheets import Column, Ending, Row, Sheet
from support.admin.finance.links import accounts_link
from support.admin.finance.report import ReportView, Shown, end_of

TITLE = "Trial balance"
COLUMNS = (
    Column("Code", width=8),
    Column("Account", width=32),
    Column("Normal side", width=12),
    Column("Currency", width=10),
    Column("Debits", "money"),
    Column("Credits", "money"),
    Column("Balance", "money"),
)


class TrialBalanceReport(ReportView):
    title = TITLE
    code = "trial-balance"

    def shown(self, project: Project, given: dict[str, Any], at: datetime) -> Shown:
        on: date = given["on"]
        end = end_of(project, on)
        rows = trial_balance(project, at=end, currency=given["currency"])
        currencies = sorted({row.currency for row in rows})
        sums = {unit: _sums(rows, unit) for unit in currencies}
        verdicts = [_verdict(unit, *sums[unit]) for unit in currencies]
        return Shown(
            banners=verdicts,
            headlines=[
                Headline(f"Moved in {unit}", figure(Money(debit, unit)), "the sum of all debits")
                for unit, (debit, _) in sums.items()
            ],
            tables=[_table(unit, rows, sums[unit]) for unit in currencies] or [_nothing()],
            sheet=Sheet(
                title=f"{TITLE} of {project.name} at the end of {day(on)}",
                columns=COLUMNS,
                rows=_cells(rows),
                made_at=at,
                ending=lambda: Ending(
                    totals=[
                        ("", "Total", "", unit, Money(debit, unit), Money(credit, unit))
                        for unit, (debit, credit) in sums.items()
                    ],
                    remarks=[verdict.text for verdict in verdicts],
                ),
            ),
            name=f"trial-balance-{on}",
        )


def _sums(rows: Sequence[AccountBalance], unit: str) -> tuple[int, int]:
    mine = [row for row in rows if row.currency == unit]
    return sum(row.debit_minor for row in mine), sum(row.credit_minor for row in mine)


def _verdict(unit: str, debit: int, credit: int) -> Banner:
    if debit == credit:
        return Banner("success", f"{unit}: debits and credits are equal, the difference is zero.")
    difference = figure(Money(debit - credit, unit))
    return Banner("error", f"{unit}: debits exceed credits by {difference}: the books are broken.")


def _cells(rows: Sequence[AccountBalance]) -> Iterator[Row]:
    for row in rows:
        amounts = (row.debit_minor, row.credit_minor, row.balance_minor)
        yield (
            *(row.account.code, row.account.name, row.account.normal, row.currency),
            *(Money(minor, row.currency) for minor in amounts),
        )


def _table(unit: str, rows: Sequence[AccountBalance], sums: tuple[int, int]) -> Table:
    shown: list[list[object]] = [
        [
            accounts_link(row.account.code, f"{row.account.code} {row.account.name}"),
            row.account.normal,
            figure(Money(row.debit_minor, unit)),
            figure(Money(row.credit_minor, unit)),
            figure(Money(row.balance_minor, unit)),
        ]
        for row in rows
        if row.currency == unit
    ]
    shown.append(["Total", "", *(figure(Money(minor, unit)) for minor in sums), ""])
    return Table(
        title=unit,
        columns=("Account", "Normal side", "Debits", "Credits", "Balance"),
        rows=shown,
        empty="",
        numeric=("Debits", "Credits", "Balance"),
    )


def _nothing() -> Table:
    empty = "Nothing was posted until the end of this day."
    return Table(title=TITLE, columns=(), rows=(), empty=empty)
