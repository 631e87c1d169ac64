"""Erasing a customer in the console: who may, what the dialog says, and what comes of it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from neruba.models import AuditRecord, Customer
from tests.support.console import looking, newcomer, superuser, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def dialog(client: Client, external_id: str, given: dict[str, Any] | None = None) -> HttpResponse:
    customer = Customer.objects.get(external_id=external_id)
    url = reverse("admin:neruba_customer_erase_identity", args=[customer.pk])
    answer: Any = (
        client.get(url) if given is None else client.post(url, {"_form_submitted": "1", **given})
    )
    return answer  # type: ignore[no-any-return]


def test_it_asks_for_the_id_and_says_what_stays() -> None:
    sandbox = world()
    sandbox.clock("2026-04-02T00:00:00Z")
    client = looking(superuser())
    words = dialog(client, "beta").content.decode()
    assert "What stays: the id, invoices with numbers and amounts, usage" in words
    assert "invoices keep their text as long as the law asks" in words
    wrong = dialog(client, "beta", {"external_id": "acme", "reason": "asked"})
    assert "That is not this customer&#x27;s id." in wrong.content.decode()
    assert Customer.objects.get(external_id="beta").name == "beta"

    done = dialog(client, "beta", {"external_id": "beta", "reason": "asked for it"})

    assert done.headers["HX-Redirect"]
    erased = Customer.objects.get(external_id="beta")
    assert (erased.name, erased.email, erased.billing_address) == ("Erased customer", "", {})
    page = client.get(done.headers["HX-Redirect"]).content.decode()
    assert "The identity was erased on 2026-04-02" in page
    record = AuditRecord.objects.get(action="customer.erased")
    assert (record.actor, record.reason) == (superuser().email, "asked for it")


def test_who_will_still_be_billed_is_refused_in_words() -> None:
    world()
    client = looking(superuser())
    assert "Not possible yet, it will still be billed" in dialog(client, "acme").content.decode()
    refused = dialog(client, "acme", {"external_id": "acme", "reason": "asked"})
    assert "a bill needs a name" in refused.content.decode()
    assert Customer.objects.get(external_id="acme").name == "acme"


def test_it_needs_the_permission_to_delete_customers() -> None:
    world()
    poor = newcomer()
    poor.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_customer", "change_customer"])
    )
    given = {"external_id": "beta", "reason": "asked"}
    assert dialog(looking(poor), "beta", given).status_code == 403
    assert Customer.objects.get(external_id="beta").name == "beta"
