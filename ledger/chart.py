"""The chart of accounts: what a code means. Pure; docs/ledger.md shows it with its postings."""

from dataclasses import dataclass
from typing import Literal

from ledger.templates import AccountKey
from neruba.money import is_currency


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """One code of the chart.

    `normal` is the side on which its balance is positive (either: the debit side is shown as
    positive). `party` says whether a customer stands behind each account of this code, `sub` what
    else tells its accounts apart. With a `floor` the balance cannot fall below zero.
    """

    code: str
    name: str
    normal: Literal["debit", "credit", "either"]
    party: Literal["none", "customer", "customer if known"] = "none"
    sub: str = ""
    floor: bool = False

    def balance(self, debit_minor: int, credit_minor: int) -> int:
        """The balance in minor units of the normal side, from the sums of both sides."""
        sign = -1 if self.normal == "credit" else 1
        return sign * (debit_minor - credit_minor)


CHART: dict[str, ChartAccount] = {
    account.code: account
    for account in (
        ChartAccount("1000", "PSP clearing", "debit"),
        ChartAccount("1010", "Bank", "debit"),
        ChartAccount("1100", "Accounts receivable", "debit", "customer"),
        ChartAccount("1110", "Unbilled receivable", "debit", "customer"),
        ChartAccount("1150", "Disputed funds", "debit", "customer", sub="dispute"),
        ChartAccount("1910", "Promotional credit outstanding", "debit"),
        ChartAccount("2000", "Prepaid credit", "credit", "customer", sub="grant", floor=True),
        ChartAccount("2010", "Promotional credit", "credit", "customer", sub="grant", floor=True),
        ChartAccount("2020", "Customer balance", "credit", "customer", floor=True),
        ChartAccount("2050", "Unapplied receipts", "credit", "customer if known"),
        ChartAccount("2100", "Deferred revenue", "credit", "customer"),
        ChartAccount("2110", "Credits sold, unpaid", "credit", "customer"),
        ChartAccount("2200", "Tax payable", "credit", sub="tax rate"),
        ChartAccount("2300", "Refunds payable", "credit"),
        ChartAccount("4000", "Revenue: fees", "credit"),
        ChartAccount("4010", "Revenue: usage", "credit"),
        ChartAccount("4020", "Revenue: breakage", "credit"),
        ChartAccount("4900", "Discounts and credit notes", "debit"),
        ChartAccount("4910", "Promotional credit used", "debit"),
        ChartAccount("5000", "PSP fees", "debit"),
        ChartAccount("5010", "Dispute losses", "debit"),
        ChartAccount("5020", "Dispute fees", "debit"),
        ChartAccount("5100", "Bad debt", "debit"),
        ChartAccount("9000", "Opening balances", "either"),
    )
}


def chart_account(code: str) -> ChartAccount:
    """What the chart says of a code; a code that it does not know is shown as such."""
    return CHART.get(code) or ChartAccount(code, "Not in the chart", "either")


def account_problem(key: AccountKey) -> str:
    """What the chart has against this account, or ''."""
    known = CHART.get(key.code)
    if known is None:
        return f"no account {key.code!r} in the chart"
    if not is_currency(key.currency):
        return f"{key.currency!r} is no currency"
    if known.party == "customer" and not key.party:
        return f"{key.code} needs a customer"
    if known.party == "none" and key.party:
        return f"{key.code} is shared and has no customer"
    if known.sub and not key.sub:
        return f"{key.code} needs a {known.sub}"
    return f"{key.code} is not divided further" if key.sub and not known.sub else ""
