"""Balances are sums of transfers, at any instant."""

from datetime import UTC, datetime

import pytest

from ledger.models import Account
from ledger.selectors.balances import (
    CustomerBalance,
    account_balance,
    customer_balance,
    trial_balance,
)
from ledger.selectors.settlements import settlement_of
from neruba.models import Project
from tests import factories
from tests.ledger.books import books

pytestmark = pytest.mark.django_db


def shown(
    project: Project, *, at: datetime | None = None, currency: str | None = None
) -> list[tuple[str, str, int, int, int]]:
    return [
        (row.account.code, row.currency, row.debit_minor, row.credit_minor, row.balance_minor)
        for row in trial_balance(project, at=at, currency=currency)
    ]


def test_the_trial_balance_sums_by_code_and_currency() -> None:
    assert shown(books()) == [
        ("1010", "USD", 3500, 0, 3500),
        ("1100", "JPY", 1230, 0, 1230),
        ("1100", "USD", 3307, 3307, 0),
        ("2000", "USD", 480, 500, 20),
        ("2020", "USD", 0, 250, 250),
        ("2100", "USD", 0, 2000, 2000),
        ("4010", "JPY", 0, 1230, 1230),
        ("4010", "USD", 77, 1307, 1230),
    ]


def test_the_trial_balance_is_of_what_occurred_before_the_instant() -> None:
    project = books()
    second = datetime(2026, 3, 2, tzinfo=UTC)
    assert shown(project, at=second) == [
        ("1100", "USD", 3230, 0, 3230),
        ("2100", "USD", 0, 2000, 2000),
        ("4010", "USD", 0, 1230, 1230),
    ]
    assert shown(project, at=datetime(2026, 3, 1, tzinfo=UTC)) == []
    assert shown(project, at=datetime(2027, 1, 1, tzinfo=UTC)) == shown(project)


def test_the_trial_balance_of_one_currency_leaves_out_the_others() -> None:
    project = books()
    assert [row[1] for row in shown(project, currency="JPY")] == ["JPY", "JPY"]
    assert shown(project, currency="EUR") == []


def test_a_customer_owes_and_holds() -> None:
    project = books()
    assert customer_balance(project, "acme") == [
        CustomerBalance("JPY", owed_minor=1230, credit_minor=0, unapplied_minor=0),
        CustomerBalance("USD", owed_minor=0, credit_minor=270, unapplied_minor=0),
    ]
    assert customer_balance(project, "acme", at=datetime(2026, 3, 4, tzinfo=UTC)) == [
        CustomerBalance("JPY", owed_minor=0, credit_minor=0, unapplied_minor=0),
        CustomerBalance("USD", owed_minor=3230, credit_minor=500, unapplied_minor=0),
    ]
    assert customer_balance(project, "ACME") == []


def test_what_is_receivable_of_a_document_follows_draws_payments_and_voids() -> None:
    project = books()
    receivable = [settlement_of(project, f"invoice-{number}").due_minor for number in (1, 2, 3, 4)]
    assert receivable == [0, 0, 1230, 0]


def test_the_sum_of_transfers_equals_every_kept_balance() -> None:
    project = books()
    kept = Account.objects.filter(project=project, balance_minor__isnull=False)
    assert {str(account): account.balance_minor for account in kept} == {
        "2000 USD acme grant-1": 20,
        "2020 USD acme": 250,
    }
    assert all(account_balance(account) == account.balance_minor for account in kept)


def test_another_projects_books_are_not_in_the_sums() -> None:
    books()
    project = factories.project()
    assert shown(project) == []
    assert customer_balance(project, "acme") == []
    assert settlement_of(project, "invoice-3").due_minor == 0
