"""What the demo's firm measures and sells, and for how much: meters, plans, coupons, tax. Pure."""

from datetime import UTC, datetime
from typing import Any

READ = "document.read"
STORED = "archive.measured"

METERS: tuple[dict[str, Any], ...] = (
    {
        "code": "documents",
        "name": "Documents read",
        "event_type": READ,
        "aggregation": "count",
        "value_property": "",
        "filters": [],
        "group_by": ["language"],
    },
    {
        "code": "pages",
        "name": "Pages read",
        "event_type": READ,
        "aggregation": "sum",
        "value_property": "pages",
        "filters": [],
        "group_by": [],
    },
    {
        "code": "archive_gb",
        "name": "Archive, highest level",
        "event_type": STORED,
        "aggregation": "max",
        "value_property": "gb",
        "filters": [],
        "group_by": [],
    },
)

SIGN_ON = {"feature": "single_sign_on", "type": "boolean"}

STARTER: dict[str, Any] = {
    "code": "starter",
    "name": "Starter",
    "currency": "USD",
    "entitlements": [
        {"feature": "pages", "type": "limit", "limit": "600"},
        {"feature": "team_members", "type": "limit", "limit": "3"},
    ],
    "prices": [
        {
            "code": "base",
            "name": "Starter, monthly fee",
            "kind": "recurring",
            "model": "flat",
            "amount": "29.00",
            "billing": "in_advance",
        },
        {
            "code": "pages",
            "name": "Pages read",
            "kind": "usage",
            "model": "per_unit",
            "meter": "pages",
            "unit_amount": "0.035",
            "free_units": "200",
        },
    ],
}
GROWTH: dict[str, Any] = {
    "code": "growth",
    "name": "Growth",
    "currency": "USD",
    "entitlements": [
        SIGN_ON,
        {"feature": "documents", "type": "limit", "limit": "100"},
        {"feature": "archive", "type": "limit", "limit": "200", "meter": "archive_gb"},
        {"feature": "team_members", "type": "limit", "limit": "20"},
    ],
    "prices": [
        {
            "code": "base",
            "name": "Growth, monthly fee",
            "kind": "recurring",
            "model": "flat",
            "amount": "99.00",
            "billing": "in_advance",
        },
        {
            "code": "documents",
            "name": "Documents read",
            "kind": "usage",
            "model": "graduated",
            "meter": "documents",
            "tiers": [
                {"up_to": "40", "unit_amount": "0.90", "flat_amount": "10.00"},
                {"up_to": "100", "unit_amount": "0.60", "flat_amount": "5.00"},
                {"up_to": None, "unit_amount": "0.45"},
            ],
        },
        {
            "code": "archive",
            "name": "Archive, highest level in GB",
            "kind": "usage",
            "model": "per_unit",
            "meter": "archive_gb",
            "unit_amount": "0.25",
            "free_units": "20",
        },
    ],
}
ENTERPRISE: dict[str, Any] = {
    "code": "enterprise-eu",
    "name": "Enterprise EU",
    "currency": "EUR",
    "entitlements": [SIGN_ON, {"feature": "priority_support", "type": "boolean"}],
    "prices": [
        {
            "code": "onboarding",
            "name": "Onboarding",
            "kind": "one_time",
            "model": "flat",
            "amount": "250.00",
        },
        {
            "code": "base",
            "name": "Enterprise EU, monthly fee",
            "kind": "recurring",
            "model": "flat",
            "amount": "390.00",
            "billing": "in_arrears",
        },
        {
            "code": "pages",
            "name": "Pages read",
            "kind": "usage",
            "model": "per_unit",
            "meter": "pages",
            "unit_amount": "0.0275",
        },
    ],
}
# Nothing ahead: what is used is paid, and each month comes to the minimum at least.
COMMITTED: dict[str, Any] = {
    "code": "committed",
    "name": "Committed",
    "currency": "USD",
    "minimum_commitment": "150.00",
    "prices": [
        {
            "code": "documents",
            "name": "Documents read",
            "kind": "usage",
            "model": "volume",
            "meter": "documents",
            "tiers": [
                {"up_to": "100", "unit_amount": "0.85"},
                {"up_to": None, "unit_amount": "0.70"},
            ],
        },
        {
            "code": "archive",
            "name": "Archive, highest level in GB",
            "kind": "usage",
            "model": "per_unit",
            "meter": "archive_gb",
            "unit_amount": "0.40",
        },
    ],
}
PLANS = (STARTER, GROWTH, ENTERPRISE, COMMITTED)

# From October on new customers of Starter pay more; those who came before keep their price.
NEW_PRICE_AT = datetime(2026, 10, 1, 12, tzinfo=UTC)
STARTER_OF_OCTOBER = {
    **STARTER,
    "prices": [{**STARTER["prices"][0], "amount": "32.00"}, STARTER["prices"][1]],
}

GERMAN_VAT, AUSTRIAN_VAT = "vat-de", "vat-at"
TAX_RATES: tuple[dict[str, Any], ...] = (
    {"code": GERMAN_VAT, "name": "VAT", "rate_percent": "19", "country": "DE"},
    {"code": AUSTRIAN_VAT, "name": "VAT", "rate_percent": "20", "country": "AT"},
)
# Inkwell owes tax in Germany and Austria; business customers elsewhere in the Union owe it
# themselves.
TAX_OF_COUNTRY: dict[str, dict[str, Any]] = {
    "DE": {"tax_rates": [GERMAN_VAT]},
    "AT": {"tax_rates": [AUSTRIAN_VAT]},
    "NL": {"tax_rates": [GERMAN_VAT], "tax_exempt": "reverse"},
}

COUPONS: tuple[dict[str, Any], ...] = (
    {
        "code": "LAUNCH25",
        "name": "A quarter off the first three months",
        "percent_off": "25",
        "duration": "repeating",
        "periods": 3,
        "max_redemptions": 100,
        "expires_at": datetime(2026, 12, 31, 23, tzinfo=UTC),
    },
)
