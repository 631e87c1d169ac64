"""Accounts with their balance and what moved on them last."""

from collections.abc import Iterator

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from ledger.admin.words import account_link, account_words, amount_words
from ledger.chart import CHART, chart_account
from ledger.ids import ACCOUNT, public_id
from ledger.models import Account, Transfer
from ledger.selectors.balances import account_sums
from ledger.selectors.journal import transfers_of_account
from neruba.admin.page import Fact, Headline, Page, PageAdmin, Table, code, instant, link_to, money
from neruba.money import Money

TRANSFERS_SHOWN = 50


class CodeFilter(DropdownFilter):
    title = "code"
    parameter_name = "code"

    def lookups(
        self, _request: HttpRequest, _model_admin: admin.ModelAdmin[Account]
    ) -> list[tuple[str, str]]:
        return [(account.code, f"{account.code} {account.name}") for account in CHART.values()]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Account]) -> QuerySet[Account]:
        return rows.filter(code=self.value()) if self.value() else rows


@admin.register(Account)
class AccountAdmin(PageAdmin):
    list_display = ["words", "currency", "kept_balance"]
    list_filter = [CodeFilter]
    list_select_related = ["project"]
    search_fields = ["party__startswith"]
    search_help_text = "The beginning of a customer's id"

    @admin.display(description="Account", ordering="code")
    def words(self, account: Account) -> str:
        return account_words(account)

    @admin.display(description="Kept balance")
    def kept_balance(self, account: Account) -> str:
        """Only where a floor stands; the account's page sums the others."""
        if account.balance_minor is None:
            return ""
        return money(Money(account.balance_minor, account.currency))

    def page(self, request: HttpRequest, row: Account) -> Page:
        debit, credit = account_sums([row])[row.pk]
        known = chart_account(row.code)
        floor = "Cannot fall below zero" if known.floor else ""
        return Page(
            headlines=[
                Headline("Balance", self._money(row, known.balance(debit, credit)), floor),
                Headline("Debits", self._money(row, debit)),
                Headline("Credits", self._money(row, credit)),
            ],
            facts=[
                Fact("Account", account_words(row)),
                Fact("Normal side", known.normal),
                Fact("Currency", row.currency),
                Fact("Project", link_to(row.project)),
                Fact("Id in the API", code(public_id(ACCOUNT, row.pk))),
            ],
            tables=[
                Table(
                    title="What moved last",
                    columns=["When", "Entry", "Other account", "Debit", "Credit", "Document"],
                    rows=list(self._moves(row)),
                    empty="Nothing moved on this account.",
                    numeric=["Debit", "Credit"],
                )
            ],
        )

    @staticmethod
    def _money(account: Account, minor: int) -> str:
        return money(Money(minor, account.currency))

    @staticmethod
    def _moves(account: Account) -> Iterator[list[object]]:
        rows: QuerySet[Transfer] = transfers_of_account(account).order_by("-id")
        for transfer in rows[:TRANSFERS_SHOWN]:
            is_debit = transfer.debit_account_id == account.pk
            other = transfer.credit_account if is_debit else transfer.debit_account
            amount = amount_words(transfer)
            yield [
                instant(transfer.entry.occurred_at),
                link_to(transfer.entry),
                account_link(other),
                amount if is_debit else "",
                "" if is_debit else amount,
                transfer.document,
            ]
