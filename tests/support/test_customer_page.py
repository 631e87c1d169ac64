"""The customer's page answers what a customer asks on the telephone."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from neruba.models import AuditRecord, Customer
from tests import factories
from tests.billing.sandbox import Sandbox, started
from tests.support.console import looking, superuser, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def address(external_id: str) -> str:
    customer = Customer.objects.get(external_id=external_id)
    return reverse("admin:neruba_customer_change", args=[customer.pk])


def shown(external_id: str) -> str:
    answer = looking(superuser()).get(address(external_id))
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_shows_balance_subscription_usage_invoices_and_charges() -> None:
    sandbox = world()
    sandbox.clock("2026-02-03T00:00:00Z")
    sandbox.event("2026-02-02T10:00:00Z")
    html = shown("acme")
    (balance,) = sandbox.get("/customers/acme/balance")["data"]
    plain = html.replace(",", "")
    assert f"{balance['owed']} {balance['currency']}" in plain
    for invoice in sandbox.invoices("&customer=acme"):
        assert f"{invoice['total']} USD" in plain
        assert (invoice["number"] or "Draft") in html
    for text in ("pro v1", "active", "workshop", "1,234.50 USD", "later", "waiting"):
        assert text in html
    assert '<td class="n-number">1</td>' in html  # February's event
    (coming,) = sandbox.preview(customer="acme")
    assert f"{coming['total']} USD as of now" in plain


def test_what_a_new_customer_does_not_have_is_said_in_words() -> None:
    sandbox = Sandbox()
    sandbox.customer("fresh")
    html = shown("fresh")
    for words in (
        "nothing was invoiced yet",
        "No subscription: only charges are billed.",
        "No usage: no period runs",
        "No invoice yet",
        "No one-off charges.",
    ):
        assert words in html


def test_usage_that_no_plan_bills_is_shown_for_the_month() -> None:
    sandbox = started()
    sandbox.clock("2026-01-10T00:00:00Z")
    sandbox.event("2026-01-05T10:00:00Z")
    html = shown("acme")
    assert "Usage of this month" in html
    assert "none bills it" in html


def test_currencies_stand_beside_each_other() -> None:
    sandbox = world()
    charge = {"customer": "acme", "amount": "7.00", "description": "x", "invoice_now": True}
    sandbox.post("/charges", {**charge, "charge_key": "eur", "currency": "EUR"})
    html = shown("acme")
    assert "Owed, EUR" in html
    assert "7.00 EUR" in html
    assert "Owed, USD" in html


def test_an_operator_sees_the_sections_of_their_permissions() -> None:
    sandbox = world()
    poor = factories.poor("view_customer", project=sandbox.project)
    html = looking(poor).get(address("acme")).content.decode()
    assert "Owed" not in html
    assert 'id="invoices"' not in html
    allowed = Group.objects.get(name="support").permissions
    allowed.add(Permission.objects.get(codename="view_invoice"))
    html = looking(poor).get(address("acme")).content.decode()
    assert 'id="invoices"' in html
    assert 'id="charges"' not in html


def test_further_invoices_cost_no_further_queries() -> None:
    sandbox = world()
    client = looking(superuser())
    client.get(address("acme"))
    counts = []
    for to in ("2026-02-15T00:00:00Z", "2026-07-15T00:00:00Z"):
        sandbox.clock(to)
        with CaptureQueriesContext(connection) as found:
            client.get(address("acme"))
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_details_are_changed_with_a_reason_that_the_audit_keeps() -> None:
    world()
    customer = Customer.objects.get(external_id="acme")
    page = reverse("admin:neruba_customer_change_details", args=[customer.pk])
    given = {
        "_form_submitted": "1",
        "name": "Acme Ltd",
        "email": "pay@acme.example",
        "billing_address": "line1: 2 Quay\ncity: Hamburg\n",
    }
    client = looking(superuser())
    refused = client.post(page, given)
    customer.refresh_from_db()
    assert (refused.status_code, customer.name) == (200, "acme")
    done = client.post(page, {**given, "reason": "their letter of today"})
    customer.refresh_from_db()
    assert done.headers["HX-Redirect"] == address("acme")
    assert customer.name == "Acme Ltd"
    assert customer.billing_address == {"line1": "2 Quay", "city": "Hamburg"}
    record = AuditRecord.objects.filter(action="customer.changed").latest("pk")
    assert (record.actor, record.reason) == ("root@example.com", "their letter of today")
    assert customer.history.count() == 2
    assert customer.history.latest().history_user.email == "root@example.com"


def test_an_address_that_makes_no_sense_is_refused_in_the_dialog() -> None:
    world()
    customer = Customer.objects.get(external_id="acme")
    page = reverse("admin:neruba_customer_change_details", args=[customer.pk])
    given = {"_form_submitted": "1", "name": "x", "billing_address": "2 Quay", "reason": "y"}
    answer = looking(superuser()).post(page, given)
    assert "part: text" in answer.content.decode()
    customer.refresh_from_db()
    assert customer.name == "acme"
