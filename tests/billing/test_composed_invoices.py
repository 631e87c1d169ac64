"""Discounts, tax and the plan's minimum on whole invoices: from the API to the books and back."""

from decimal import Decimal
from typing import Any

import pytest

from billing.models import Invoice
from ledger.models import Transfer
from ledger.selectors.verify import book_differences
from tests.billing.composed import books, redeemed, sums, taxed, verified
from tests.billing.sandbox import BASE, Sandbox, started

pytestmark = pytest.mark.django_db


def test_a_percent_and_tax_are_taken_off_and_put_on_line_by_line() -> None:
    sandbox = started()
    taxed(sandbox)
    redeemed(sandbox, "TEN", percent_off="10")
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in ("05", "06", "07"):
        sandbox.event(f"2026-01-{day}T00:00:00Z")
    (coming,) = sandbox.preview(subscription="sub")
    sandbox.clock("2026-02-01T02:00:00Z")
    fee, both = verified(sandbox)
    assert both["content_hash"] == coming["content_hash"]
    assert sums(fee) == ("30.00", "3.00", "5.40", "32.40")
    assert sums(both) == ("32.50", "3.25", "5.85", "35.10")
    assert fee["discounts"] == [
        {
            "coupon": "TEN",
            "name": "",
            "percent_off": "10",
            "amount_off": None,
            "amount": "3.00",
            "lines": [{"line": fee["lines"][0]["id"], "amount": "3.00"}],
        }
    ]
    assert fee["taxes"] == [
        {
            "rate": "vat",
            "name": "VAT",
            "rate_percent": "20",
            "inclusive": False,
            "reason": None,
            "base": "27.00",
            "amount": "5.40",
            "lines": [{"line": fee["lines"][0]["id"], "amount": "5.40"}],
        }
    ]
    assert [(line["discount_amount"], line["tax_amount"]) for line in both["lines"]] == [
        ("0.25", "0.45"),
        ("3.00", "5.40"),
    ]
    # Fees are billed ahead: their discount is taken from what is deferred, that of usage is 4900.
    assert books(sandbox) == {"1100": 6750, "2100": 5400, "2200": 1125, "4010": 250, "4900": 25}


def test_every_printed_amount_is_a_transfer_that_names_it() -> None:
    sandbox = started()
    taxed(sandbox, "19")
    taxed(sandbox, "1.5", code="city")
    redeemed(sandbox, "FIVE", amount_off="5.00")
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = verified(sandbox)
    row = Invoice.objects.get(public_id=invoice["id"])
    moved = {
        (one.debit_account.code, one.credit_account.code, one.credit_account.sub): one.amount_minor
        for one in Transfer.objects.filter(document=row.document)
    }
    assert sums(invoice) == ("30.00", "5.00", "5.13", "30.13")
    assert moved == {
        ("1100", "2100", ""): 3000,
        ("2100", "1100", ""): 500,
        ("1100", "2200", "vat"): 475,
        ("1100", "2200", "city"): 38,
    }


def test_once_is_for_one_period_and_an_amount_for_each() -> None:
    sandbox = started(BASE)
    redeemed(sandbox, "WELCOME", percent_off="50", duration="once")
    redeemed(sandbox, "THREE", amount_off="3.00", duration="repeating",
             periods=2)  # fmt: skip
    sandbox.subscribe()
    sandbox.clock("2026-04-01T02:00:00Z")
    assert [invoice["total"] for invoice in verified(sandbox)] == [
        "12.00",  # 30 less half, less 3
        "27.00",
        "30.00",
        "30.00",
    ]


def test_once_is_for_one_subscription_of_the_customer() -> None:
    sandbox = started(BASE)
    redeemed(sandbox, "WELCOME", percent_off="50", duration="once")
    sandbox.subscribe("one")
    sandbox.subscribe("two")
    sandbox.clock("2026-01-01T02:00:00Z")
    assert [invoice["total"] for invoice in verified(sandbox)] == ["15.00", "30.00"]


