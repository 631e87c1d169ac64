"""The fake's objects have the keys and JSON types of Stripe's published fixtures."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from bin.lib.fake_stripe import Running

CASES = Path("tests/cases/stripe_fixtures.json")
FIXTURES: dict[str, Any] = json.loads(CASES.read_text())["resources"]
# In the fixture, but only on objects of older versions, or shown only when they are expanded.
LEFT_OUT = {
    "charge": {"source", "refunds"},
    "payment_intent": {"source"},
}
# Null where there is nothing to say, though the generated fixture shows a value.
NULLABLE = {
    "charge": {"description", "receipt_url", "shipping", "transfer_data"},
    "checkout.session": {
        *("after_expiration", "cancel_url", "consent", "consent_collection", "currency_conversion"),
        *("collected_information", "customer_details", "managed_payments", "payment_intent"),
        *("payment_method_configuration_details", "permissions", "saved_payment_method_options"),
        *("shipping_address_collection", "shipping_cost", "url", "wallet_options"),
    },
    "customer": {"currency", "discount", "shipping"},
    "dispute": {"payment_method_details"},
    "payment_intent": {
        *("automatic_payment_methods", "canceled_at", "last_payment_error", "managed_payments"),
        *("next_action", "payment_method_configuration_details", "processing", "shipping"),
        *("source", "transfer_data"),
    },
    "balance_transaction": {"description"},
    "payout": {"description", "trace_id"},
    "webhook_endpoint": {"description"},
}


def kind_of(value: Any) -> str:
    """The JSON type."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "number"
    return {str: "string", dict: "object", list: "array", type(None): "null"}[type(value)]


def differences(kind: str, ours: dict[str, Any]) -> list[str]:
    found = []
    for name, theirs in FIXTURES[kind].items():
        if name in LEFT_OUT.get(kind, ()):
            continue
        if name not in ours:
            found.append(f"{kind}.{name} is missing")
        elif theirs is None:
            continue
        elif ours[name] is None:
            if name not in NULLABLE.get(kind, ()):
                found.append(f"{kind}.{name} is null")
        elif kind_of(ours[name]) != kind_of(theirs):
            found.append(f"{kind}.{name} is of type {kind_of(ours[name])}")
    return found


@pytest.fixture
def objects(fake: Running, api: stripe.StripeClient) -> dict[str, dict[str, Any]]:
    """One of each, as the fake's JSON has it."""
    customer = api.v1.customers.create({"email": "a@example.com"})
    paid = api.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "usd",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "customer": customer.id,
        }
    )
    refund = api.v1.refunds.create({"payment_intent": paid.id, "amount": 100})
    disputed = api.v1.payment_intents.create(
        {
            "amount": 700,
            "currency": "usd",
            "confirm": True,
            "payment_method": "pm_card_createDispute",
        }
    )
    session = api.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 100,
                        "product_data": {"name": "A"},
                    },
                    "quantity": 1,
                }
            ],
            "success_url": "https://example.com/ok",
        }
    )
    payout = fake.control("payouts", currency="usd")
    api.v1.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/", "enabled_events": ["topup.failed"]}
    )
    paths = {
        "balance": "balance",
        "balance_transaction": f"balance_transactions/{refund.balance_transaction}",
        "charge": f"charges/{paid.latest_charge}",
        "checkout.session": f"checkout/sessions/{session.id}",
        "customer": f"customers/{customer.id}",
        "dispute": f"disputes?payment_intent={disputed.id}",
        "event": "events?limit=1",
        "payment_intent": f"payment_intents/{paid.id}",
        "payment_method": f"payment_methods/{paid.payment_method}",
        "payout": f"payouts/{payout['id']}",
        "refund": f"refunds/{refund.id}",
        "webhook_endpoint": "webhook_endpoints?limit=1",
    }
    found = {}
    for kind, path in paths.items():
        answer = requests.get(
            f"{fake.url}/v1/{path}", headers={"Authorization": f"Bearer {fake.key}"}, timeout=10
        ).json()
        found[kind] = answer["data"][0] if answer["object"] == "list" else answer
    return found


def test_every_object_has_the_published_keys_with_their_types(
    objects: dict[str, dict[str, Any]],
) -> None:
    assert set(objects) == set(FIXTURES)
    assert [line for kind in FIXTURES for line in differences(kind, objects[kind])] == []


def test_parts_of_a_charge_have_the_published_keys(objects: dict[str, dict[str, Any]]) -> None:
    theirs, ours = FIXTURES["charge"], objects["charge"]
    for part in ("outcome", "billing_details"):
        assert set(theirs[part]) <= set(ours[part])
    assert set(theirs["payment_method_details"]["card"]) <= set(
        ours["payment_method_details"]["card"]
    )
    assert set(FIXTURES["dispute"]["evidence"]) <= set(objects["dispute"]["evidence"])
    assert set(FIXTURES["payment_method"]["card"]) <= set(objects["payment_method"]["card"])


def test_the_comparison_finds_what_is_missing_and_what_has_another_type(
    objects: dict[str, dict[str, Any]],
) -> None:
    spoiled = {**objects["refund"], "amount": "100", "charge": None}
    del spoiled["status"]

    assert differences("refund", spoiled) == [
        "refund.amount is of type string",
        "refund.charge is null",
        "refund.status is missing",
    ]
