"""Seats: a fee for each of a licensed quantity, which the subscription says."""

from typing import Any

import pytest

from billing.models import InvoiceLine, Subscription
from billing.rating.invoice import amount_of_evidence
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox, started

pytestmark = pytest.mark.django_db

TIERED = {
    "code": "seats",
    "kind": "seat",
    "model": "graduated",
    "billing": "in_arrears",
    "tiers": [
        {"up_to": "2", "unit_amount": "10.00", "flat_amount": "5.00"},
        {"up_to": None, "unit_amount": "8.00"},
    ],
}


def seat_lines(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [
        line
        for invoice in sandbox.invoices()
        for line in invoice["lines"]
        if line["kind"] == "seat"
    ]


def test_seats_are_billed_ahead_and_prorated_like_a_fee() -> None:
    sandbox = started(SEATS)
    made = sandbox.subscribe(
        anchor="calendar", start_at="2026-01-21T00:00:00Z", quantities={"seats": "5"}
    )
    assert made["quantities"] == {"seats": "5"}
    sandbox.clock("2026-02-01T00:00:00Z")
    short, whole = seat_lines(sandbox)
    # 11 of the 31 days of January: 5 × 10.00 × 11/31 = 17.7419…
    assert (short["quantity"], short["unit_amount"], short["amount"]) == ("5", "10", "17.74")
    assert short["evidence"]["quantity"] == "5"
    assert (short["evidence"]["share"]["numerator"], short["evidence"]["share"]["denominator"]) == (
        11,
        31,
    )
    assert (whole["quantity"], whole["amount"]) == ("5", "50.00")
    assert whole["id"] == "seat:seats:2026-02-01T00:00:00.000000Z"
    for line in (short, whole):
        minor = amount_of_evidence(line["evidence"], "USD")
        assert minor == int(line["amount"].replace(".", ""))


def test_tiered_seats_in_arrears_are_billed_when_the_period_ended() -> None:
    sandbox = started(TIERED)
    sandbox.subscribe(quantities={"seats": "3.5"})
    assert seat_lines(sandbox) == []
    sandbox.clock("2026-02-01T00:00:00Z")
    (line,) = seat_lines(sandbox)
    # 2 × 10 + 5, and 1.5 × 8.
    assert (line["amount"], line["unit_amount"], line["quantity"]) == ("37.00", None, "3.5")
    assert amount_of_evidence(line["evidence"], "USD") == 3700
    invoice = sandbox.invoices()[0]
    (explained,) = sandbox.get(f"/invoices/{invoice['id']}/explain")["lines"]
    assert "Licensed quantity: 3.5." in explained["text"]
    assert sandbox.post(f"/invoices/{invoice['id']}/verify", {}, 200)["matches"]
    assert InvoiceLine.objects.get().kind == "seat"


def test_a_plan_of_seats_is_billed_also_for_none_of_them() -> None:
    sandbox = started(SEATS)
    sandbox.subscribe(quantities={"seats": "0"})
    sandbox.clock("2026-01-02T00:00:00Z")
    assert sandbox.totals() == ["0.00"]


def test_a_repeat_with_another_quantity_is_another_content() -> None:
    sandbox = started(BASE, SEATS)
    first = sandbox.subscribe(quantities={"seats": "5"})
    body = {"external_id": "sub", "customer": "acme", "plan": "pro"}
    assert sandbox.post("/subscriptions", {**body, "quantities": {"seats": "5.0"}}, 200) == first
    sandbox.plan(BASE)  # a version without seats: the first request took the one before
    assert sandbox.post("/subscriptions", {**body, "quantities": {"seats": 5}}, 200) == first
    sandbox.post("/subscriptions", {**body, "quantities": {"seats": "6"}}, 409)
    assert sandbox.get("/subscriptions/sub") == first


@pytest.mark.parametrize(
    ("quantities", "pointer"),
    [
        ({}, "/quantities/seats"),
        ({"seats": None}, "/quantities/seats"),
        ({"seats": "-1"}, "/quantities/seats"),
        ({"seats": "0.0000000001"}, "/quantities/seats"),
        ({"seats": 1.5}, "/quantities/seats"),
        ({"seats": "many"}, "/quantities/seats"),
        ({"seats": True}, "/quantities/seats"),
        ({"seats": "1", "base": "1"}, "/quantities/base"),
        ({"seats": "1", "calls": "1"}, "/quantities/calls"),
        ({"seats": "1", "a/b": "1"}, "/quantities/a~1b"),
        (["seats"], "/quantities"),
    ],
)
def test_a_quantity_that_fits_no_seat_price_is_refused(quantities: Any, pointer: str) -> None:
    sandbox = started(BASE, SEATS, CALLS)
    body = {"external_id": "sub", "customer": "acme", "plan": "pro", "quantities": quantities}
    problem = sandbox.post("/subscriptions", body, 400)
    assert problem["errors"][0]["pointer"] == pointer, problem
    assert not Subscription.objects.exists()
