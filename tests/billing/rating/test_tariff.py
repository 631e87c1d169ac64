"""What prices cost, in words."""

from typing import Any

import pytest

from billing.rating.models import MODELS, parse_price
from billing.rating.tariff import WORDS, tariff_lines

TIERS = [
    {"up_to": "10", "unit_amount": "2", "flat_amount": "1"},
    {"up_to": "1000", "package_size": "100", "package_amount": "5"},
    {"up_to": None, "unit_amount": "0.5"},
]
TIER_LINES = [
    "up to 10: 2 USD each plus 1",
    "above 10 up to 1,000: 5 USD for every 100 begun",
    "above 1,000: 0.5 USD each",
    "the first flat amount is also due where nothing is used",
]
CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({"model": "flat", "amount": "1200"}, ["1,200 USD"]),
    (
        {"model": "per_unit", "unit_amount": "0.1", "free_units": "5", "minimum_amount": "3"},
        ["0.1 USD each, the first 5 free", "at least 3 USD in a period"],
    ),
    ({"model": "graduated", "tiers": TIERS}, TIER_LINES),
    (
        {"model": "volume", "tiers": TIERS, "free_units": "3"},
        [
            "all units at the price of one tier:",
            "the first 3 free, before the tiers",
            *TIER_LINES,
        ],
    ),
    (
        {
            "model": "package",
            "package_size": "10",
            "package_amount": "4",
            "transform": {"divide_by": "1000", "round": "up"},
            "maximum_amount": "90",
        },
        [
            "of the quantity divided by 1,000, rounded up:",
            "4 USD for every 10 begun",
            "at most 90 USD in a period",
        ],
    ),
    (
        {
            "model": "percentage",
            "rate_percent": "2.9",
            "fixed_fee": "0.3",
            "free_events": 1000,
            "free_amount": "50",
            "min_per_event": "0.1",
            "max_per_event": "9",
        },
        [
            "2.9 % plus 0.3 USD of each event",
            "at least 0.1 and at most 9 USD for an event",
            "the first 1,000 events free",
            "the first 50 USD free",
        ],
    ),
    (
        {
            "model": "graduated_percentage",
            "tiers": [
                {"up_to": "1000", "rate_percent": "2"},
                {"up_to": None, "rate_percent": "1.5", "flat_amount": "10"},
            ],
        },
        ["up to 1,000: 2 %", "above 1,000: 1.5 % plus 10"],
    ),
    (
        {
            "model": "matrix",
            "default_unit_amount": "9",
            "cells": [{"match": {"cloud": ["aws", "gcp"], "big": True}, "unit_amount": "3"}],
        },
        ["cloud aws or gcp and big True: 3 USD each", "elsewhere: 9 USD each"],
    ),
    (
        {"model": "dynamic", "multiplier": "1.2"},
        ["the events' own amounts in USD, times 1.2"],
    ),
]


@pytest.mark.parametrize(("definition", "lines"), CASES)
def test_a_price_says_what_it_costs(definition: dict[str, Any], lines: list[str]) -> None:
    assert tariff_lines(parse_price(definition).definition(), "USD") == lines


def test_every_model_has_words() -> None:
    assert set(WORDS) == set(MODELS) == {case["model"] for case, _ in CASES}
