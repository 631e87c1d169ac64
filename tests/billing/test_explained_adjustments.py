"""A plan's minimum and inclusive tax in words, over the API and in the console."""

from typing import Any

import pytest
from django.urls import reverse

from billing.models import Invoice
from tests import factories
from tests.billing.sandbox import BASE, CALLS, Sandbox, started
from tests.support.console import looking, superuser

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def words(sandbox: Sandbox, invoice: Any) -> dict[str, list[str]]:
    """The sentences of each line, by its description; the console's pages show them too."""
    explained = sandbox.get(f"/invoices/{invoice['id']}/explain")["lines"]
    browser = looking(superuser(), sandbox.project)
    row = Invoice.objects.get(public_id=invoice["id"])
    for page in ("change", "print"):
        shown = browser.get(reverse(f"admin:billing_invoice_{page}", args=[row.pk]))
        assert shown.status_code == 200
        for line in explained:
            assert line["description"] in shown.content.decode()
    return {line["description"]: line["text"] for line in explained}


def test_a_minimum_says_what_was_counted_and_what_is_missing() -> None:
    sandbox = started()
    sandbox.plan(BASE, {**CALLS, "name": "Calls"}, code="committed", minimum_commitment="50.00")
    sandbox.subscribe(plan="committed")
    sandbox.clock("2026-01-20T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.clock("2026-02-20T00:00:00Z")
    sandbox.event("2026-01-09T00:00:00Z", id="late")
    sandbox.clock("2026-03-01T02:00:00Z")
    _, february, march = sandbox.invoices()
    assert words(sandbox, february)["Minimum commitment"] == [
        (
            "Plan 'committed' (version 1) comes to 50.00 USD at least, "
            "2026-01-01 up to but not including 2026-02-01, UTC."
        ),
        (
            "Its lines of that period, less discounts, come to 31.00 USD, "
            "30.00 USD of it on other documents."
        ),
        "50.00 − 31.00 = 19.00 USD are missing.",
    ]
    assert words(sandbox, march)["Minimum commitment, correction"] == [
        (
            f"Correction of {february['number']}: 19.00 USD of the minimum were billed and "
            "18.00 USD are due now: 18.00 − 19.00 = -1.00 USD."
        ),
        (
            "Plan 'committed' (version 1) comes to 50.00 USD at least, "
            "2026-01-01 up to but not including 2026-02-01, UTC."
        ),
        "Its lines of that period, less discounts, come to 32.00 USD.",
        "50.00 − 32.00 = 18.00 USD are missing.",
    ]


def test_a_minimum_of_a_short_period_says_its_share_and_late_usage_may_reach_it() -> None:
    sandbox = started(start="2026-01-16T00:00:00Z")
    sandbox.plan(CALLS, code="committed", minimum_commitment="2.00")
    sandbox.subscribe(plan="committed", anchor="calendar")
    sandbox.clock("2026-02-20T00:00:00Z")
    sandbox.event("2026-01-20T00:00:00Z", id="late")
    sandbox.event("2026-01-21T00:00:00Z", id="later")
    sandbox.clock("2026-03-01T02:00:00Z")
    first, second = sandbox.invoices()
    assert words(sandbox, first)["Minimum commitment"][1:] == [
        "For 16 of the 31 days of the whole period 2026-01-01 to 2026-02-01 (policy day@1).",
        "That is 1.03 USD.",
        "Its lines of that period, less discounts, come to 0.00 USD.",
        "1.03 − 0.00 = 1.03 USD are missing.",
    ]
    assert words(sandbox, second)["Minimum commitment, correction"][-1] == "Nothing is missing."


def test_inclusive_tax_is_said_after_the_price_that_includes_it() -> None:
    sandbox = started({**BASE, "amount": "120.00"})
    factories.tax_rate(project=sandbox.project, code="vat", rate_percent="20", inclusive=True)
    sandbox.call("PATCH", "/customers/acme", {"tax_rates": ["vat"]}, status=200)
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = sandbox.invoices()
    text = words(sandbox, invoice)["base"]
    assert text[-1] == "The 120.00 USD of this line include 20.00 USD of tax: 100.00 USD net."
    assert not [one for one in text if "rounded" in one]
