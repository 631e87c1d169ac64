"""Money received outside Stripe, and recoveries, by API; what is refused changes nothing."""

from typing import Any

import pytest

from ledger.models import JournalEntry
from ledger.selectors.balances import trial_balance
from ledger.selectors.verify import book_differences
from neruba.models import AuditRecord, Project
from payments.models import Payment
from tests import factories
from tests.billing.sandbox import Sandbox, started

pytestmark = pytest.mark.django_db
MONEY = {"customer": "acme", "currency": "USD", "method": "bank_transfer", "reference": "RF18"}


@pytest.fixture
def sandbox() -> Sandbox:
    return started()


def charge(sandbox: Sandbox, amount: str, key: str) -> Any:
    body = {"customer": "acme", "amount": amount, "description": "Work", "invoice_now": True}
    made = sandbox.post("/charges", {**body, "charge_key": key})
    return sandbox.get(f"/invoices/{made['invoice']}")


def books(project: Project) -> dict[str, int]:
    assert list(book_differences(project)) == []
    rows = trial_balance(project)
    return {row.account.code: row.balance_minor for row in rows if row.balance_minor}


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Payment, JournalEntry, AuditRecord))


def due(sandbox: Sandbox, invoice: Any) -> tuple[str, str]:
    shown = sandbox.get(f"/invoices/{invoice['id']}")
    return shown["status"], shown["amount_due"]


def test_money_pays_the_oldest_first_and_the_rest_is_balance(sandbox: Sandbox) -> None:
    first, second = charge(sandbox, "20.00", "one"), charge(sandbox, "30.00", "two")
    sandbox.clock("2026-01-20T00:00:00Z")
    paid = sandbox.post(
        "/payments", {**MONEY, "amount": "60.00", "received_at": "2026-01-15T12:00:00+01:00"}
    )
    assert paid["paid"] == [
        {"invoice": first["id"], "number": "INV-000001", "amount": "20.00"},
        {"invoice": second["id"], "number": "INV-000002", "amount": "30.00"},
    ]
    assert (paid["to_balance"], paid["unapplied"], paid["status"]) == ("10.00", "0.00", "succeeded")
    assert paid["received_at"] == "2026-01-15T11:00:00.000000Z"
    entry = JournalEntry.objects.get(project=sandbox.project, kind="payment.received")
    assert entry.occurred_at.isoformat() == "2026-01-15T11:00:00+00:00"
    assert sandbox.get(f"/payments/{paid['id']}") == paid
    assert books(sandbox.project) == {"1010": 6000, "2020": 1000, "4000": 5000}


def test_money_can_name_what_it_pays(sandbox: Sandbox) -> None:
    first, second = charge(sandbox, "20.00", "one"), charge(sandbox, "30.00", "two")
    sandbox.post("/payments", {**MONEY, "amount": "25.00", "invoices": [second["id"]]})
    assert (due(sandbox, first), due(sandbox, second)) == (("open", "20.00"), ("open", "5.00"))


def test_payments_are_listed_by_customer_and_date(sandbox: Sandbox) -> None:
    sandbox.customer("other")
    first = sandbox.post("/payments", {**MONEY, "amount": "1.00"})
    sandbox.clock("2026-01-20T00:00:00Z")
    second = sandbox.post("/payments", {**MONEY, "amount": "2.00", "customer": "other"})
    assert sandbox.get("/payments")["data"] == [first, second]
    assert sandbox.get("/payments?customer=other")["data"] == [second]
    assert sandbox.get("/payments?from=2026-01-20T00:00:00Z")["data"] == [second]
    assert sandbox.get("/payments?to=2026-01-20T00:00:00Z")["data"] == [first]
    stranger = factories.client(project=factories.project())
    assert stranger.get(f"/api/v1/payments/{first['id']}").status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"amount": "0.00"}, 400, "/amount"),
        ({"amount": "-1.00"}, 400, "/amount"),
        ({"amount": "1.001"}, 400, "/amount"),
        ({"method": "stripe"}, 400, "/method"),
        ({"received_at": "2026-01-01T00:00:01Z"}, 400, "/received_at"),
        ({"invoices": ["inv_0"]}, 400, "/invoices/0"),
        ({"invoices": []}, 400, "/invoices"),
        ({"currency": "EUR", "invoices": ["the open one"]}, 400, "/invoices/0"),
        ({"customer": "nobody"}, 404, None),
        ({"invoices": ["the paid one"]}, 409, None),
    ],
)
def test_what_is_refused_changes_nothing(
    sandbox: Sandbox, change: dict[str, Any], status: int, pointer: str | None
) -> None:
    paid = charge(sandbox, "10.00", "one")
    sandbox.post("/payments", {**MONEY, "amount": "10.00"})
    named = {"the open one": charge(sandbox, "10.00", "two")["id"], "the paid one": paid["id"]}
    body = {**MONEY, "amount": "10.00", **change}
    if "invoices" in body:
        body["invoices"] = [named.get(one, one) for one in body["invoices"]]
    before = counts()
    refused = sandbox.post("/payments", body, status)
    assert [one["pointer"] for one in refused.get("errors", [])] == ([pointer] if pointer else [])
    assert counts() == before


def test_what_comes_in_for_a_write_off_pays_it(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "30.00", "one")
    path = f"/invoices/{invoice['id']}"
    receipt = {"method": "cash", "reference": "till 1", "reason": "they paid after all"}
    before = counts()
    sandbox.post(f"{path}/recover", receipt, 409)
    assert counts() == before
    sandbox.post(f"{path}/write-off", {"reason": "bankrupt"}, 200)
    assert books(sandbox.project) == {"4000": 3000, "5100": 3000}
    before = counts()
    refused = sandbox.post(f"{path}/recover", {**receipt, "amount": "30.01"}, 409)
    assert "30.00 USD of this invoice stands written off" in refused["detail"]
    sandbox.post(f"{path}/recover", {**receipt, "amount": "0.00"}, 400)
    future = {**receipt, "received_at": "2026-03-01T00:00:00Z"}
    sandbox.post(f"{path}/recover", future, 400)  # the recovery before it is undone with it
    assert counts() == before
    part = sandbox.post(f"{path}/recover", {**receipt, "amount": "10.00"})
    assert (part["amount"], part["paid"][0]["amount"]) == ("10.00", "10.00")
    assert due(sandbox, invoice) == ("uncollectible", "0.00")
    rest = sandbox.post(f"{path}/recover", receipt, key="rest")
    assert sandbox.post(f"{path}/recover", receipt, key="rest") == rest
    assert due(sandbox, invoice) == ("paid", "0.00")
    assert books(sandbox.project) == {"1010": 3000, "4000": 3000}
