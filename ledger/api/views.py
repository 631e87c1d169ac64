"""Reading the books."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.api.bodies import (
    AccountBody,
    AccountEntryBody,
    CustomerBalanceBody,
    TransactionBody,
    TrialBalanceBody,
    account_body,
    account_entry_body,
    currency_balance,
    transaction_body,
    trial_balance_rows,
    trial_balance_totals,
)
from ledger.ids import ACCOUNT, ENTRY, row_number
from ledger.models import Account, JournalEntry
from ledger.selectors.accounts import accounts_of
from ledger.selectors.balances import (
    CustomerBalance,
    account_sums,
    customer_balance,
    trial_balance,
)
from ledger.selectors.journal import transfers_of_account, transfers_of_entries
from neruba.api.base import ListQuery
from neruba.api.fields import Currency, Identifier, Instant, Strict
from neruba.api.views import ProjectView, one
from neruba.models import Customer

READ = {"GET": "ledger:read"}


class AccountQuery(ListQuery):
    customer = Identifier(required=False)


class AtQuery(Strict):
    at = Instant(required=False, default=None, help_text="Of entries that occurred before it.")


class TrialBalanceQuery(AtQuery):
    currency = Currency(required=False, default=None)


class AccountList(ProjectView):
    scopes = READ

    @extend_schema(parameters=[AccountQuery], responses=AccountBody(many=True))
    def get(self, request: Request) -> Response:
        party = self.query(AccountQuery).get("customer")
        return self.listed(accounts_of(self.project, party=party), _with_sums)


def _with_sums(page: Iterable[Account]) -> list[dict[str, Any]]:
    accounts = list(page)
    sums = account_sums(accounts)
    return [account_body(account, *sums[account.pk]) for account in accounts]


class AccountEntryList(ProjectView):
    scopes = READ

    @extend_schema(parameters=[ListQuery], responses=AccountEntryBody(many=True))
    def get(self, request: Request, account_id: str) -> Response:
        """What moved on the account, oldest first."""
        self.query(ListQuery)
        account = one(accounts_of(self.project), "account", pk=row_number(ACCOUNT, account_id))
        return self.listed(
            transfers_of_account(account),
            lambda page: [account_entry_body(account, transfer) for transfer in page],
        )


class TransactionDetail(ProjectView):
    scopes = READ

    @extend_schema(responses=TransactionBody)
    def get(self, request: Request, transaction_id: str) -> Response:
        rows = JournalEntry.objects.filter(project=self.project)
        entry = one(rows, "transaction", pk=row_number(ENTRY, transaction_id))
        reversed_by = rows.filter(reverses=entry).first()
        transfers = transfers_of_entries([entry.pk])[entry.pk]
        return Response(transaction_body(entry, transfers, reversed_by))


class TrialBalanceView(ProjectView):
    scopes = READ

    @extend_schema(parameters=[TrialBalanceQuery], responses=TrialBalanceBody)
    def get(self, request: Request) -> Response:
        """Debits and credits by account code and currency; each currency's difference is zero."""
        query = self.query(TrialBalanceQuery)
        rows = trial_balance(self.project, at=query["at"], currency=query["currency"])
        body = {
            "at": query["at"],
            "data": trial_balance_rows(rows),
            "totals": trial_balance_totals(rows),
        }
        return Response(TrialBalanceBody(body).data)


class CustomerBalanceView(ProjectView):
    scopes = READ

    @extend_schema(parameters=[AtQuery], responses=CustomerBalanceBody)
    def get(self, request: Request, external_id: str) -> Response:
        """Where the customer stands in each currency; the customer's own is always shown."""
        at = self.query(AtQuery)["at"]
        customers = Customer.objects.filter(project=self.project)
        customer = one(customers, "customer", external_id=external_id)
        own = customer.currency or self.project.currency
        balances = {own: CustomerBalance(own, 0, 0, 0)}
        found = customer_balance(self.project, external_id, at=at)
        balances |= {balance.currency: balance for balance in found}
        body = {
            "customer": external_id,
            "at": at,
            "data": [currency_balance(balances[currency]) for currency in sorted(balances)],
        }
        return Response(CustomerBalanceBody(body).data)
