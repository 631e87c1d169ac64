"""Accounts and amounts of the books in words."""

from django.utils.safestring import SafeString

from ledger.chart import chart_account
from ledger.models import Account, Transfer
from neruba.admin.page import link_to, money
from neruba.money import Money


def account_words(account: Account) -> str:
    """`1100 Accounts receivable, acme`: code, name, whose, and what else tells it apart."""
    name = f"{account.code} {chart_account(account.code).name}"
    return ", ".join(part for part in (name, account.party, account.sub) if part)


def account_link(account: Account) -> SafeString | str:
    return link_to(account, account_words(account))


def amount_words(transfer: Transfer) -> str:
    return money(Money(transfer.amount_minor, transfer.currency))
