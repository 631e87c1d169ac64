"""Every price model from the meter to the invoice: billed, previewed, verified, corrected."""

from typing import Any

import pytest

from billing.rating.models import MODELS
from tests.billing.sandbox import Sandbox

pytestmark = pytest.mark.django_db

TIERS = [
    {"up_to": "10", "unit_amount": "1.00", "flat_amount": "2.00"},
    {"up_to": None, "unit_amount": "0.50"},
]
# By code: the price, and what it comes to for the events below: values 3, 4 and 5.5 in the regions
# eu, us and eu.
PRICES: dict[str, tuple[dict[str, Any], str]] = {
    "flat": ({"model": "flat", "amount": "7.00"}, "7.00"),
    "per_unit": ({"model": "per_unit", "unit_amount": "0.10", "free_units": "2.5"}, "1.00"),
    "graduated": ({"model": "graduated", "tiers": TIERS}, "13.25"),
    "volume": ({"model": "volume", "tiers": TIERS}, "6.25"),
    "package": ({"model": "package", "package_size": "5", "package_amount": "2.00"}, "6.00"),
    "percentage": (
        {"model": "percentage", "rate_percent": "10", "fixed_fee": "0.30", "free_events": 1},
        "1.55",
    ),
    "graduated_percentage": (
        {
            "model": "graduated_percentage",
            "tiers": [
                {"up_to": "10", "rate_percent": "10"},
                {"up_to": None, "rate_percent": "20", "flat_amount": "1.00"},
            ],
        },
        "2.50",
    ),
    "matrix": (
        {
            "model": "matrix",
            "cells": [{"match": {"region": "eu"}, "unit_amount": "2.00"}],
            "default_unit_amount": "1.00",
        },
        "21.00",
    ),
    "dynamic": ({"model": "dynamic", "multiplier": "1.2"}, "15.00"),
    "transformed": (
        {
            "model": "per_unit",
            "unit_amount": "3.00",
            "transform": {"divide_by": "3", "round": "up"},
        },
        "15.00",
    ),
    "thirds": (
        {"model": "per_unit", "unit_amount": "1.00", "transform": {"divide_by": "3"}},
        "4.17",
    ),
    "at least": (
        {"model": "per_unit", "unit_amount": "0.01", "minimum_amount": "9.00"},
        "9.00",
    ),
    "at most": (
        {"model": "per_unit", "unit_amount": "100.00", "maximum_amount": "80.00"},
        "80.00",
    ),
    "europe": (
        {
            "model": "per_unit",
            "unit_amount": "1.00",
            "filters": [{"property": "region", "in": ["eu"]}],
        },
        "8.50",
    ),
    "by plan": (
        {
            "model": "percentage",
            "rate_percent": "10",
            "filters": [{"property": "plan", "in": ["a"]}],
        },
        "0.70",
    ),
}
EVENTS = [
    ("2026-01-05T00:00:00Z", {"n": "3", "region": "eu", "plan": "a"}),
    ("2026-01-06T00:00:00Z", {"n": "4", "region": "us", "plan": "a"}),
    ("2026-01-07T00:00:00Z", {"n": "5.5", "region": "eu", "plan": "b"}),
]


def billed(until: str = "2026-02-01T02:00:00Z") -> Sandbox:
    sandbox = Sandbox()
    sandbox.meter("used", event_type="calls", aggregation="sum", value_property="n",
                  group_by=["region"])  # fmt: skip
    prices = [
        {"code": code, "kind": "usage", "meter": "used", **price}
        for code, (price, _) in PRICES.items()
    ]
    sandbox.plan(*prices)
    sandbox.customer()
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    for at, data in EVENTS:
        sandbox.event(at, data=data)
    if until:
        sandbox.clock(until)
    return sandbox


def amounts(invoice: Any) -> dict[str, str]:
    return {line["price"]: line["amount"] for line in invoice["lines"]}


def test_every_model_of_the_contract_is_tried() -> None:
    assert {price["model"] for price, _ in PRICES.values()} == set(MODELS)


def test_each_price_comes_to_what_its_model_says_and_is_rebuilt_the_same() -> None:
    sandbox = billed(until="")
    (coming,) = sandbox.preview(subscription="sub")
    sandbox.clock("2026-02-01T02:00:00Z")
    (invoice,) = sandbox.invoices()
    assert amounts(invoice) == {code: amount for code, (_, amount) in PRICES.items()}
    assert invoice["content_hash"] == coming["content_hash"]
    verdict = sandbox.post(f"/invoices/{invoice['id']}/verify", {}, 200)
    assert (verdict["matches"], verdict["differences"]) == (True, [])


def test_late_usage_corrects_every_model_by_what_is_known_now() -> None:
    sandbox = billed()
    sandbox.event("2026-01-04T00:00:00Z", id="late", data={"n": "10", "region": "us", "plan": "a"})
    sandbox.clock("2026-03-01T02:00:00Z")
    _, second = sandbox.invoices()
    corrections = {
        line["price"]: line["amount"] for line in second["lines"] if line["kind"] == "correction"
    }
    assert corrections == {
        "per_unit": "1.00",
        "graduated": "5.00",
        "volume": "5.00",
        "package": "4.00",
        # The late event is the first one now, and free; 3 pays what it did not.
        "percentage": "0.60",
        "graduated_percentage": "2.00",
        "matrix": "10.00",
        "dynamic": "12.00",
        "transformed": "9.00",
        "thirds": "3.33",
        "by plan": "1.00",
    }
    verdict = sandbox.post(f"/invoices/{second['id']}/verify", {}, 200)
    assert (verdict["matches"], verdict["differences"]) == (True, [])
    sandbox.post("/events/void", {"source": "test", "id": "late", "reason": "a test"}, 200)
    sandbox.clock("2026-04-01T02:00:00Z")
    third = sandbox.invoices()[2]
    again = {
        line["price"]: line["amount"] for line in third["lines"] if line["kind"] == "correction"
    }
    assert again == {code: f"-{amount}" for code, amount in corrections.items()}
