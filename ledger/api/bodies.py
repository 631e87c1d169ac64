"""What the ledger shows to callers: amounts in major units, accounts and entries by their ids."""

from typing import Any

from rest_framework import serializers

from ledger.chart import chart_account
from ledger.ids import ACCOUNT, ENTRY, public_id
from ledger.models import Account, JournalEntry, Transfer
from ledger.selectors.balances import AccountBalance, CustomerBalance
from neruba.api.fields import Instant
from neruba.money import Money

SIDES = ["debit", "credit", "either"]


class OperationBody(serializers.Serializer[Any]):
    """What the entry is the record of."""

    kind = serializers.CharField()
    object = serializers.CharField()
    occurrence = serializers.IntegerField()


class AccountNameBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    code = serializers.CharField()
    name = serializers.CharField()
    customer = serializers.CharField(allow_null=True)
    sub = serializers.CharField(
        allow_null=True, help_text="The grant, dispute or tax rate that the account is of."
    )


class AccountBody(AccountNameBody):
    normal_side = serializers.ChoiceField(choices=SIDES)
    currency = serializers.CharField()
    debit = serializers.CharField()
    credit = serializers.CharField()
    balance = serializers.CharField(help_text="Positive on the normal side.")


class AccountEntryBody(serializers.Serializer[Any]):
    """One transfer, seen from one of its two accounts."""

    transaction = serializers.CharField()
    operation = OperationBody()
    occurred_at = Instant()
    recorded_at = Instant()
    side = serializers.ChoiceField(choices=["debit", "credit"])
    amount = serializers.CharField()
    currency = serializers.CharField()
    counterpart = AccountNameBody()
    document = serializers.CharField(allow_null=True)
    line = serializers.CharField(allow_null=True)


class TransferBody(serializers.Serializer[Any]):
    debit = AccountNameBody()
    credit = AccountNameBody()
    amount = serializers.CharField()
    currency = serializers.CharField()
    document = serializers.CharField(allow_null=True)
    line = serializers.CharField(allow_null=True)


class TransactionBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    operation = OperationBody()
    occurred_at = Instant()
    recorded_at = Instant()
    month = serializers.CharField(help_text="Accounting month, yyyy-mm.")
    reverses = serializers.CharField(allow_null=True)
    reversed_by = serializers.CharField(allow_null=True)
    transfers = TransferBody(many=True)


class TrialBalanceRowBody(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    normal_side = serializers.ChoiceField(choices=SIDES)
    currency = serializers.CharField()
    debit = serializers.CharField()
    credit = serializers.CharField()
    balance = serializers.CharField(help_text="Positive on the normal side.")


class TrialBalanceTotalBody(serializers.Serializer[Any]):
    currency = serializers.CharField()
    debit = serializers.CharField()
    credit = serializers.CharField()
    difference = serializers.CharField(help_text="Debit less credit: always zero.")


class TrialBalanceBody(serializers.Serializer[Any]):
    at = Instant(allow_null=True)
    data = TrialBalanceRowBody(many=True)  # type: ignore[assignment]
    totals = TrialBalanceTotalBody(many=True)


class CurrencyBalanceBody(serializers.Serializer[Any]):
    currency = serializers.CharField()
    owed = serializers.CharField(help_text="Receivable on issued invoices.")
    credit = serializers.CharField(help_text="Credits and customer balance that invoices draw on.")
    unapplied = serializers.CharField(help_text="Received, and matched to nothing yet.")


class CustomerBalanceBody(serializers.Serializer[Any]):
    customer = serializers.CharField()
    at = Instant(allow_null=True)
    data = CurrencyBalanceBody(many=True)  # type: ignore[assignment]


def _amount(minor: int, currency: str) -> str:
    return Money(minor, currency).amount


def account_name(account: Account) -> dict[str, Any]:
    return {
        "id": public_id(ACCOUNT, account.pk),
        "code": account.code,
        "name": chart_account(account.code).name,
        "customer": account.party or None,
        "sub": account.sub or None,
    }


def account_body(account: Account, debit_minor: int, credit_minor: int) -> dict[str, Any]:
    known = chart_account(account.code)
    return account_name(account) | {
        "normal_side": known.normal,
        "currency": account.currency,
        "debit": _amount(debit_minor, account.currency),
        "credit": _amount(credit_minor, account.currency),
        "balance": _amount(known.balance(debit_minor, credit_minor), account.currency),
    }


def _operation(entry: JournalEntry) -> dict[str, Any]:
    return {"kind": entry.kind, "object": entry.object, "occurrence": entry.occurrence}


def _transferred(transfer: Transfer) -> dict[str, Any]:
    return {
        "amount": _amount(transfer.amount_minor, transfer.currency),
        "currency": transfer.currency,
        "document": transfer.document or None,
        "line": transfer.line or None,
    }


def account_entry_body(account: Account, transfer: Transfer) -> dict[str, Any]:
    is_debit = transfer.debit_account_id == account.pk
    counterpart = transfer.credit_account if is_debit else transfer.debit_account
    body = {
        "transaction": public_id(ENTRY, transfer.entry_id),
        "operation": _operation(transfer.entry),
        "occurred_at": transfer.entry.occurred_at,
        "recorded_at": transfer.entry.recorded_at,
        "side": "debit" if is_debit else "credit",
        "counterpart": account_name(counterpart),
    }
    return AccountEntryBody(body | _transferred(transfer)).data


def transaction_body(
    entry: JournalEntry, transfers: tuple[Transfer, ...], reversed_by: JournalEntry | None
) -> dict[str, Any]:
    body = {
        "id": public_id(ENTRY, entry.pk),
        "operation": _operation(entry),
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
        "month": entry.month,
        "reverses": entry.reverses_id and public_id(ENTRY, entry.reverses_id),
        "reversed_by": reversed_by and public_id(ENTRY, reversed_by.pk),
        "transfers": [
            {
                "debit": account_name(transfer.debit_account),
                "credit": account_name(transfer.credit_account),
                **_transferred(transfer),
            }
            for transfer in transfers
        ],
    }
    return TransactionBody(body).data


def trial_balance_rows(rows: list[AccountBalance]) -> list[dict[str, Any]]:
    return [
        {
            "code": row.account.code,
            "name": row.account.name,
            "normal_side": row.account.normal,
            "currency": row.currency,
            "debit": _amount(row.debit_minor, row.currency),
            "credit": _amount(row.credit_minor, row.currency),
            "balance": _amount(row.balance_minor, row.currency),
        }
        for row in rows
    ]


def trial_balance_totals(rows: list[AccountBalance]) -> list[dict[str, Any]]:
    totals = []
    for currency in sorted({row.currency for row in rows}):
        debit = sum(row.debit_minor for row in rows if row.currency == currency)
        credit = sum(row.credit_minor for row in rows if row.currency == currency)
        totals.append(
            {
                "currency": currency,
                "debit": _amount(debit, currency),
                "credit": _amount(credit, currency),
                "difference": _amount(debit - credit, currency),
            }
        )
    return totals


def currency_balance(balance: CustomerBalance) -> dict[str, str]:
    return {
        "currency": balance.currency,
        "owed": _amount(balance.owed_minor, balance.currency),
        "credit": _amount(balance.credit_minor, balance.currency),
        "unapplied": _amount(balance.unapplied_minor, balance.currency),
    }
