"""Discounts, tax and the plan's minimum after the issue: corrected, taken back, verified."""

from decimal import Decimal
from typing import Any

import pytest

from billing.models import Invoice, InvoiceDiscount, InvoiceTax
from neruba.models import Customer
from tests.billing.composed import books, redeemed, sums, taxed, verified
from tests.billing.sandbox import BASE, CALLS, Sandbox, started

pytestmark = pytest.mark.django_db

FREE = {**CALLS, "tiers": [{"up_to": "5", "unit_amount": "0"}, {"up_to": None, "unit_amount": "1"}]}


def voided(sandbox: Sandbox, invoice: Any) -> None:
    sandbox.post(f"/invoices/{invoice['id']}/void", {"reason": "a mistake"}, 200)


def corrections(invoice: Any) -> list[tuple[str, str]]:
    return [
        (line["amount"], line["discount_amount"])
        for line in invoice["lines"]
        if line["kind"] == "correction"
    ]


@pytest.mark.parametrize("exempt", ["exempt", "reverse"])
def test_a_charge_carries_no_tax_of_its_own_where_the_customer_is_exempt(exempt: str) -> None:
    sandbox = started()
    taxed(sandbox, "7", code="reduced")
    Customer.objects.filter(external_id="acme").update(tax_rates=[], tax_exempt=exempt)
    body = {"customer": "acme", "amount": "100.00", "description": "Book", "invoice_now": True}
    sandbox.post("/charges", {**body, "charge_key": "book", "tax_code": "reduced"})
    (invoice,) = verified(sandbox)
    assert sums(invoice) == ("100.00", "0.00", "0.00", "100.00")
    assert [tax["reason"] for tax in invoice["taxes"]] == [exempt]


def test_usage_that_goes_and_comes_back_has_its_amount_off_again() -> None:
    sandbox = started()
    redeemed(sandbox, "TWO", amount_off="2.00", duration="once",
             prices=["calls"])  # fmt: skip
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in ("05", "06", "07", "08"):  # 1 + 1 + 0.50 + 0.50
        sandbox.event(f"2026-01-{day}T00:00:00Z", id=day)
    sandbox.clock("2026-02-01T02:00:00Z")
    for day in ("06", "07", "08"):
        sandbox.post("/events/void", {"source": "test", "id": day, "reason": "a test"}, 200)
    sandbox.clock("2026-03-01T02:00:00Z")
    for day in ("06", "07", "08"):
        sandbox.event(f"2026-01-{day}T00:00:00Z", id=f"again-{day}")
    sandbox.clock("2026-04-01T02:00:00Z")
    found = verified(sandbox)
    assert corrections(found[2]) == [("-2.00", "-1.00")]
    assert corrections(found[3]) == [("2.00", "1.00")]


def test_a_correction_is_rebuilt_as_it_was_after_what_it_corrects_is_void() -> None:
    sandbox = started()
    taxed(sandbox)
    redeemed(sandbox, "TEN", percent_off="10")
    sandbox.plan(BASE, CALLS, code="committed", minimum_commitment="50.00")
    sandbox.subscribe(plan="committed")
    sandbox.clock("2026-01-20T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.clock("2026-02-10T00:00:00Z")
    sandbox.event("2026-01-06T00:00:00Z")
    sandbox.clock("2026-03-01T02:00:00Z")
    voided(sandbox, verified(sandbox)[1])
    verified(sandbox)


def test_a_minimum_is_corrected_alone_where_usage_costs_nothing_more() -> None:
    sandbox = started()
    sandbox.plan(BASE, FREE, code="committed", minimum_commitment="50.00")
    sandbox.subscribe(plan="committed")
    sandbox.clock("2026-02-01T02:00:00Z")
    voided(sandbox, verified(sandbox)[0])
    sandbox.event("2026-01-06T00:00:00Z")
    sandbox.clock("2026-03-01T02:00:00Z")
    assert corrections(verified(sandbox)[2]) == [("30.00", "0.00")]


def test_a_preview_gives_a_coupon_to_the_invoice_that_will_be_issued_first() -> None:
    sandbox = started(settings={"finalization_grace": "P3D"})
    sandbox.plan({**BASE, "billing": "in_arrears"}, CALLS, code="metered")
    sandbox.plan({**BASE, "billing": "in_arrears"}, code="plain")
    redeemed(sandbox, "HALF", percent_off="50", duration="once")
    sandbox.subscribe("a-metered", plan="metered")
    sandbox.subscribe("b-plain", plan="plain")
    coming = sandbox.preview(customer="acme", as_of="2026-02-20T00:00:00Z")
    sandbox.clock("2026-02-20T00:00:00Z")
    issued = verified(sandbox)
    assert {row["subscription"]: row["total"] for row in issued} == {
        row["subscription"]: row["total"] for row in coming
    }
    assert {row["number"]: row["subscription"] for row in issued} == {
        "INV-000001": "b-plain",
        "INV-000002": "a-metered",
    }


def test_a_coupon_for_once_comes_back_with_the_invoice_that_is_void() -> None:
    sandbox = started(BASE)
    redeemed(sandbox, "HALF", percent_off="50", duration="once")
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    voided(sandbox, verified(sandbox)[0])
    assert books(sandbox) == {}
    sandbox.clock("2026-03-01T02:00:00Z")
    assert [row["total"] for row in verified(sandbox)] == ["15.00", "15.00", "30.00"]


def tampered() -> list[Any]:
    return [
        lambda: InvoiceDiscount.objects.update(name="other"),
        lambda: InvoiceDiscount.objects.update(percent_off="11"),
        lambda: InvoiceDiscount.objects.update(included_minor=1),
        lambda: InvoiceDiscount.objects.update(unit=7),
        lambda: InvoiceDiscount.objects.update(number=7),
        lambda: InvoiceDiscount.objects.update(coupon="other"),
        lambda: InvoiceDiscount.objects.all().delete(),
        lambda: InvoiceTax.objects.update(name="other"),
        lambda: InvoiceTax.objects.update(rate="other"),
        lambda: InvoiceTax.objects.update(rate_percent="21"),
        lambda: InvoiceTax.objects.update(country="DE"),
        lambda: InvoiceTax.objects.update(inclusive=False),
        lambda: InvoiceTax.objects.update(reason="exempt"),
        lambda: InvoiceTax.objects.update(transfer=None),
        lambda: InvoiceTax.objects.all().delete(),
        lambda: Invoice.objects.update(adjustments=""),
    ]


@pytest.mark.parametrize("change", tampered())
def test_verify_finds_what_was_changed_of_discounts_and_taxes(change: Any) -> None:
    sandbox = started(BASE)
    taxed(sandbox, "20", inclusive=True)
    redeemed(sandbox, "TEN", percent_off="10")
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = verified(sandbox)
    change()
    verdict = sandbox.post(f"/invoices/{invoice['id']}/verify", {}, 200)
    assert not verdict["matches"]


def test_late_usage_of_a_line_that_was_zero_has_the_coupon_of_its_period() -> None:
    totals = []
    for late in (False, True):
        sandbox = started(slug=f"late-{late}")
        redeemed(sandbox, "TEN", percent_off="10")
        sandbox.subscribe()
        sandbox.clock("2026-02-10T00:00:00Z" if late else "2026-01-20T00:00:00Z")
        sandbox.event("2026-01-05T00:00:00Z")
        sandbox.clock("2026-03-01T02:00:00Z")
        totals.append(sum(Decimal(row["total"]) for row in verified(sandbox)))
    assert totals[0] == totals[1]
