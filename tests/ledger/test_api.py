"""The ledger over HTTP."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from ledger.ids import ACCOUNT, ENTRY, public_id, row_number
from ledger.models import Account, JournalEntry
from neruba.models import Project
from tests import factories
from tests.ledger.books import ISSUE, VOID, books

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = books()
    for name in ("acme", "beta", "idle"):
        factories.customer(project=project, external_id=name)
    return project


@pytest.fixture
def client(project: Project) -> APIClient:
    return factories.client(project=project, scopes=["ledger:read"])


def get(client: APIClient, path: str, status: int = 200) -> dict[str, Any]:
    response = client.get(f"/api/v1/{path}")
    assert response.status_code == status, response.content
    body: dict[str, Any] = response.json()
    return body


def entry_id(project: Project, kind: str, object_id: str) -> str:
    return public_id(
        ENTRY, JournalEntry.objects.get(project=project, kind=kind, object=object_id).pk
    )


def test_accounts_are_listed_with_their_balances(client: APIClient) -> None:
    body = get(client, "ledger/accounts?customer=acme")

    assert body["next_cursor"] is None
    shown = {
        (row["code"], row["currency"]): (row["debit"], row["credit"], row["balance"])
        for row in body["data"]
    }
    assert shown == {
        ("1100", "USD"): ("32.30", "32.30", "0.00"),
        ("2100", "USD"): ("0.00", "20.00", "20.00"),
        ("2000", "USD"): ("4.80", "5.00", "0.20"),
        ("2020", "USD"): ("0.00", "2.50", "2.50"),
        ("1100", "JPY"): ("1230", "0", "1230"),
    }
    grant = next(row for row in body["data"] if row["code"] == "2000")
    assert grant | {"id": "…"} == {
        "id": "…",
        "code": "2000",
        "name": "Prepaid credit",
        "customer": "acme",
        "sub": "grant-1",
        "normal_side": "credit",
        "currency": "USD",
        "debit": "4.80",
        "credit": "5.00",
        "balance": "0.20",
    }


def test_accounts_come_in_pages(client: APIClient) -> None:
    everything = get(client, "ledger/accounts")["data"]
    pages: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        body = get(client, f"ledger/accounts?limit=3{cursor and f'&cursor={cursor}'}")
        pages += body["data"]
        cursor = body["next_cursor"]
    assert pages == everything
    assert len(pages) == Account.objects.count()


def test_an_accounts_entries_are_listed_with_the_other_side(client: APIClient) -> None:
    accounts = get(client, "ledger/accounts?customer=acme")["data"]
    receivable = next(row for row in accounts if (row["code"], row["currency"]) == ("1100", "USD"))

    rows = get(client, f"ledger/accounts/{receivable['id']}/entries")["data"]

    assert [(row["side"], row["amount"], row["counterpart"]["code"]) for row in rows] == [
        ("debit", "20.00", "2100"),
        ("debit", "12.30", "4010"),
        ("credit", "4.80", "2000"),
        ("credit", "27.50", "1010"),
    ]
    assert rows[0]["operation"] == {"kind": "issue", "object": "invoice-1", "occurrence": 1}
    assert rows[0]["occurred_at"] == "2026-03-01T00:00:00.000000Z"
    assert (rows[0]["document"], rows[0]["line"]) == ("invoice-1", "base")


def test_a_transaction_is_shown_with_its_transfers(client: APIClient, project: Project) -> None:
    identity = entry_id(project, ISSUE.kind, ISSUE.object)

    body = get(client, f"ledger/transactions/{identity}")

    assert body["id"] == identity
    assert body["month"] == "2026-03"
    assert [(row["amount"], row["line"]) for row in body["transfers"]] == [
        ("20.00", "base"),
        ("12.30", "calls"),
    ]
    assert body["transfers"][0]["debit"]["name"] == "Accounts receivable"
    assert (body["reverses"], body["reversed_by"]) == (None, None)


def test_a_reversal_and_its_original_name_each_other(client: APIClient, project: Project) -> None:
    original, void = (entry_id(project, kind, VOID.object) for kind in ("issue", "void"))
    assert get(client, f"ledger/transactions/{original}")["reversed_by"] == void
    assert get(client, f"ledger/transactions/{void}")["reverses"] == original


def test_the_trial_balance_is_zero_in_each_currency(client: APIClient) -> None:
    body = get(client, "ledger/trial-balance")
    assert body["at"] is None
    assert body["totals"] == [
        {"currency": "JPY", "debit": "1230", "credit": "1230", "difference": "0"},
        {"currency": "USD", "debit": "73.64", "credit": "73.64", "difference": "0.00"},
    ]
    assert body["data"][0] == {
        "code": "1010",
        "name": "Bank",
        "normal_side": "debit",
        "currency": "USD",
        "debit": "35.00",
        "credit": "0.00",
        "balance": "35.00",
    }


def test_the_trial_balance_of_an_instant_and_a_currency(client: APIClient) -> None:
    body = get(client, "ledger/trial-balance?at=2026-03-02T01:00:00%2B01:00&currency=USD")
    assert body["at"] == "2026-03-02T00:00:00.000000Z"
    assert [(row["code"], row["balance"]) for row in body["data"]] == [
        ("1100", "32.30"),
        ("2100", "20.00"),
        ("4010", "12.30"),
    ]


@pytest.mark.parametrize("query", ["at=2026-03-02T00:00:00", "currency=usd", "as_of=x", "at="])
def test_a_wrong_query_is_refused(client: APIClient, query: str) -> None:
    assert get(client, f"ledger/trial-balance?{query}", 400)["errors"]


def test_a_customers_balance(client: APIClient) -> None:
    assert get(client, "customers/acme/balance") == {
        "customer": "acme",
        "at": None,
        "data": [
            {"currency": "JPY", "owed": "1230", "credit": "0", "unapplied": "0"},
            {"currency": "USD", "owed": "0.00", "credit": "2.70", "unapplied": "0.00"},
        ],
    }
    earlier = get(client, "customers/acme/balance?at=2026-03-04T00:00:00Z")
    assert earlier["data"][1]["owed"] == "32.30"


def test_a_customer_without_entries_owes_nothing(client: APIClient) -> None:
    assert get(client, "customers/idle/balance")["data"] == [
        {"currency": "USD", "owed": "0.00", "credit": "0.00", "unapplied": "0.00"}
    ]


def test_another_projects_books_do_not_exist(client: APIClient, project: Project) -> None:
    other = books()
    factories.customer(project=other, external_id="theirs")
    account = public_id(ACCOUNT, Account.objects.filter(project=other).earliest("pk").pk)
    entry = entry_id(other, ISSUE.kind, ISSUE.object)

    for path in (
        f"ledger/accounts/{account}/entries",
        f"ledger/transactions/{entry}",
        "customers/theirs/balance",
    ):
        assert get(client, path, 404)["code"] == "not_found"
    mine = {row["id"] for row in get(client, "ledger/accounts")["data"]}
    assert mine == {
        public_id(ACCOUNT, pk)
        for pk in Account.objects.filter(project=project).values_list("pk", flat=True)
    }


@pytest.mark.parametrize(
    "text", ["", "1", "txn_1", "acc_00000000000a", "txn_00000000000A", "txn_00000000000a "]
)
def test_other_texts_are_no_ids(text: str) -> None:
    assert row_number(ENTRY, text) == 0
    assert row_number(ENTRY, public_id(ENTRY, 10)) == 10


def test_the_scope_is_needed(project: Project) -> None:
    client = factories.client(project=project, scopes=["billing:read", "billing:write"])
    for path in ("ledger/accounts", "ledger/trial-balance", "customers/acme/balance"):
        assert get(client, path, 403)["code"] == "missing_scope"
