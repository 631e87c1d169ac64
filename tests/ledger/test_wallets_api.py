"""Wallets, grants, movements and adjustments by API; what is refused changes nothing."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from ledger.models import Grant, JournalEntry, Wallet
from ledger.selectors.verify import book_differences
from neruba.models import Approval, AuditRecord
from tests import factories
from tests.billing.sandbox import Sandbox, started

pytestmark = pytest.mark.django_db
NOW = "2026-01-10T00:00:00Z"
CREDIT = {"amount": "50.00", "kind": "promotional", "reason": "a slow week"}


@pytest.fixture
def sandbox() -> Sandbox:
    made = started()
    made.clock(NOW)
    return made


def wallet(sandbox: Sandbox, **more: Any) -> str:
    body = {"customer": "acme", "name": "Credits", "currency": "USD", **more}
    made: str = sandbox.post("/wallets", body)["id"]
    return made


def grant(sandbox: Sandbox, wallet_id: str, **more: Any) -> Any:
    return sandbox.post(f"/wallets/{wallet_id}/grants", {**CREDIT, **more})


def charge(sandbox: Sandbox, amount: str) -> Any:
    body = {"customer": "acme", "amount": amount, "description": "Work", "invoice_now": True}
    made = sandbox.post("/charges", {**body, "charge_key": uuid4().hex})
    return sandbox.get(f"/invoices/{made['invoice']}")


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Wallet, Grant, JournalEntry, AuditRecord))


def test_a_grant_is_issued_drawn_on_and_told_by_its_wallet(sandbox: Sandbox) -> None:
    home = wallet(sandbox)
    made = grant(sandbox, home, expires_at="2027-01-01T00:00:00Z", reason_code="goodwill")
    assert {name: made[name] for name in ("balance", "spendable", "state", "priority")} == {
        "balance": "50.00",
        "spendable": "50.00",
        "state": "active",
        "priority": 50,
    }
    invoice = charge(sandbox, "20.00")
    assert (invoice["credits_applied"], invoice["amount_due"]) == ("20.00", "0.00")
    shown = sandbox.get(f"/wallets/{home}")
    assert (shown["balance"], shown["spendable"]) == ("30.00", "30.00")
    assert [one["id"] for one in shown["grants"]] == [made["id"]]
    entries = sandbox.get(f"/wallets/{home}/entries")["data"]
    assert [(one["operation"], one["amount"], one["invoice"]) for one in entries] == [
        ("grant.issue", "50.00", None),
        ("invoice.credits", "-20.00", invoice["id"]),
    ]
    assert (entries[0]["reason"], entries[1]["actor"]) == ("a slow week", None)
    assert entries[0]["actor"].startswith("key ")
    assert list(book_differences(sandbox.project)) == []


def test_what_is_not_effective_yet_cannot_be_spent(sandbox: Sandbox) -> None:
    home = wallet(sandbox)
    later = grant(sandbox, home, effective_at="2026-02-01T00:00:00Z")
    assert (later["balance"], later["spendable"], later["state"]) == ("50.00", "0.00", "upcoming")
    shown = sandbox.get(f"/wallets/{home}")
    assert (shown["balance"], shown["spendable"]) == ("50.00", "0.00")
    assert charge(sandbox, "20.00")["credits_applied"] == "0.00"


def test_a_wallet_of_an_earlier_instant_is_what_the_books_say_of_it(sandbox: Sandbox) -> None:
    home = wallet(sandbox)
    first = grant(sandbox, home)
    sandbox.clock("2026-01-12T00:00:00Z")
    grant(sandbox, home, amount="7.00")
    charge(sandbox, "20.00")
    sandbox.post(f"/grants/{first['id']}/revoke", {"reason": "a mistake"}, 200)
    then = sandbox.get(f"/wallets/{home}?at=2026-01-11T00:00:00Z")
    assert [(one["id"], one["balance"]) for one in then["grants"]] == [(first["id"], "50.00")]
    assert sandbox.get(f"/wallets/{home}?at=2026-01-01T00:00:00Z")["balance"] == "0.00"
    assert sandbox.get(f"/wallets/{home}")["balance"] == "7.00"


def test_revoking_in_part_leaves_the_rest_and_in_whole_ends_the_grant(sandbox: Sandbox) -> None:
    home = wallet(sandbox)
    made = grant(sandbox, home, kind="paid")
    part = {"amount": "10.00", "reason": "too much"}
    first = sandbox.post(f"/grants/{made['id']}/revoke", part, 200)
    assert (first["revoked"], first["balance"], first["state"]) == ("10.00", "40.00", "active")
    rest = {"reason": "they left", "settle": "refund"}
    second = sandbox.post(f"/grants/{made['id']}/revoke", rest, 200)
    assert (second["revoked"], second["balance"], second["state"]) == ("40.00", "0.00", "revoked")
    (balance,) = sandbox.get("/customers/acme/balance")["data"]
    assert balance["credit"] == "10.00"  # the part went to the customer balance
    before = counts()
    sandbox.post(f"/grants/{made['id']}/revoke", part, 409)
    assert counts() == before


def test_revoking_twice_with_one_key_takes_once(sandbox: Sandbox) -> None:
    made = grant(sandbox, wallet(sandbox))
    part, key = {"amount": "10.00", "reason": "too much"}, uuid4().hex
    answers = [sandbox.post(f"/grants/{made['id']}/revoke", part, 200, key) for _ in range(2)]
    assert answers[0] == answers[1]
    assert sandbox.get(f"/grants/{made['id']}")["balance"] == "40.00"


def test_money_does_not_move_without_a_key(sandbox: Sandbox) -> None:
    home = wallet(sandbox)
    made = grant(sandbox, home)
    before = counts()
    for path, body in (
        (f"/wallets/{home}/grants", CREDIT),
        (f"/grants/{made['id']}/revoke", {"reason": "x"}),
        ("/customers/acme/adjustments", {"amount": "1.00", "currency": "USD"}),
    ):
        answer = sandbox.client.post(f"/api/v1{path}", body, format="json")
        assert (answer.status_code, "Idempotency-Key" in answer.json()["detail"]) == (400, True)
    assert counts() == before


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"amount": "0.00"}, "/amount"),
        ({"amount": "-5.00"}, "/amount"),
        ({"amount": "5.001"}, "/amount"),
        ({"expires_at": NOW}, "/expires_at"),
        ({"priority": 256}, "/priority"),
        ({"scope": {"prices": []}}, "/scope/prices"),
        ({"reason_code": "because"}, "/reason_code"),
        ({"recurs": {"every": "P1M"}}, "/recurs"),
        ({"kind": "gift"}, "/kind"),
    ],
)
def test_a_grant_that_cannot_be_is_refused_with_its_place(
    sandbox: Sandbox, change: dict[str, Any], pointer: str
) -> None:
    home = wallet(sandbox)
    before = counts()
    answer = sandbox.post(f"/wallets/{home}/grants", {**CREDIT, **change}, 400)
    assert [one["pointer"] for one in answer["errors"]] == [pointer]
    assert counts() == before


def test_topping_up_by_itself_is_not_supported_and_makes_no_wallet(sandbox: Sandbox) -> None:
    body = {"customer": "acme", "name": "x", "auto_top_up": {"threshold": "1", "amount": "9"}}
    answer = sandbox.post("/wallets", body, 400)
    assert answer["errors"][0]["pointer"] == "/auto_top_up"
    assert Wallet.objects.count() == 0


def test_the_balance_is_adjusted_both_ways_and_never_below_zero(sandbox: Sandbox) -> None:
    body = {"amount": "12.30", "currency": "USD", "reason_code": "billing_error"}
    given = sandbox.post("/customers/acme/adjustments", body)
    assert (given["amount"], given["balance"]) == ("12.30", "12.30")
    taken = sandbox.post("/customers/acme/adjustments", {**body, "amount": "-2.30"})
    assert taken["balance"] == "10.00"
    before = counts()
    sandbox.post("/customers/acme/adjustments", {**body, "amount": "-10.01"}, 409)
    sandbox.post("/customers/acme/adjustments", {**body, "amount": "0.00"}, 400)
    assert counts() == before


def test_an_open_invoice_draws_on_what_came_later_when_asked_to(sandbox: Sandbox) -> None:
    invoice = charge(sandbox, "20.00")
    home = wallet(sandbox)
    grant(sandbox, home, amount="15.00")
    applied = sandbox.post(f"/invoices/{invoice['id']}/apply-credits", {}, 200)
    assert (applied["applied"], applied["invoice"]["amount_due"]) == ("15.00", "5.00")
    drawn = sandbox.get(f"/wallets/{home}/entries")["data"][-1]
    assert (drawn["amount"], drawn["invoice"]) == ("-15.00", invoice["id"])
    assert drawn["actor"].startswith("key ")
    again = sandbox.post(f"/invoices/{invoice['id']}/apply-credits", {}, 200)
    assert again["applied"] == "0.00"


def test_wallets_are_listed_by_customer_with_what_is_in_them(sandbox: Sandbox) -> None:
    sandbox.customer("beta")
    first, second = wallet(sandbox), wallet(sandbox, customer="beta", currency="EUR")
    grant(sandbox, first)
    listed = sandbox.get("/wallets")["data"]
    assert [(one["id"], one["balance"]) for one in listed] == [(first, "50.00"), (second, "0.00")]
    assert [one["id"] for one in sandbox.get("/wallets?customer=beta")["data"]] == [second]
    assert sandbox.get("/wallets?customer=nobody")["data"] == []


def test_another_projects_wallets_do_not_exist(sandbox: Sandbox) -> None:
    home = wallet(sandbox)
    made = grant(sandbox, home)
    stranger = factories.client(project=factories.project())
    before = counts()
    for path in (f"wallets/{home}", f"wallets/{home}/entries", f"grants/{made['id']}"):
        assert stranger.get(f"/api/v1/{path}").status_code == 404
    for path, body in (
        (f"wallets/{home}/grants", CREDIT),
        (f"grants/{made['id']}/revoke", {"reason": "x"}),
    ):
        answer = stranger.post(
            f"/api/v1/{path}", body, format="json", headers={"idempotency-key": uuid4().hex}
        )
        assert answer.status_code == 404
    assert counts() == before


def operator(sandbox: Sandbox, role: str) -> APIClient:
    """A program with the token of an operator."""
    caller = APIClient(raise_request_exception=False)
    secret = factories.operator_token(project=sandbox.project, role=role).secret
    slug = sandbox.project.slug
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_NERUBA_PROJECT=slug)
    return caller


def test_what_is_above_an_operators_limit_waits_for_another_and_is_done_once(
    sandbox: Sandbox,
) -> None:
    home = wallet(sandbox)
    support, finance = operator(sandbox, "support"), operator(sandbox, "finance")
    big = {**CREDIT, "amount": "100.01", "scope": {"prices": ["calls"]}, "priority": 3}
    over = {"amount": "100.01", "currency": "USD", "reason_code": "goodwill"}
    before = counts()[:3]
    asked = []
    for path, body in ((f"wallets/{home}/grants", big), ("customers/acme/adjustments", over)):
        key = {"idempotency-key": uuid4().hex}
        answers = [
            support.post(f"/api/v1/{path}", body, format="json", headers=key) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        asked.append(answers[0].json()["approval"])
    assert counts()[:3] == before
    assert Approval.objects.count() == 2
    for one in asked:
        path, key = f"/api/v1/approvals/{one}/approve", {"idempotency-key": uuid4().hex}
        body = {"reason": "agreed"}
        own = support.post(path, body, format="json", headers=key)
        assert own.status_code == 403
        done = finance.post(path, body, format="json", headers=key)
        assert done.status_code == 200, done.content
    (made,) = sandbox.get(f"/wallets/{home}/grants")["data"]
    assert (made["amount"], made["scope"], made["priority"]) == (
        "100.01",
        {"prices": ["calls"]},
        3,
    )
    (balance,) = sandbox.get("/customers/acme/balance")["data"]
    assert balance["credit"] == "200.02"


def test_taking_back_and_what_is_within_the_limit_wait_for_nobody(sandbox: Sandbox) -> None:
    home = wallet(sandbox)
    support = operator(sandbox, "support")
    body = {"amount": "200.00", "currency": "USD", "reason_code": "goodwill"}
    sandbox.post("/customers/acme/adjustments", body)  # a key is bound by its scopes alone
    for path, sent in (
        (f"wallets/{home}/grants", {**CREDIT, "amount": "100.00"}),
        ("customers/acme/adjustments", {**body, "amount": "-200.00"}),
    ):
        key = {"idempotency-key": uuid4().hex}
        answer = support.post(f"/api/v1/{path}", sent, format="json", headers=key)
        assert answer.status_code == 201, answer.content
    assert Approval.objects.count() == 0


def test_what_cannot_be_done_is_not_asked_for(sandbox: Sandbox) -> None:
    home = wallet(sandbox)
    support = operator(sandbox, "support")
    gone = {**CREDIT, "amount": "500.00", "expires_at": NOW}
    key = {"idempotency-key": uuid4().hex}
    answer = support.post(f"/api/v1/wallets/{home}/grants", gone, format="json", headers=key)
    assert answer.status_code == 400
    assert Approval.objects.count() == 0


def test_what_cannot_be_done_any_more_is_refused_at_its_approval(sandbox: Sandbox) -> None:
    home = wallet(sandbox)
    body = {**CREDIT, "amount": "500.00", "expires_at": "2026-01-11T00:00:00Z"}
    key = {"idempotency-key": uuid4().hex}
    path = f"/api/v1/wallets/{home}/grants"
    asked = operator(sandbox, "support").post(path, body, format="json", headers=key).json()
    sandbox.clock("2026-01-12T00:00:00Z")
    before = counts()
    path = f"/api/v1/approvals/{asked['approval']}/approve"
    finance = operator(sandbox, "finance")
    key = {"idempotency-key": uuid4().hex}
    before = counts()
    answer = finance.post(path, {"reason": "agreed"}, format="json", headers=key)
    assert answer.status_code == 400
    assert counts() == before
    assert Approval.objects.get().state == "requested"