def test_inclusive_tax_is_taken_out_of_the_price() -> None:
    sandbox = started({**BASE, "amount": "120.00"})
    taxed(sandbox, "20", inclusive=True)
    redeemed(sandbox, "TEN", percent_off="10")
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = verified(sandbox)
    assert sums(invoice) == ("100.00", "10.00", "18.00", "108.00")
    assert invoice["lines"][0]["amount"] == "100.00"
    assert invoice["lines"][0]["evidence"]["included_tax"] == {"gross": "120.00", "tax": "20.00"}
    assert books(sandbox) == {"1100": 10800, "2100": 9000, "2200": 1800}


@pytest.mark.parametrize("exempt", ["exempt", "reverse"])
def test_an_exempt_customer_owes_no_tax_and_the_invoice_says_why(exempt: str) -> None:
    sandbox = started(BASE)
    taxed(sandbox, "20", exempt=exempt)
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = verified(sandbox)
    assert sums(invoice) == ("30.00", "0.00", "0.00", "30.00")
    (tax,) = invoice["taxes"]
    assert (tax["reason"], tax["base"], tax["amount"]) == (exempt, "30.00", "0.00")
    assert books(sandbox) == {"1100": 3000, "2100": 3000}


def test_three_lines_of_33_carry_20_cents_of_tax() -> None:
    sandbox = started(*({**BASE, "code": f"fee-{n}", "amount": "0.33"} for n in range(3)))
    taxed(sandbox)
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = verified(sandbox)
    assert sums(invoice) == ("0.99", "0.00", "0.20", "1.19")
    assert [line["tax_amount"] for line in invoice["lines"]] == ["0.07", "0.07", "0.06"]


@pytest.mark.parametrize(
    ("currency", "percent", "total"), [("JPY", "10", "1099"), ("KWD", "5", "1.049")]
)
def test_other_currencies_round_to_their_own_digits(
    currency: str, percent: str, total: str
) -> None:
    amount = "999" if currency == "JPY" else "0.999"
    sandbox = Sandbox()
    sandbox.plan({**BASE, "amount": amount}, currency=currency)
    sandbox.customer()
    taxed(sandbox, percent)
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = verified(sandbox)
    assert invoice["total"] == total


def test_a_charge_with_a_tax_code_carries_that_rate_alone() -> None:
    sandbox = started()
    taxed(sandbox)
    taxed(sandbox, "7", code="reduced")
    sandbox.call("PATCH", "/customers/acme", {"tax_rates": ["vat"]}, status=200)
    body = {"customer": "acme", "amount": "100.00", "description": "Book", "invoice_now": True}
    sandbox.post("/charges", {**body, "charge_key": "book", "tax_code": "reduced"})
    sandbox.post("/charges", {**body, "charge_key": "work"})
    sandbox.post("/charges", {**body, "charge_key": "other", "tax_code": "txcd_1"})
    assert [invoice["tax_total"] for invoice in verified(sandbox)] == ["7.00", "20.00", "20.00"]


def test_a_coupon_never_touches_a_charge() -> None:
    sandbox = started()
    redeemed(sandbox, "HALF", percent_off="50")
    body = {"customer": "acme", "amount": "100.00", "description": "Work", "invoice_now": True}
    sandbox.post("/charges", {**body, "charge_key": "work"})
    assert [invoice["total"] for invoice in verified(sandbox)] == ["100.00"]


def test_what_changes_later_changes_no_issued_invoice() -> None:
    sandbox = started()
    taxed(sandbox)
    redeemed(sandbox, "TEN", percent_off="10")
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    before = verified(sandbox)
    change = {"tax_rates": [], "tax_exempt": "exempt"}
    sandbox.call("PATCH", "/customers/acme", change, status=200)
    sandbox.call("DELETE", "/customers/acme/coupons/TEN", status=204)
    assert verified(sandbox) == before
    sandbox.clock("2026-02-01T02:00:00Z")
    assert sums(verified(sandbox)[1]) == ("30.00", "0.00", "0.00", "30.00")


