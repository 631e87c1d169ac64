"""Bodies of good requests: what the world is made of, and what is sent to it."""

from typing import Any


def event(number: int) -> dict[str, Any]:
    return {
        "id": f"e{number}",
        "source": "urn:test",
        "type": "call",
        "subject": "acme",
        "time": "2026-02-01T00:30:00Z",
        "data": {"calls": 3},
    }


PLAN: dict[str, Any] = {
    "code": "basic",
    "name": "Basic",
    "currency": "USD",
    "interval": "month",
    "interval_count": 1,
    "prices": [
        {
            "code": "base",
            "name": "Base fee",
            "kind": "recurring",
            "model": "flat",
            "amount": "20.00",
            "billing": "in_advance",
            "prorate": True,
        },
        {
            "code": "calls",
            "name": "Calls",
            "kind": "usage",
            "model": "graduated",
            "meter": "calls",
            "billing": "in_arrears",
            "tiers": [
                {"up_to": "100", "unit_amount": "0.02", "flat_amount": "1.50"},
                {"up_to": None, "unit_amount": "0.015", "flat_amount": "0.00"},
            ],
        },
    ],
}
RATE: dict[str, Any] = {
    "price": {
        "model": "matrix",
        "cells": [{"match": {"cloud": "aws"}, "unit_amount": "3"}],
        "default_unit_amount": "10",
        "minimum_amount": "5",
    },
    "currency": "USD",
    "events": [{"value": "10", "properties": {"cloud": "aws"}}],
}
PRORATE: dict[str, Any] = {
    "amount": "20.00",
    "currency": "USD",
    "period": {"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"},
    "part": {"start": "2026-01-15T00:00:00Z", "end": "2026-02-01T00:00:00Z"},
    "basis": "day_30",
    "timezone": "UTC",
    "rounding": "half_even",
    "termination": False,
}
# With a minimum, a price of seats on a rhythm of its own, and one of some of a meter's events.
# With a minimum, entitlements, a price of seats on a rhythm of its own, and one of some events of a
# meter.
RICH_PLAN: dict[str, Any] = {
    **PLAN,
    "code": "pro",
    "minimum_commitment": "10.00",
    "entitlements": [
        {"feature": "calls", "type": "limit", "limit": "1000.5", "meter": "calls"},
        {"feature": "Single sign-on", "type": "boolean", "limit": None, "meter": None},
    ],
    "prices": [
        PLAN["prices"][0],
        {
            "code": "seats",
            "name": "Seats",
            "kind": "seat",
            "model": "per_unit",
            "unit_amount": "10.00",
            "interval": "year",
            "interval_count": 1,
        },
        {**PLAN["prices"][1], "filters": [{"property": "region", "in": ["eu"]}]},
    ],
}
COUPON: dict[str, Any] = {
    "code": "spring",
    "name": "Spring",
    "percent_off": "12.5",
    "duration": "repeating",
    "periods": 3,
    "prices": ["base"],
    "max_redemptions": 100,
    "expires_at": "2027-01-01T00:00:00Z",
}
TAX_RATE: dict[str, Any] = {
    "code": "vat-de",
    "name": "VAT",
    "rate_percent": "19",
    "inclusive": False,
    "country": "DE",
}
METER: dict[str, Any] = {
    "code": "calls",
    "name": "Calls",
    "event_type": "call",
    "aggregation": "sum",
    "value_property": "calls",
    "filters": [{"property": "region", "in": ["eu", "us"]}],
    "group_by": ["region"],
    "carry_over": False,
    "rounding": {"mode": "up", "places": -1},
}
CUSTOMER: dict[str, Any] = {
    "external_id": "acme",
    "name": "Acme",
    "email": "books@acme.example",
    "currency": "USD",
    "timezone": "Europe/Berlin",
    "billing_address": {"city": "Berlin"},
    "tax_ids": ["DE123456789"],
    "metadata": {"tier": "gold"},
}
SUBSCRIPTION: dict[str, Any] = {
    "external_id": "acme-1",
    "customer": "acme",
    "plan": "basic",
    "start_at": "2026-01-01T00:00:00Z",
    "anchor": "calendar",
    "billing_day": 1,
    "timezone": "UTC",
}
# One that waits, and can be withdrawn.
CHANGE: dict[str, Any] = {
    "type": "add_price",
    "effective_at": "2026-02-15T00:00:00Z",
    "price": {
        "code": "seats",
        "name": "Seats",
        "kind": "seat",
        "model": "per_unit",
        "unit_amount": "10.00",
        "interval": "month",
        "interval_count": 1,
    },
    "quantity": "3",
    "proration": "none",
    "invoice": "next",
    "reason": "three of them",
}
CHARGE: dict[str, Any] = {
    "charge_key": "setup-1",
    "customer": "acme",
    "amount": "12.30",
    "currency": "USD",
    "description": "Setup",
    "effective_at": "2026-01-05T00:00:00Z",
    "tax_code": "",
    "metadata": {"ticket": "T-17"},
    "invoice_now": False,
}
WALLET: dict[str, Any] = {
    "customer": "acme",
    "name": "Credits",
    "currency": "USD",
    "auto_top_up": None,
}
GRANT: dict[str, Any] = {
    "amount": "5.00",
    "kind": "promotional",
    "priority": 10,
    "effective_at": "2026-01-01T00:00:00Z",
    "expires_at": "2027-01-01T00:00:00Z",
    "scope": {"prices": ["calls"]},
    "reason": "a slow week",
    "reason_code": "goodwill",
    "recurs": None,
}

# The steps that make the world, in order: each is the first request to its endpoint, too.
