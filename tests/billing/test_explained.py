"""Invoices in words: every model, discounts, taxes, and the way down to the events."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from billing.models import Invoice
from tests.billing.composed import redeemed, taxed
from tests.billing.sandbox import BASE, CALLS, Sandbox, started
from tests.billing.test_every_model import PRICES, billed
from tests.support.console import looking, superuser

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def explained(sandbox: Sandbox, invoice: Any) -> Any:
    return sandbox.get(f"/invoices/{invoice['id']}/explain")


def pages(sandbox: Sandbox, invoice: Any) -> dict[str, str]:
    browser = looking(superuser(), sandbox.project)
    row = Invoice.objects.get(public_id=invoice["id"])
    answer = {}
    for page in ("change", "print"):
        shown = browser.get(reverse(f"admin:billing_invoice_{page}", args=[row.pk]))
        assert shown.status_code == 200
        answer[page] = shown.content.decode()
    return answer


def test_the_steps_of_each_model_add_up_to_its_line() -> None:
    sandbox = billed()
    (invoice,) = sandbox.invoices()
    found = explained(sandbox, invoice)
    assert len(found["lines"]) == len(PRICES)
    for line in found["lines"]:
        steps = [
            Decimal(text.rpartition(" = ")[2].removesuffix(" USD.").replace(",", ""))
            for text in line["text"]
            if " = " in text
        ]
        # What has no end in decimals is said to 12 of them.
        assert abs(sum(steps) - Decimal(line["amount"])) <= Decimal("0.005")
    text = {line["description"]: line["text"] for line in found["lines"]}
    assert text["graduated"][2:] == [
        "The first 10 at 1.00 each, plus 2.00 for the tier = 12 USD.".replace(".00", ""),
        "The next 2.5, above 10, at 0.5 each = 1.25 USD.",
        "That is 13.25 USD.",
    ]
    assert "12.5 divided by 3, rounded up, is 5." in text["transformed"]
    assert "Only events with region eu count for this price." in text["europe"]
    assert any("raised to the minimum of 9" in one.lower() for one in text["at least"])


def test_each_line_of_usage_leads_to_its_quantity_and_its_events() -> None:
    sandbox = billed()
    (invoice,) = sandbox.invoices()
    line = next(one for one in explained(sandbox, invoice)["lines"] if "per_unit" in one["line"])
    (total,) = sandbox.get(line["usage"].removeprefix("/api/v1"))["data"]
    assert total["quantity"] == "12.5"
    events = sandbox.get(line["events"].removeprefix("/api/v1"))["data"]
    assert len(events) == 3
    # What is of another customer, type or time is behind no line of this one.
    sandbox.customer("acme2")
    sandbox.event("2026-01-05T00:00:00Z", id="theirs", subject="acme2", data={"n": "1"})
    sandbox.event("2026-01-05T00:00:00Z", id="another", type="other")
    sandbox.event("2026-02-01T00:00:00Z", id="later", data={"n": "1"})
    shown = pages(sandbox, invoice)["change"]
    browser = looking(superuser(), sandbox.project)
    found = {}
    for words in ("Raw events behind it", "Usage by day"):
        links = re.findall(rf'href="([^"]*)"[^>]*>{words}', shown)
        listed = browser.get(links[0].replace("&amp;", "&"))
        assert listed.status_code == 200
        found[words] = list(listed.context["cl"].result_list)
    assert {row.event_id for row in found["Raw events behind it"]} == {
        event["id"] for event in events
    }
    assert len(found["Usage by day"]) == 3
    assert {row.meter.code for row in found["Usage by day"]} == {"used"}


def test_a_fee_has_neither_usage_nor_events() -> None:
    sandbox = started(BASE)
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = sandbox.invoices()
    (line,) = explained(sandbox, invoice)["lines"]
    assert (line["usage"], line["events"]) == (None, None)


def test_discounts_and_taxes_are_told_down_to_the_total() -> None:
    sandbox = started({**BASE, "name": "Base"}, {**CALLS, "name": "Calls"})
    taxed(sandbox, "19")
    redeemed(sandbox, "TEN", percent_off="10", name="Ten off")
    redeemed(sandbox, "TWO", amount_off="2.00")
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.clock("2026-02-01T02:00:00Z")
    invoice = sandbox.invoices()[1]
    sums = explained(sandbox, invoice)["sums"]
    assert [(one["description"], one["amount"]) for one in sums] == [
        ("Discount Ten off", "-3.10"),
        ("Discount TWO", "-2.00"),
        ("VAT 19 %", "4.92"),
        ("Total", "30.82"),
    ]
    assert sums[0]["text"] == [
        "Coupon 'TEN': 10 % off what is left of its lines.",
        "3.10 USD are taken off: 0.10 for Calls, 3.00 for Base.",
    ]
    assert sums[2]["text"] == [
        "19 % of 25.90 USD, the net of its lines less discounts = 4.921, rounded once to 4.92.",
        "4.92 USD are spread over them: 0.17 for Calls, 4.75 for Base.",
    ]
    assert sums[3]["text"] == [
        "The lines come to 31.00, less 5.10 of discounts, plus 4.92 of tax: 30.82 USD."
    ]
    for page in pages(sandbox, invoice).values():
        assert "rounded once to 4.92" in page


def test_a_reverse_charge_says_who_owes_the_tax() -> None:
    sandbox = started(BASE)
    taxed(sandbox, "20", exempt="reverse")
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    (invoice,) = sandbox.invoices()
    assert explained(sandbox, invoice)["sums"][0]["text"] == [
        "It would be on 30.00 USD. Reverse charge: the recipient owes the tax on it."
    ]


def test_the_minimum_of_a_price_in_a_short_period_says_its_share() -> None:
    sandbox = started({**CALLS, "minimum_amount": "62.00"}, start="2026-01-16T00:00:00Z")
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-02-01T02:00:00Z")
    (invoice,) = sandbox.invoices()
    (line,) = explained(sandbox, invoice)["lines"]
    assert line["text"][2:] == [
        "0 at 1 each = 0 USD.",
        "Raised to the minimum of 32 = 32 USD.",
        (
            "Its minimum and maximum are for 16 of the 31 days of the whole period 2026-01-01 to "
            "2026-02-01 (policy day@1)."
        ),
        "That is 32.00 USD.",
    ]
