"""The catalogue over the API."""

from typing import Any

import pytest

from billing.models import PlanVersion
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox

EU = {"property": "region", "in": ["eu"]}

pytestmark = pytest.mark.django_db


def test_a_further_post_makes_the_next_version_and_the_same_content_answers_what_stands() -> None:
    sandbox = Sandbox()
    sandbox.meter()
    first = sandbox.plan(BASE, CALLS)
    body = {"code": "pro", "currency": "USD", "interval": "month", "prices": [BASE, CALLS]}
    assert sandbox.post("/plans", body, 200) == first
    dearer = {**body, "prices": [{**BASE, "amount": "31.00"}, CALLS]}
    assert sandbox.post("/plans", dearer, 201)["version"] == 2
    assert sandbox.get("/plans/pro")["version"] == 2
    assert sandbox.get("/plans/pro?version=1") == first
    assert [plan["version"] for plan in sandbox.get("/plans")["data"]] == [1, 2]


def test_a_price_comes_back_complete() -> None:
    sandbox = Sandbox()
    sandbox.meter()
    base, calls = sandbox.plan(BASE, CALLS)["prices"]
    assert base == {
        "code": "base",
        "name": "base",
        "kind": "recurring",
        "billing": "in_advance",
        "prorate": True,
        "meter": None,
        "model": "flat",
        "amount": "30",
    }
    assert calls["tiers"][1] == {"up_to": None, "unit_amount": "0.5", "flat_amount": "0"}
    assert calls["billing"] == "in_arrears"


