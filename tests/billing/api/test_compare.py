"""Why an invoice comes to more than another, over the API and in the console."""

from typing import Any

import pytest
from django.urls import reverse

from billing.models import Invoice
from tests.billing.composed import redeemed, taxed
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox, started
from tests.billing.test_every_model import billed
from tests.support.console import looking, superuser

pytestmark = pytest.mark.django_db


def minor(text: str) -> int:
    return int(text.replace(".", ""))


def compared(sandbox: Sandbox, new: Any, old: Any | None = None) -> Any:
    query = "" if old is None else f"?with={old['id']}"
    found = sandbox.get(f"/invoices/{new['id']}/compare{query}")
    assert sum(minor(part["amount"]) for part in found["parts"]) == minor(found["difference"])
    assert minor(found["to"]) - minor(found["from"]) == minor(found["difference"])
    return found


def causes(found: Any) -> list[tuple[str | None, str, str]]:
    return [(part["price"], part["cause"], part["amount"]) for part in found["parts"]]


def test_each_cause_is_named_and_they_sum_to_the_difference() -> None:
    sandbox = started(start="2026-01-16T00:00:00Z")
    taxed(sandbox)
    redeemed(sandbox, "TEN", percent_off="10", duration="once")
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-31T00:00:00Z")
    sandbox.event("2026-01-20T00:00:00Z")
    sandbox.clock("2026-02-20T00:00:00Z")
    for day in ("03", "04", "05"):
        sandbox.event(f"2026-02-{day}T00:00:00Z")
    sandbox.clock("2026-03-01T02:00:00Z")
    first, second, third = sandbox.invoices()
    found = compared(sandbox, third)
    assert (found["with"], found["with_number"]) == (second["id"], second["number"])
    assert causes(found) == [
        ("calls", "quantity", "1.50"),
        ("calls", "discount", "0.10"),
        ("calls", "tax", "0.32"),
    ]
    assert found["parts"][0]["text"] == "3 instead of 1 at the old price: +1.50"
    short = compared(sandbox, second, first)
    assert ("base", "proration", "14.52") in causes(short)
    assert ("calls", "added", "1.00") in causes(short)
    text = next(part["text"] for part in short["parts"] if part["cause"] == "proration")
    assert text == "the whole period instead of 16 of 31 days: +14.52"


def test_another_price_and_other_seats_are_told_apart() -> None:
    sandbox = started(BASE, SEATS)
    sandbox.subscribe("one", quantities={"seats": "2"})
    sandbox.plan(BASE, {**SEATS, "unit_amount": "12.00"}, code="dear")
    sandbox.subscribe("two", plan="dear", quantities={"seats": "5"})
    sandbox.clock("2026-01-01T02:00:00Z")
    first, second = sandbox.invoices()
    each = minor(SEATS["unit_amount"])
    found = compared(sandbox, second, first)
    assert [(cause, minor(amount)) for _, cause, amount in causes(found)] == [
        ("quantity", 3 * each),
        ("unit_price", 5 * (1200 - each)),
    ]


def test_charges_minimums_and_corrections_are_causes_of_their_own() -> None:
    sandbox = started()
    sandbox.plan(BASE, CALLS, code="committed", minimum_commitment="50.00")
    sandbox.subscribe(plan="committed")
    sandbox.clock("2026-01-20T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.clock("2026-02-20T00:00:00Z")
    sandbox.event("2026-01-06T00:00:00Z", id="late")
    charge = {"customer": "acme", "amount": "5.00", "description": "Work", "charge_key": "work"}
    sandbox.post("/charges", charge)
    sandbox.clock("2026-03-01T02:00:00Z")
    _, second, third = sandbox.invoices()
    assert causes(compared(sandbox, third, second)) == [
        ("calls", "quantity", "-1.00"),
        (None, "charge", "5.00"),
        (None, "minimum", "1.00"),
        ("calls", "correction", "1.00"),
        (None, "correction", "-1.00"),
    ]


def test_every_model_is_compared_from_month_to_month() -> None:
    sandbox = billed()
    sandbox.clock("2026-02-20T00:00:00Z")
    for at, n, region in (("05", "20", "us"), ("06", "3", "eu")):
        sandbox.event(f"2026-02-{at}T00:00:00Z", data={"n": n, "region": region, "plan": "a"})
    sandbox.clock("2026-03-01T02:00:00Z")
    first, second = sandbox.invoices()
    there, back = compared(sandbox, second, first), compared(sandbox, first, second)
    assert minor(there["difference"]) == -minor(back["difference"])
    assert {cause for _, cause, _ in causes(there)} == {"quantity"}
    assert compared(sandbox, first, first)["parts"] == []


def test_what_does_not_compare_is_refused() -> None:
    sandbox = started(BASE)
    sandbox.customer("other")
    sandbox.subscribe()
    sandbox.subscribe("theirs", customer="other")
    sandbox.clock("2026-01-01T02:00:00Z")
    mine, theirs = sandbox.invoices()
    path = f"/invoices/{mine['id']}/compare"
    assert "before it" in sandbox.get(path, 409)["detail"]
    assert "one customer" in sandbox.get(f"{path}?with={theirs['id']}", 409)["detail"]
    sandbox.get(f"{path}?with=inv_none", 404)
    sandbox.get(f"{path}?than={theirs['id']}", 400)


@pytest.mark.once
def test_the_invoices_page_says_why_it_is_more_and_lets_one_choose() -> None:
    sandbox = started()
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.clock("2026-02-01T02:00:00Z")
    first, second = sandbox.invoices()
    browser = looking(superuser(), sandbox.project)

    def page(invoice: Any, query: str = "") -> str:
        row = Invoice.objects.get(public_id=invoice["id"])
        address = reverse("admin:billing_invoice_change", args=[row.pk])
        shown = browser.get(f"{address}{query}")
        assert shown.status_code == 200
        return shown.content.decode()

    html = page(second)
    assert f"Compared with {first['number']}: 31.00 USD instead of 30.00 USD, +1.00 USD" in html
    assert "On this document alone: +1.00" in html
    assert f"?with={second['id']}#compared" in page(first)
    assert "-1.00 USD" in page(first, f"?with={second['id']}")
    assert "Compare with" in page(first, "?with=inv_none")
