"""The calculator: one request, one answer, by the functions that make invoice lines."""

from decimal import Decimal
from typing import Any

import pytest

from billing.rating.calculator import MAX_EVENTS, rate_request
from billing.rating.price import PriceError

EACH = {"model": "per_unit", "unit_amount": "0.125"}
SHARE = {"model": "percentage", "rate_percent": "1", "fixed_fee": "5", "free_events": 1}
CLOUDS = {
    "model": "matrix",
    "cells": [{"match": {"cloud": "aws"}, "unit_amount": "3"}],
    "default_unit_amount": "10",
}


def rate(price: Any, currency: str = "USD", **more: Any) -> dict[str, Any]:
    return rate_request({"price": price, "currency": currency, **more})


def exact(price: Any, **more: Any) -> str:
    answer: str = rate(price, **more)["amount_exact"]
    return answer


def test_an_answer_has_the_exact_amount_the_rounded_one_and_the_steps() -> None:
    assert rate(EACH, quantity="1000.2") == {
        "amount_exact": "125.025",
        "amount": "125.03",
        "law": "per_unit@1",
        "steps": [
            {
                "text": "the first 1,000.2 at 0.125 each",
                "quantity": "1000.2",
                "unit_amount": "0.125",
                "flat_amount": "0",
                "amount": "125.025",
            }
        ],
    }


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "125"), ("KWD", "125.025")])
def test_an_amount_is_rounded_half_up_in_its_currency(currency: str, amount: str) -> None:
    assert rate(EACH, currency, quantity="1000.2")["amount"] == amount
    assert rate(EACH, "JPY", quantity="4")["amount"] == "1"


def test_a_transform_is_said() -> None:
    price = {**EACH, "transform": {"divide_by": "1000", "round": "up"}}
    answer = rate(price, quantity="1001")
    assert answer["transformed"] == "1,001 divided by 1,000, rounded up, is 2"
    assert answer["amount_exact"] == "0.25"


def test_the_filters_of_a_price_choose_among_the_events() -> None:
    events = [
        {"value": "10", "properties": {"region": "eu"}},
        {"value": "5", "properties": {"region": "us"}},
        {"value": "1", "properties": {}},
    ]

    def filtered(*values: object) -> str:
        price = {**EACH, "filters": [{"property": "region", "in": list(values)}]}
        return exact(price, events=events)

    assert filtered("eu") == "1.25"
    assert filtered("us", None) == "0.75"
    assert filtered("asia") == "0"
    with pytest.raises(PriceError) as caught:
        filtered()
    assert caught.value.pointer == "/price/filters/0/in"


def test_what_a_price_of_a_plan_says_of_other_things_is_not_read() -> None:
    catalogue = {
        "code": "calls",
        "name": "Calls",
        "kind": "usage",
        "meter": "calls",
        "billing": "in_arrears",
        "prorate": True,
        "filters": [],
        "interval": None,
    }
    assert rate({**catalogue, **EACH}, quantity="8") == rate(EACH, quantity="8")


def test_values_of_events_are_added_up_for_a_price_of_a_quantity() -> None:
    events = [{"value": "3"}, {"value": 5, "properties": {"cloud": "aws"}}, {"value": "-1"}]
    assert exact(EACH, events=events) == exact(EACH, quantity="7")
    assert exact(EACH, events=[]) == "0"


def test_a_quantity_is_one_event_and_of_no_cell() -> None:
    assert exact(SHARE, quantity="1000") == "0"
    assert exact({**SHARE, "free_events": None}, quantity="1000") == "15"
    assert exact(CLOUDS, quantity="2") == "20"


def test_events_are_rated_one_by_one_and_by_their_properties() -> None:
    events = [
        {"value": "2", "properties": {"cloud": "aws", "size": Decimal("1.5"), "spot": None}},
        {"value": "3", "properties": {"cloud": "gcp"}},
        {"value": "4"},
        {"value": "5", "properties": {"cloud": "aws"}},
    ]
    assert exact(CLOUDS, events=events) == "91"
    assert exact(SHARE, events=events) == "15.12"
    # One and true are two values, also where they come together.
    ones = {**CLOUDS, "cells": [{"match": {"cloud": 1}, "unit_amount": "3"}]}
    both = [{"value": "1", "properties": {"cloud": one}} for one in (1, True, "1")]
    assert exact(ones, events=both) == "23"


