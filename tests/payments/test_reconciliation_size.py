"""Reconciliation of many rows: queries grow by pages, and memory does not."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import Account, JournalEntry, Transfer
from neruba.models import Project
from payments.matching import Section, State
from payments.models import Payment, ProviderTransaction
from payments.selectors.books_side import PAGE
from payments.selectors.reconciliation import Count, Reconciliation
from tests import factories
from tests.factories import START

pytestmark = [pytest.mark.django_db, pytest.mark.once]

MANY = 5_000
QUERIES_A_PAGE = 25


def paid_often(project: Project, count: int) -> None:
    """Payments of 1.00 USD in the books, and their charges at Stripe but for every hundredth."""
    accounts = [
        Account.objects.create(project=project, code=code, currency="USD")
        for code in ("1000", "2050")
    ]
    numbers = range(count)
    Payment.objects.bulk_create(
        Payment(
            project=project,
            public_id=f"pay_{project.pk}_{number}",
            operation_key=f"stripe:pi_{number}",
            provider_id=f"pi_{number}",
            charge_id=f"ch_{number}",
            method="stripe",
            state="succeeded",
            amount_minor=100,
            currency="USD",
            received_at=START,
            created_at=START,
        )
        for number in numbers
    )
    JournalEntry.objects.bulk_create(
        JournalEntry(
            project=project,
            kind="payment.received",
            object=f"stripe:pi_{number}",
            occurred_at=START,
            recorded_at=START,
            month="2026-01",
        )
        for number in numbers
    )
    Transfer.objects.bulk_create(
        Transfer(
            project=project,
            entry=entry,
            debit_account=accounts[0],
            credit_account=accounts[1],
            amount_minor=100,
            currency="USD",
        )
        for entry in JournalEntry.objects.filter(project=project)
    )
    ProviderTransaction.objects.bulk_create(
        ProviderTransaction(
            project=project,
            provider="stripe",
            transaction_id=f"txn_{number}",
            type="charge",
            category="charge",
            source=f"ch_{number}" if number % 100 else f"ch_other_{number}",
            amount_minor=100,
            fee_minor=0,
            net_minor=100,
            currency="USD",
            created_at=START,
            available_at=START,
            fetched_at=START,
        )
        for number in numbers
    )


def reconciled(project: Project) -> tuple[Reconciliation, int]:
    """What was found, and with how many queries."""
    found = Reconciliation(project, since=START, to=START + timedelta(days=1))
    with CaptureQueriesContext(connection) as captured:
        for _ in found.items():
            pass
    assert not any(tie.difference for tie in found.ties)
    return found, len(captured)


def test_queries_grow_by_pages_only() -> None:
    few, many = factories.project(), factories.project()
    paid_often(few, PAGE)
    paid_often(many, MANY)
    _, base = reconciled(few)
    found, queries = reconciled(many)
    # Entries, payments and transactions are read in pages of their own.
    assert queries - base <= QUERIES_A_PAGE * (MANY // PAGE - 1)
    odd = MANY // 100
    assert {key: count for key, count in found.counts.items() if count} == {
        Count(Section.PAYMENTS, State.MATCHED): MANY,
        Count(Section.PROVIDER, State.MATCHED): MANY - odd,
        Count(Section.PROVIDER, State.MISSING_THERE): odd,
        Count(Section.PROVIDER, State.MISSING_HERE): odd,
    }
