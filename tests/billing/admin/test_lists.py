"""Lists of money cost the same number of queries however long they are."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import Invoice
from tests.billing.sandbox import BASE, CALLS, Sandbox, started
from tests.support.console import looking, superuser, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return len(found)


def billed(customers: int) -> Sandbox:
    """So many customers, each with an invoice and a draft that holds usage."""
    sandbox = started(BASE, CALLS)
    sandbox.subscribe("sub-acme", customer="acme")
    for number in range(1, customers):
        sandbox.customer(f"c{number}")
        sandbox.subscribe(f"sub-{number}", customer=f"c{number}")
    sandbox.clock("2026-02-01T00:30:00Z")
    return sandbox


def test_lists_cost_the_same_for_5_invoices_and_for_50() -> None:
    few, many = billed(3), billed(25)
    clients = [looking(superuser(), one.project) for one in (few, many)]
    invoices = reverse("admin:billing_invoice_changelist")
    pages = [invoices, reverse("admin:billing_subscription_changelist")]
    pages += [reverse("admin:neruba_customer_changelist"), reverse("admin:index")]
    for page in pages:
        for client in clients:
            client.get(page)  # what is read once, such as content types
        counts = [queries(client, page) for client in clients]
        assert counts[0] == counts[1], page
    assert Invoice.objects.filter(project=few.project).count() == 6
    assert Invoice.objects.filter(project=many.project).count() == 50


def test_the_list_shows_the_totals_of_the_api() -> None:
    sandbox = world()
    page = looking(superuser()).get(reverse("admin:billing_invoice_changelist"))
    html = page.content.decode().replace(",", "")
    for invoice in sandbox.invoices():
        assert f"{invoice['total']} USD" in html


@pytest.mark.parametrize(
    ("asked", "found"),
    [("INV-000001", 1), ("inv-1", 1), ("INV-000999", 0), ("acme", 2), ("acm", 2), ("nobody", 0)],
)
def test_invoices_are_found_by_number_and_customer(asked: str, found: int) -> None:
    world()
    page = looking(superuser()).get(reverse("admin:billing_invoice_changelist"), {"q": asked})
    assert len(page.context["cl"].result_list) == found


def test_an_invoice_is_found_by_its_id() -> None:
    sandbox = world()
    wanted = sandbox.invoices()[0]["id"]
    page = looking(superuser()).get(reverse("admin:billing_invoice_changelist"), {"q": wanted})
    assert [row.public_id for row in page.context["cl"].result_list] == [wanted]


def test_each_of_two_projects_is_shown_by_itself_in_its_currency() -> None:
    sandbox = world()
    other = Sandbox(currency="JPY")
    other.customer("kaisha")
    other.post(
        "/charges",
        {"charge_key": "k", "customer": "kaisha", "amount": "1500", "description": "x",
         "invoice_now": True},
    )  # fmt: skip
    listed = reverse("admin:billing_invoice_changelist")
    html = looking(superuser(), other.project).get(listed).content.decode()
    assert "1,500 JPY" in html
    assert "USD" not in html
    html = looking(superuser(), sandbox.project).get(listed).content.decode()
    assert "30.00 USD" in html
    assert "JPY" not in html


def test_a_run_shows_its_counts_totals_and_invoices() -> None:
    sandbox = world()
    runs = sandbox.get("/billing-runs?limit=100")["data"]
    run = max(runs, key=lambda one: one["counts"]["finalized"])
    client = looking(superuser())
    listed = client.get(reverse("admin:billing_billingrun_changelist"), {"q": run["id"]})
    (row,) = listed.context["cl"].result_list
    html = client.get(reverse("admin:billing_billingrun_change", args=[row.pk])).content.decode()
    assert run["fingerprint"] in html
    for total in run["total"]:
        assert f"{total['amount']} {total['currency']}" in html.replace(",", "")


def test_a_price_says_what_it_costs() -> None:
    world()
    html = looking(superuser()).get(reverse("admin:billing_price_changelist")).content.decode()
    assert "30 USD" in html
    assert "up to 2: 1 USD each" in html
    assert "above 2: 0.5 USD each" in html
