"""Priced one-offs."""

import pytest

from billing.models import Charge, Invoice
from tests.billing.sandbox import BASE, CALLS, Sandbox, started

pytestmark = pytest.mark.django_db

SETUP = {"charge_key": "setup", "customer": "acme", "amount": "5.00", "description": "Set-up"}


def test_a_charge_goes_on_the_next_invoice_once() -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-10T00:00:00Z")
    first = sandbox.post("/charges", SETUP)
    assert first["invoice"] is None
    assert sandbox.post("/charges", SETUP, 200)["charge_key"] == "setup"
    assert sandbox.post("/charges", {**SETUP, "amount": "6.00"}, 409)["code"] == "conflict"
    sandbox.clock("2026-03-02T00:00:00Z")
    assert sandbox.totals() == ["30.00", "35.00", "30.00"]
    line = sandbox.invoices()[1]["lines"][-1]
    assert (line["kind"], line["amount"], line["description"]) == ("charge", "5.00", "Set-up")
    assert sandbox.get("/charges")["data"][0]["invoice"] == sandbox.invoices()[1]["id"]


def test_a_charge_may_have_an_invoice_of_its_own_at_once() -> None:
    sandbox = started()
    sandbox.subscribe()
    charge = sandbox.post("/charges", {**SETUP, "invoice_now": True})
    (invoice,) = sandbox.invoices()
    assert charge["invoice"] == invoice["id"]
    assert (invoice["number"], invoice["total"]) == ("INV-000001", "5.00")
    assert sandbox.post("/charges", {**SETUP, "invoice_now": True}, 200)["invoice"] == invoice["id"]
    sandbox.clock("2026-01-02T00:00:00Z")
    assert sandbox.totals() == ["5.00", "30.00"]


def test_a_charge_of_a_customer_without_a_subscription_is_billed_by_the_next_run() -> None:
    sandbox = Sandbox()
    sandbox.customer()
    sandbox.post("/charges", SETUP)
    sandbox.post(
        "/charges", {**SETUP, "charge_key": "later", "effective_at": "2026-02-01T00:00:00Z"}
    )
    assert sandbox.post("/billing-runs", {}, 202)["counts"]["finalized"] == 1
    sandbox.clock("2026-03-01T00:00:00Z")
    assert sandbox.totals() == ["5.00", "5.00"]
    assert sandbox.post("/billing-runs", {}, 202)["counts"]["finalized"] == 0


def test_a_charge_after_the_last_boundary_is_not_lost() -> None:
    sandbox = started(BASE)
    sandbox.subscribe(anchor="calendar")
    sandbox.post("/subscriptions/sub/changes", {"type": "cancel", "at": "period_end"})
    sandbox.post("/charges", {**SETUP, "effective_at": "2026-02-15T00:00:00Z"})
    sandbox.clock("2026-02-14T00:00:00Z")
    assert sandbox.totals() == ["30.00"]
    sandbox.clock("2026-02-15T00:00:00Z")
    assert sandbox.totals() == ["30.00", "5.00"]


def test_a_charge_in_another_currency_does_not_meet_the_subscription() -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.post("/charges", {**SETUP, "amount": "500", "currency": "JPY"})
    sandbox.clock("2026-02-01T01:00:00Z")
    assert [(i["currency"], i["total"]) for i in sandbox.invoices()] == [
        ("USD", "30.00"),
        ("JPY", "500"),
        ("USD", "30.00"),
    ]


@pytest.mark.parametrize("amount", ["0", "-5.00", "5.001", 5.0, "5e2", None, True, "five"])
def test_what_is_no_amount_is_refused(amount: object) -> None:
    sandbox = started()
    problem = sandbox.post("/charges", {**SETUP, "amount": amount}, 400)
    assert problem["errors"][0]["pointer"] == "/amount"
    assert not Charge.objects.exists()


def test_a_charge_while_a_draft_waits_goes_on_it_only_if_it_was_effective_by_its_boundary() -> None:
    sandbox = started(CALLS, BASE)
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-02-01T00:30:00Z")
    assert Invoice.objects.filter(status="draft").count() == 1
    sandbox.post(
        "/charges", {**SETUP, "charge_key": "before", "effective_at": "2026-01-31T00:00:00Z"}
    )
    sandbox.post("/charges", {**SETUP, "charge_key": "after"})
    sandbox.clock("2026-03-01T02:00:00Z")
    assert sandbox.totals() == ["30.00", "35.00", "35.00"]
