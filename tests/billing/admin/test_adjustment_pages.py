"""Discounts and taxes of invoices in the console and over the API, at a constant cost."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import CreditNote, InvoiceDiscount, InvoiceTax
from tests.billing.composed import redeemed, taxed
from tests.billing.sandbox import BASE, CALLS, Sandbox, started
from tests.support.console import looking, superuser

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def sandbox() -> Sandbox:
    made = started(BASE, CALLS)
    taxed(made, "20")
    taxed(made, "2.5", code="city", inclusive=True)
    redeemed(made, "TEN", percent_off="10")
    made.subscribe()
    made.clock("2026-02-01T02:00:00Z")
    return made


@pytest.mark.parametrize("model", [InvoiceDiscount, InvoiceTax])
def test_each_row_has_a_page_with_its_amount_and_its_invoice(
    sandbox: Sandbox, model: type[Any]
) -> None:
    row = model.objects.order_by("pk").first()
    (invoice,) = {one["number"] for one in sandbox.invoices() if one["id"] == row.invoice.public_id}
    name = f"admin:billing_{model._meta.model_name}"
    client = looking(superuser())
    listed = client.get(reverse(f"{name}_changelist"), {"q": row.invoice.public_id})
    page = client.get(reverse(f"{name}_change", args=[row.pk]))
    for answer in (listed, page):
        text = answer.content.decode()
        assert answer.status_code == 200
        assert invoice in text
        # 30.00 hold 0.73 of the city's tax: 10 % off the rest, 20 % on what is left.
        assert ("2.93" if model is InvoiceDiscount else "5.27") in text


def test_a_credit_note_shows_its_tax_by_rate(sandbox: Sandbox) -> None:
    invoice = sandbox.invoices()[0]
    body = {"invoice": invoice["id"], "reason": "a mistake"}
    lines = [{"line": invoice["lines"][0]["id"], "amount": None}]
    note = sandbox.post("/credit-notes", {**body, "lines": lines})
    row = CreditNote.objects.get(public_id=note["id"])
    client = looking(superuser())
    for page in (
        reverse("admin:billing_creditnote_change", args=[row.pk]),
        reverse("admin:billing_creditnote_print", args=[row.pk]),
    ):
        text = client.get(page).content.decode()
        assert "vat" in text
        assert "city" in text
        assert "5.27" in text


def test_a_list_costs_the_same_with_many_discounts_and_taxes(sandbox: Sandbox) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            sandbox.invoices()
        return len(captured)

    few = cost()
    sandbox.clock("2026-07-01T02:00:00Z")
    assert cost() == few
    assert len(sandbox.invoices()) == 7
