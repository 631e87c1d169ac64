"""Prices of one subscription's own, in place of its plan's."""

from typing import Any

import pytest

from billing.models import Subscription
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox, started

pytestmark = pytest.mark.django_db

WHOLE = {"code": "base", "kind": "recurring", "model": "flat", "amount": "12.50"}


def test_only_the_fields_that_are_given_change() -> None:
    sandbox = started()
    sandbox.customer("beta")
    sandbox.subscribe("other", customer="beta")
    made = sandbox.subscribe(overrides=[{"code": "base", "amount": "12.50"}])
    before = sandbox.get("/plans/pro")
    assert made["overrides"] == [{**before["prices"][0], "amount": "12.5"}]
    assert made["prices"] == [made["overrides"][0], before["prices"][1]]
    assert sandbox.get("/subscriptions/other")["overrides"] == []
    sandbox.clock("2026-01-10T00:00:00Z")
    assert sorted(sandbox.totals()) == ["12.50", "30.00"]
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.clock("2026-02-02T00:00:00Z")
    (line,) = [
        line
        for invoice in sandbox.invoices("&customer=acme")
        for line in invoice["lines"]
        if line["price"] == "base" and line["period"]["start"].startswith("2026-02")
    ]
    assert line["evidence"]["price"]["amount"] == "12.5"
    for invoice in sandbox.invoices():
        assert sandbox.post(f"/invoices/{invoice['id']}/verify", {}, 200)["matches"]


def test_an_override_with_a_model_is_a_whole_price() -> None:
    sandbox = started({**BASE, "name": "The fee", "billing": "in_arrears", "prorate": False})
    (price,) = sandbox.subscribe(overrides=[WHOLE])["overrides"]
    assert (price["name"], price["billing"], price["prorate"]) == ("base", "in_advance", True)
    # A model of its own takes none of the plan's fields along.
    sandbox.meter("minutes")
    sandbox.plan({**CALLS, "meter": "minutes"}, code="calls")
    per_unit = {"code": "calls", "meter": "minutes", "model": "per_unit", "unit_amount": "2"}
    made = sandbox.subscribe("two", plan="calls", overrides=[per_unit])
    assert made["prices"][0]["model"] == "per_unit"
    assert "tiers" not in made["prices"][0]


def test_a_null_takes_a_field_back_to_its_default() -> None:
    sandbox = started({**BASE, "name": "The fee", "billing": "in_arrears"})
    (price,) = sandbox.subscribe(
        overrides=[{"code": "base", "name": None, "billing": None, "amount": "1"}]
    )["overrides"]
    assert (price["name"], price["billing"], price["amount"]) == ("base", "in_advance", "1")


def test_a_repeat_compares_overrides_by_what_they_mean() -> None:
    sandbox = started()
    first = sandbox.subscribe(overrides=[{"code": "base", "amount": "12.50"}])
    sandbox.plan({**BASE, "amount": "99.00"}, CALLS)
    body = {"external_id": "sub", "customer": "acme", "plan": "pro"}
    same = {**body, "overrides": [WHOLE]}
    assert sandbox.post("/subscriptions", same, 200) == first
    for other in ([], [{**WHOLE, "amount": "12.51"}], [WHOLE, {"code": "calls", "name": "Calls"}]):
        sandbox.post("/subscriptions", {**body, "overrides": other}, 409)
    assert sandbox.get("/subscriptions/sub") == first


def test_a_meter_that_only_an_override_names_has_one_subscription_too() -> None:
    sandbox = started()
    sandbox.meter("minutes")
    sandbox.subscribe(overrides=[{"code": "calls", "meter": "minutes"}])
    sandbox.plan({**CALLS, "meter": "minutes"}, code="minutes")
    body = {"external_id": "two", "customer": "acme", "plan": "minutes"}
    assert sandbox.post("/subscriptions", body, 409)["code"] == "meter_already_billed"


@pytest.mark.parametrize(
    ("override", "pointer"),
    [
        ({"amount": "1"}, "/code"),
        ({"code": "nobody", "amount": "1"}, "/code"),
        ({"code": 7, "amount": "1"}, "/code"),
        ({"code": "base", "amuont": "1"}, "/amuont"),
        ({"code": "base", "amount": "-1"}, "/amount"),
        ({"code": "base", "amount": 1.5}, "/amount"),
        ({"code": "base", "amount": None}, "/amount"),
        ({"code": "base", "unit_amount": "1"}, "/unit_amount"),
        ({"code": "base", "meter": "calls"}, "/meter"),
        ({"code": "base", "kind": "one_time"}, "/kind"),
        ({"code": "calls", "tiers": [{"up_to": "5", "unit_amount": "1"}]}, "/tiers/0/up_to"),
        ({"code": "calls", "meter": "nobody"}, "/meter"),
        ({"code": "calls", "model": "per_unit", "unit_amount": "1"}, "/meter"),
        ({"code": "calls", "model": "per_unit", "meter": "calls"}, "/unit_amount"),
        ({"code": "calls", "filters": [{"property": "x", "in": []}]}, "/filters/0/in"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused_with_a_pointer(
    override: dict[str, Any], pointer: str
) -> None:
    sandbox = started()
    problem = _refused(sandbox, override)
    assert problem["errors"][0]["pointer"] == f"/overrides/0{pointer}", problem


def test_one_price_is_overridden_once_and_by_an_object() -> None:
    sandbox = started(BASE, SEATS)
    once = {"code": "base", "amount": "1"}
    assert _refused(sandbox, once, once)["errors"][0]["pointer"] == "/overrides/1/code"
    assert _refused(sandbox, "base")["errors"][0]["pointer"] == "/overrides/0"


def _refused(sandbox: Sandbox, *overrides: Any) -> Any:
    body = {
        "external_id": "sub",
        "customer": "acme",
        "plan": "pro",
        "overrides": overrides,
        "quantities": {},
    }
    problem = sandbox.post("/subscriptions", body, 400)
    assert not Subscription.objects.exists()
    return problem