def test_late_usage_takes_the_coupon_and_the_tax_of_its_line() -> None:
    sandbox = started()
    taxed(sandbox)
    redeemed(sandbox, "TEN", percent_off="10", duration="once")
    redeemed(sandbox, "TWO", amount_off="2.00", duration="once",
             prices=["calls"])  # fmt: skip
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in ("05", "06", "07", "08"):  # 1 + 1 + 0.50 + 0.50
        sandbox.event(f"2026-01-{day}T00:00:00Z", id=day)
    sandbox.clock("2026-02-01T02:00:00Z")
    second = verified(sandbox)[1]
    assert (second["lines"][0]["amount"], second["lines"][0]["discount_amount"]) == ("3.00", "2.30")
    # Coupon and rate are gone for what comes; a late event is of January all the same.
    sandbox.call("PATCH", "/customers/acme", {"tax_rates": []}, status=200)
    for late in range(4):
        sandbox.event("2026-01-09T00:00:00Z", id=f"late-{late}")
    sandbox.clock("2026-03-01T02:00:00Z")
    third = verified(sandbox)[2]
    line = next(one for one in third["lines"] if one["kind"] == "correction")
    # 5.00 known less 3.00: the percent of 2.00 more, and the 2.00 were given already; 20 % of 1.80.
    assert (line["amount"], line["discount_amount"], line["tax_amount"]) == ("2.00", "0.20", "0.36")
    for day in ("05", "06", "07", "08"):
        sandbox.post("/events/void", {"source": "test", "id": day, "reason": "a test"}, 200)
    sandbox.clock("2026-04-01T02:00:00Z")
    fourth = verified(sandbox)[3]
    line = next(one for one in fourth["lines"] if one["kind"] == "correction")
    # 3.00 known less 5.00: back to the 0.30 and the 2.00 that were taken off at first.
    assert (line["amount"], line["discount_amount"], line["tax_amount"]) == (
        "-2.00",
        "-0.20",
        "-0.36",
    )


def test_a_credit_note_gives_tax_back_with_the_net_to_the_last_cent() -> None:
    sandbox = started({**BASE, "amount": "9.99"})
    taxed(sandbox, "19")
    taxed(sandbox, "0.5", code="city")
    redeemed(sandbox, "TEN", percent_off="10")
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = verified(sandbox)
    line = invoice["lines"][0]["id"]
    assert sums(invoice) == ("9.99", "1.00", "1.75", "10.74")

    def credit(amount: str | None, status: int = 201) -> Any:
        body = {"invoice": invoice["id"], "reason": "a mistake"}
        return sandbox.post(
            "/credit-notes", {**body, "lines": [{"line": line, "amount": amount}]}, status
        )

    refused = credit("9.00", 400)
    assert "8.99 USD is left" in refused["errors"][0]["detail"]
    parts = [credit(amount) for amount in ("3.33", "3.33", None)]
    assert [note["subtotal"] for note in parts] == ["3.33", "3.33", "2.33"]
    assert sum(Decimal(note["tax_total"]) for note in parts) == Decimal("1.75")
    shown = sandbox.get(f"/invoices/{invoice['id']}")
    assert (shown["credited"], shown["amount_due"]) == ("10.74", "0.00")
    assert books(sandbox) == {}
    assert list(book_differences(sandbox.project)) == []


def test_credits_of_a_price_pay_its_lines_with_their_tax_and_less_their_discount() -> None:
    sandbox = started()
    taxed(sandbox)
    redeemed(sandbox, "TEN", percent_off="10")
    wallet = sandbox.post("/wallets", {"customer": "acme", "name": "all", "currency": "USD"})
    body = {"amount": "100.00", "kind": "promotional", "reason": "a test"}
    sandbox.post(f"/wallets/{wallet['id']}/grants", {**body, "scope": {"prices": ["calls"]}})
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in ("05", "06", "07"):
        sandbox.event(f"2026-01-{day}T00:00:00Z")
    sandbox.clock("2026-02-01T02:00:00Z")
    invoice = verified(sandbox)[1]
    # 2.50 less 0.25 with 0.45 of tax; the fee is not the grant's to pay.
    assert (invoice["credits_applied"], invoice["amount_due"]) == ("2.70", "32.40")
