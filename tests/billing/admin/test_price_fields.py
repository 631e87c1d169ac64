"""The fields of every kind of price: they make the price again, and show what it comes to."""

from decimal import Decimal
from typing import Any

import pytest

from billing.admin.pricing.editor import editor_of
from billing.admin.pricing.fields import field_named
from billing.admin.pricing.tree import tokens, tree_of
from billing.admin.pricing.trial import trial_of
from billing.rating.models import MODELS
from billing.rating.plan import parse_plan_price
from tests.billing.sandbox import BASE, CALLS

USAGE = {"code": "calls", "kind": "usage", "meter": "calls"}
PRICES: tuple[dict[str, Any], ...] = (
    BASE,
    {**BASE, "billing": "in_arrears", "prorate": False, "name": "A, b"},
    CALLS,
    {**CALLS, "first_flat_at_zero": False},
    {**CALLS, "filters": [{"property": "region", "in": ["eu", "us"]}]},
    {**CALLS, "filters": [{"property": "a, b", "in": [1, True, None, "x, y", " z"]}]},
    {**CALLS, "transform": {"divide_by": "1000", "round": "up"}},
    {**CALLS, "minimum_amount": "5", "maximum_amount": "50.5"},
    {"code": "seats", "kind": "seat", "model": "per_unit", "unit_amount": "5", "free_units": "2"},
    {"code": "setup", "kind": "one_time", "model": "flat", "amount": "99"},
    {**BASE, "interval": "year"},
    {**CALLS, "interval": "month", "interval_count": 3},
    {**CALLS, "model": "volume", "free_units": "3"},
    {
        **CALLS,
        "tiers": [
            {"up_to": "10", "package_size": "5", "package_amount": "2", "flat_amount": "1"},
            {"up_to": None, "unit_amount": "0.5"},
        ],
    },
    {**USAGE, "model": "package", "package_size": "10", "package_amount": "3", "rounding": "down"},
    {**USAGE, "model": "percentage", "rate_percent": "2.9", "fixed_fee": "0.3", "free_events": 2},
    {
        **USAGE,
        "model": "percentage",
        "rate_percent": "1",
        "free_amount": "50",
        "min_per_event": "0.1",
        "max_per_event": "9",
    },
    {
        **USAGE,
        "model": "graduated_percentage",
        "tiers": [
            {"up_to": "1000", "rate_percent": "2"},
            {"up_to": None, "rate_percent": "1", "flat_amount": "5"},
        ],
    },
    {
        **USAGE,
        "model": "matrix",
        "default_unit_amount": "9",
        "cells": [
            {"match": {"region": "eu", "size": "large"}, "unit_amount": "2"},
            {"match": {"region": ["eu", "us"]}, "unit_amount": "3"},
            {"match": {"a=b": "c, d", "n": 5, "is": True}, "unit_amount": "4"},
        ],
    },
    {**USAGE, "model": "dynamic", "multiplier": "1.2"},
)


@pytest.mark.parametrize("price", PRICES)
def test_the_fields_of_a_price_make_the_same_price_again(price: dict[str, Any]) -> None:
    parsed = parse_plan_price(price)
    definition = {"interval": "month", "prices": [parsed.definition()]}
    editor = editor_of(definition, index=0, parsed=[parsed], meters=(("calls", "Calls"),))
    assert editor.price is not None
    inputs = [*editor.price.inputs, *editor.price.more]
    inputs += [one for table in editor.price.tables for _, cells in table.rows for one in cells]
    named = [(one, field_named(tokens(one.pointer)[-1])) for one in inputs]
    entries = [(one.pointer, field.value(one.text)) for one, field in named]
    (again,) = tree_of(entries)["prices"]
    again = {name: value for name, value in again.items() if value != {}}
    assert parse_plan_price(again) == parsed
    assert not [one for one in inputs if one.field.form == "any"], "a field that nobody named"


def test_every_model_is_among_them() -> None:
    assert {str(price["model"]) for price in PRICES} == set(MODELS)


@pytest.mark.parametrize("price", PRICES)
def test_every_price_shows_what_it_comes_to(price: dict[str, Any]) -> None:
    trial = trial_of(
        parse_plan_price(price), [(Decimal(3), Decimal(4))], currency="USD", rounding="half_up"
    )
    assert trial.table.rows
    is_drawn = price["kind"] in {"usage", "seat"} and price["model"] != "matrix"
    assert (trial.chart is not None) == is_drawn
    if is_drawn:
        assert any(words == "3 + 4" for words, *_ in trial.table.rows)