@pytest.mark.parametrize(
    ("price", "pointer"),
    [
        ({**BASE, "amount": 30.5}, "/prices/0/amount"),
        ({**BASE, "amount": "-1"}, "/prices/0/amount"),
        ({**BASE, "amount": "0.0000000000001"}, "/prices/0/amount"),
        ({**BASE, "amuont": "1"}, "/prices/0/amuont"),
        ({**BASE, "meter": "calls"}, "/prices/0/meter"),
        ({**BASE, "model": "per_unit", "unit_amount": "1", "amount": None}, "/prices/0/amount"),
        ({**BASE, "model": "per_unit"}, "/prices/0/amount"),
        ({**BASE, "kind": "fee"}, "/prices/0/kind"),
        ({**BASE, "billing": "later"}, "/prices/0/billing"),
        ({**BASE, "code": " base"}, "/prices/0/code"),
        ({"kind": "recurring", "model": "flat", "amount": "1"}, "/prices/0/code"),
        ({**BASE, "minimum_amount": "5"}, "/prices/0/minimum_amount"),
        ({**CALLS, "meter": "nobody"}, "/prices/0/meter"),
        ({**CALLS, "meter": None}, "/prices/0/meter"),
        ({**CALLS, "billing": "in_advance"}, "/prices/0/billing"),
        ({**CALLS, "tiers": []}, "/prices/0/tiers"),
        ({**CALLS, "tiers": [{"up_to": "5", "unit_amount": "1"}]}, "/prices/0/tiers/0/up_to"),
        ({**CALLS, "model": "surge"}, "/prices/0/model"),
        ({**SEATS, "meter": "calls"}, "/prices/0/meter"),
        ({**BASE, "kind": "seat"}, "/prices/0/model"),
        ({**SEATS, "kind": "recurring"}, "/prices/0/model"),
        ({**SEATS, "kind": "one_time"}, "/prices/0/model"),
        ({**SEATS, "filters": [EU]}, "/prices/0/filters"),
        ({**CALLS, "filters": EU}, "/prices/0/filters"),
        ({**CALLS, "filters": ["eu"]}, "/prices/0/filters/0"),
        ({**CALLS, "filters": [{**EU, "not": 1}]}, "/prices/0/filters/0/not"),
        ({**CALLS, "filters": [{"in": ["eu"]}]}, "/prices/0/filters/0/property"),
        ({**CALLS, "filters": [{**EU, "in": []}]}, "/prices/0/filters/0/in"),
        ({**CALLS, "filters": [{**EU, "in": ["eu", 1.5]}]}, "/prices/0/filters/0/in/1"),
        ({**CALLS, "filters": [{**EU, "in": ["eu", "eu"]}]}, "/prices/0/filters/0/in/1"),
        ({**CALLS, "filters": [EU, EU]}, "/prices/0/filters/1/property"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused_with_a_pointer(
    price: dict[str, Any], pointer: str
) -> None:
    sandbox = Sandbox()
    sandbox.meter()
    body = {"code": "pro", "currency": "USD", "interval": "month", "prices": [price]}
    problem = sandbox.post("/plans", body, 400)
    assert problem["errors"][0]["pointer"] == pointer, problem
    assert not PlanVersion.objects.exists()


@pytest.mark.parametrize(
    ("price", "pointer"),
    [
        ({"model": "percentage", "rate_percent": "2"}, "/prices/1/meter"),
        ({"model": "dynamic"}, "/prices/1/meter"),
        ({"model": "graduated_percentage", "tiers": [{"up_to": None, "rate_percent": "2"}]},
         "/prices/1/meter"),
        ({"model": "matrix", "default_unit_amount": "1", "cells": [
            {"match": {"region": "eu"}, "unit_amount": "2"},
            {"match": {"region": "us", "tier/size": "big"}, "unit_amount": "3"}]},
         "/prices/1/cells/1/match/tier~1size"),
    ],
)  # fmt: skip
def test_a_meter_must_give_what_the_model_reads(price: dict[str, Any], pointer: str) -> None:
    sandbox = Sandbox()
    sandbox.meter(group_by=["region"])
    usage = {"code": "calls", "kind": "usage", "meter": "calls", **price}
    body = {"code": "pro", "currency": "USD", "interval": "month", "prices": [BASE, usage]}
    problem = sandbox.post("/plans", body, 400)
    assert problem["errors"][0]["pointer"] == pointer, problem
    assert not PlanVersion.objects.exists()
    # The same prices stand on a meter that has it.
    group_by = ["region", "tier/size"]
    sandbox.meter("paid", aggregation="sum", value_property="amount", group_by=group_by)
    sandbox.plan(BASE, {**usage, "meter": "paid"})
    override = {"code": "calls", "meter": "calls"}
    sandbox.customer()
    told = {"external_id": "sub", "customer": "acme", "plan": "pro", "overrides": [override]}
    problem = sandbox.post("/subscriptions", told, 400)
    assert problem["errors"][0]["pointer"] == pointer.replace("/prices/1", "/overrides/0")


@pytest.mark.parametrize("model", ["flat", "dynamic", "matrix", "percentage"])
def test_seats_are_priced_by_their_number(model: str) -> None:
    fields: dict[str, dict[str, Any]] = {
        "flat": {"amount": "5"},
        "dynamic": {},
        "matrix": {
            "cells": [{"match": {"region": "eu"}, "unit_amount": "2"}],
            "default_unit_amount": "1",
        },
        "percentage": {"rate_percent": "2"},
    }
    price = {"code": "seats", "kind": "seat", "model": model, **fields[model]}
    body = {"code": "pro", "currency": "USD", "interval": "month", "prices": [price]}
    problem = Sandbox().post("/plans", body, 400)
    assert problem["errors"][0]["pointer"] == "/prices/0/model", problem


def test_a_price_says_which_of_the_meters_events_it_counts() -> None:
    sandbox = Sandbox()
    sandbox.meter()
    filters = [{"property": "region", "in": ["eu", 1, True, None]}]
    (price,) = sandbox.plan({**CALLS, "filters": filters})["prices"]
    assert price["filters"] == filters
    assert "filters" not in sandbox.plan({**CALLS, "filters": []}, code="all")["prices"][0]


def test_two_prices_of_one_code_are_refused() -> None:
    sandbox = Sandbox()
    body = {"code": "pro", "interval": "month", "prices": [BASE, BASE]}
    problem = sandbox.post("/plans", body, 400)
    assert problem["errors"][0]["pointer"] == "/prices/1/code"


@pytest.mark.parametrize("days", [-1, 3651, "14", 1.5])
def test_a_trial_of_no_number_of_days_is_refused(days: object) -> None:
    sandbox = Sandbox()
    body = {"code": "pro", "interval": "month", "prices": [BASE], "trial_days": days}
    problem = sandbox.post("/plans", body, 400)
    assert problem["errors"][0]["pointer"] == "/trial_days"
    assert sandbox.get("/plans")["data"] == []


def test_a_plan_answers_its_trial_and_another_trial_is_another_version() -> None:
    sandbox = Sandbox()
    body = {"code": "pro", "interval": "month", "prices": [BASE], "trial_days": 14}
    assert sandbox.post("/plans", body, 201)["trial_days"] == 14
    assert sandbox.post("/plans", body, 200)["version"] == 1
    assert sandbox.post("/plans", {**body, "trial_days": 30}, 201)["version"] == 2