def test_a_further_part_is_rated_after_what_came_before() -> None:
    most = {**EACH, "minimum_amount": "2", "maximum_amount": "3"}
    assert exact(most, quantity="8", is_last=False) == "1"
    assert exact(most, quantity="8") == "2"
    assert exact(most, quantity="8", before={"quantity": "20"}) == "0.5"
    assert exact(most, quantity="0", before={"quantity": "4"}) == "1.5"
    assert exact(most, quantity="0", before={"quantity": "4"}, is_last=False) == "0"
    assert exact(SHARE, events=[{"value": "100"}], before={"events": [{"value": "1"}]}) == "6"


TIERS = [{"up_to": "10", "unit_amount": "1"}, {"up_to": "5", "unit_amount": "1"}]


@pytest.mark.parametrize(
    ("request_", "pointer"),
    [
        ([], ""),
        ({}, "/price"),
        ({"price": "20"}, "/price"),
        ({"price": {}}, "/price/model"),
        ({"price": {"model": "graduated", "tiers": TIERS}}, "/price/tiers/1/up_to"),
        ({"price": {**EACH, "surprise": 1}}, "/price/surprise"),
        ({"price": EACH}, "/currency"),
        ({"price": EACH, "currency": "usd"}, "/currency"),
        ({"price": EACH, "currency": 7}, "/currency"),
        ({"price": EACH, "currency": "XAU"}, "/currency"),
        ({"price": EACH, "currency": "USD"}, "/quantity"),
        ({"price": EACH, "currency": "USD", "quantity": "1", "events": []}, "/events"),
        ({"price": EACH, "currency": "USD", "quantity": Decimal("1.5")}, "/quantity"),
        ({"price": EACH, "currency": "USD", "quantity": "1e3"}, "/quantity"),
        ({"price": EACH, "currency": "USD", "quantity": True}, "/quantity"),
        ({"price": EACH, "currency": "USD", "quantity": "0.0000000001"}, "/quantity"),
        ({"price": EACH, "currency": "USD", "quantity": "1", "surprise": 1}, "/surprise"),
        ({"price": EACH, "currency": "USD", "quantity": "1", "is_last": "no"}, "/is_last"),
        ({"price": EACH, "currency": "USD", "quantity": "1", "before": "1"}, "/before"),
        ({"price": EACH, "currency": "USD", "quantity": "1", "before": {}}, "/before/quantity"),
        (
            {"price": EACH, "currency": "USD", "quantity": "1", "before": {"of": 1}},
            "/before/of",
        ),
        ({"price": EACH, "currency": "USD", "events": {"value": "1"}}, "/events"),
        (
            {"price": EACH, "currency": "USD", "events": [{"value": "1"}] * (MAX_EVENTS + 1)},
            "/events",
        ),
        ({"price": EACH, "currency": "USD", "events": ["1"]}, "/events/0"),
        ({"price": EACH, "currency": "USD", "events": [{}]}, "/events/0/value"),
        ({"price": EACH, "currency": "USD", "events": [{"value": "x"}]}, "/events/0/value"),
        (
            {"price": EACH, "currency": "USD", "events": [{"value": "1", "at": 1}]},
            "/events/0/at",
        ),
        (
            {"price": EACH, "currency": "USD", "events": [{"value": "1", "properties": []}]},
            "/events/0/properties",
        ),
        (
            {
                "price": EACH,
                "currency": "USD",
                "events": [{"value": "1", "properties": {"a/b": [1]}}],
            },
            "/events/0/properties/a~1b",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(request_: Any, pointer: str) -> None:
    with pytest.raises(PriceError) as refused:
        rate_request(request_)
    assert refused.value.pointer == pointer
    assert refused.value.detail


def test_the_largest_numbers_of_all_are_still_exact() -> None:
    most = "9" * 19 + "." + "9" * 9
    dear = "9" * 18 + "." + "9" * 12
    tiers = [
        {"up_to": "0.000000001", "unit_amount": dear, "flat_amount": dear},
        {"up_to": None, "unit_amount": dear, "flat_amount": dear},
    ]
    smallest = {"divide_by": "0.000000000001"}
    binary = {"divide_by": str(2**59) + ".000000000001"}
    for transform in (None, smallest, binary, {"divide_by": str(2**59)}, {"multiply_by": dear}):
        for price in (
            {"model": "graduated", "tiers": tiers},
            {"model": "volume", "tiers": tiers},
            {"model": "dynamic", "multiplier": dear},
            {"model": "package", "package_size": most, "package_amount": dear},
            {"model": "package", "package_size": "0.000000001", "package_amount": dear},
        ):
            whole = {**price, "transform": transform}
            assert Decimal(exact(whole, quantity=most)) > 0
            assert Decimal(exact(whole, quantity=most, before={"quantity": most})) >= 0
