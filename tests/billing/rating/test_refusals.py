"""What is no price is refused, with a pointer to the field at fault."""

from decimal import Decimal
from typing import Any

import pytest

from billing.rating.models import MODELS, parse_price
from billing.rating.plan import parse_plan_price
from billing.rating.price import PriceError


def tiers(*bounds: object) -> list[dict[str, object]]:
    return [{"up_to": bound, "unit_amount": "1"} for bound in bounds]


def tiered(*rows: object, **more: object) -> dict[str, Any]:
    return {"model": "graduated", "tiers": list(rows), **more}


def percent_tiers(*rows: object) -> dict[str, Any]:
    return {"model": "graduated_percentage", "tiers": list(rows)}


def package(**fields: object) -> dict[str, Any]:
    return {"model": "package", "package_size": "10", "package_amount": "1", **fields}


def percentage(**fields: object) -> dict[str, Any]:
    return {"model": "percentage", "rate_percent": "1", **fields}


def cells(*rows: object) -> dict[str, Any]:
    return {"model": "matrix", "cells": list(rows)}


@pytest.mark.parametrize(
    ("definition", "pointer", "code"),
    [
        ({}, "/model", "required"),
        ({"model": "capacity"}, "/model", "unknown"),
        ({"model": ["flat"]}, "/model", "unknown"),
        ({"model": "flat"}, "/amount", "required"),
        ({"model": "flat", "amount": None}, "/amount", "required"),
        ({"model": "flat", "amount": "1", "unit_amount": "1"}, "/unit_amount", "unknown"),
        ({"model": "flat", "amount": "1", "a/b~": 1}, "/a~1b~0", "unknown"),
        ({"model": "flat", "amount": 1.5}, "/amount", "not_a_decimal"),
        ({"model": "flat", "amount": Decimal("1.5")}, "/amount", "not_a_decimal"),
        ({"model": "flat", "amount": True}, "/amount", "not_a_decimal"),
        ({"model": "flat", "amount": "1e3"}, "/amount", "not_a_decimal"),
        ({"model": "flat", "amount": 10**5000}, "/amount", "not_a_decimal"),
        ({"model": "flat", "amount": "-1"}, "/amount", "negative"),
        ({"model": "per_unit", "unit_amount": "0.0000000000001"}, "/unit_amount", "not_a_decimal"),
        ({"model": "per_unit", "unit_amount": "1", "free_units": "-1"}, "/free_units", "negative"),
        (
            {"model": "per_unit", "unit_amount": "1", "free_units": "0.0000000001"},
            "/free_units",
            "not_a_decimal",
        ),
        ({"model": "graduated"}, "/tiers", "required"),
        ({"model": "graduated", "tiers": []}, "/tiers", "not_tiers"),
        ({"model": "graduated", "tiers": {"up_to": None}}, "/tiers", "not_tiers"),
        ({"model": "graduated", "tiers": ["x"]}, "/tiers/0", "not_a_tier"),
        ({"model": "graduated", "tiers": [{"unit_amount": "1"}]}, "/tiers/0/up_to", "required"),
        ({"model": "graduated", "tiers": [{"up_to": None}]}, "/tiers/0/unit_amount", "required"),
        (
            {"model": "graduated", "tiers": [{"up_to": None, "unit_amount": "1", "flat": "1"}]},
            "/tiers/0/flat",
            "unknown",
        ),
        (
            {"model": "graduated", "tiers": tiers("10", "10", None)},
            "/tiers/1/up_to",
            "not_ascending",
        ),
        ({"model": "graduated", "tiers": tiers("0", None)}, "/tiers/0/up_to", "not_ascending"),
        ({"model": "graduated", "tiers": tiers("-1", None)}, "/tiers/0/up_to", "negative"),
        ({"model": "graduated", "tiers": tiers("10", "20")}, "/tiers/1/up_to", "not_open"),
        ({"model": "graduated", "tiers": tiers(None, None)}, "/tiers/0/up_to", "open_too_early"),
        (
            {"model": "graduated", "tiers": tiers(None), "first_flat_at_zero": "yes"},
            "/first_flat_at_zero",
            "not_a_boolean",
        ),
        # tiers of packages
        (
            tiered({"up_to": None, "package_size": "0", "package_amount": "1"}),
            "/tiers/0/package_size",
            "not_positive",
        ),
        (tiered({"up_to": None, "package_size": "10"}), "/tiers/0/package_amount", "required"),
        (tiered({"up_to": None, "package_amount": "10"}), "/tiers/0/package_size", "required"),
        (
            tiered({"up_to": None, "package_size": "1", "package_amount": "1", "unit_amount": "1"}),
            "/tiers/0/unit_amount",
            "conflict",
        ),
        (tiered({"up_to": None, "unit_amount": "1"}, free_units="-1"), "/free_units", "negative"),
        # volume
        ({"model": "volume"}, "/tiers", "required"),
        ({"model": "volume", "tiers": tiers("10", "5", None)}, "/tiers/1/up_to", "not_ascending"),
        ({"model": "volume", "tiers": tiers("10")}, "/tiers/0/up_to", "not_open"),
        # package
        ({"model": "package", "package_amount": "1"}, "/package_size", "required"),
        ({"model": "package", "package_size": "1"}, "/package_amount", "required"),
        (package(package_size="0"), "/package_size", "not_positive"),
        (package(package_size="-5"), "/package_size", "negative"),
        (package(free_units="x"), "/free_units", "not_a_decimal"),
        (package(rounding="half_up"), "/rounding", "invalid"),
        (package(unit_amount="1"), "/unit_amount", "unknown"),
        # percentage
        ({"model": "percentage"}, "/rate_percent", "required"),
        (percentage(rate_percent="100.1"), "/rate_percent", "too_large"),
        (percentage(rate_percent="-1"), "/rate_percent", "negative"),
        (percentage(fixed_fee="-0.1"), "/fixed_fee", "negative"),
        (percentage(free_events="1.5"), "/free_events", "not_a_decimal"),
        (percentage(free_events=-1), "/free_events", "negative"),
        (percentage(free_events=10**9 + 1), "/free_events", "too_large"),
        (percentage(free_events=True), "/free_events", "not_a_decimal"),
        (percentage(free_amount="-1"), "/free_amount", "negative"),
        (percentage(min_per_event="2", max_per_event="1"), "/max_per_event", "below_minimum"),
        (percentage(tiers=[]), "/tiers", "unknown"),
        # graduated_percentage
        ({"model": "graduated_percentage"}, "/tiers", "required"),
        (percent_tiers({"up_to": None}), "/tiers/0/rate_percent", "required"),
        (
            percent_tiers({"up_to": None, "rate_percent": "101"}),
            "/tiers/0/rate_percent",
            "too_large",
        ),
        (percent_tiers({"up_to": None, "unit_amount": "1"}), "/tiers/0/unit_amount", "unknown"),
        (
            percent_tiers(
                {"up_to": "0", "rate_percent": "1"}, {"up_to": None, "rate_percent": "1"}
            ),
            "/tiers/0/up_to",
            "not_ascending",
        ),
        # matrix
        ({"model": "matrix"}, "/cells", "required"),
        ({"model": "matrix", "cells": []}, "/cells", "not_cells"),
        ({"model": "matrix", "cells": {"match": {}}}, "/cells", "not_cells"),
        (cells("x"), "/cells/0", "not_a_cell"),
        (cells({"unit_amount": "1"}), "/cells/0/match", "required"),
        (cells({"match": {}, "unit_amount": "1"}), "/cells/0/match", "not_a_match"),
        (cells({"match": "eu", "unit_amount": "1"}), "/cells/0/match", "not_a_match"),
        (cells({"match": {"a": "b"}}), "/cells/0/unit_amount", "required"),
        (cells({"match": {"a": "b"}, "unit_amount": "1", "flat": "1"}), "/cells/0/flat", "unknown"),
        (cells({"match": {"a": []}, "unit_amount": "1"}), "/cells/0/match/a", "empty"),
        (cells({"match": {"a": 2**53}, "unit_amount": "1"}), "/cells/0/match/a", "not_a_scalar"),
        (cells({"match": {"": "b"}, "unit_amount": "1"}), "/cells/0/match/", "invalid"),
        (cells({"match": {"a ": "b"}, "unit_amount": "1"}), "/cells/0/match/a ", "invalid"),
        (cells({"match": {7: "b"}, "unit_amount": "1"}), "/cells/0/match/7", "invalid"),
        (
            cells({"match": {"a": Decimal("0.5")}, "unit_amount": "1"}),
            "/cells/0/match/a",
            "not_a_scalar",
        ),
        (
            cells({"match": {"a/b": ["x", ["y"]]}, "unit_amount": "1"}),
            "/cells/0/match/a~1b/1",
            "not_a_scalar",
        ),
        (cells({"match": {"a": ["x", "x"]}, "unit_amount": "1"}), "/cells/0/match/a", "duplicate"),
        (
            cells(
                {"match": {"a": "x"}, "unit_amount": "1"},
                {"match": {"a": ["x"]}, "unit_amount": "2"},
            ),
            "/cells/1/match",
            "duplicate",
        ),
        (
            cells(
                {"match": {"a": "x", "b": ["y", "z"]}, "unit_amount": "1"},
                {"match": {"b": ["z", "y"], "a": ["x"]}, "unit_amount": "2"},
            ),
            "/cells/1/match",
            "duplicate",
        ),
        # dynamic
        ({"model": "dynamic", "multiplier": "-1"}, "/multiplier", "negative"),
        ({"model": "dynamic", "multiplier": 1.2}, "/multiplier", "not_a_decimal"),
        # what stands around any model
        (package(transform="1000"), "/transform", "not_a_transform"),
        (package(transform={}), "/transform", "required"),
        (
            package(transform={"divide_by": "2", "multiply_by": "2"}),
            "/transform/multiply_by",
            "conflict",
        ),
        (package(transform={"divide_by": "0"}), "/transform/divide_by", "not_positive"),
        (package(transform={"multiply_by": "-2"}), "/transform/multiply_by", "negative"),
        (package(transform={"divide_by": "2", "round": "even"}), "/transform/round", "invalid"),
        (package(transform={"divide_by": "2", "round": ["up"]}), "/transform/round", "invalid"),
        (package(transform={"divide_by": "2", "places": 2}), "/transform/places", "unknown"),
        (percentage(transform={"divide_by": "3"}), "/transform/round", "required"),
        (package(minimum_amount="-1"), "/minimum_amount", "negative"),
        (package(minimum_amount="10", maximum_amount="9.99"), "/maximum_amount", "below_minimum"),
        (package(maximum_amount=9.5), "/maximum_amount", "not_a_decimal"),
    ],
)
def test_what_is_no_price_is_refused_with_its_place(
    definition: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(PriceError) as refused:
        parse_price(definition)
    assert (refused.value.pointer, refused.value.code) == (pointer, code)
    assert refused.value.detail


@pytest.mark.parametrize("percent", ["0", "100", "99.999999999999"])
def test_a_percentage_is_from_0_to_100(percent: str) -> None:
    assert parse_price(percentage(rate_percent=percent)).definition()["rate_percent"] == percent


def test_a_division_of_each_value_needs_no_rounding_where_it_ends() -> None:
    for factor in ("4", "0.5", "1000", "102.4"):
        assert parse_price(percentage(transform={"divide_by": factor})).transform is not None


@pytest.mark.parametrize("name", ["transform", "minimum_amount", "maximum_amount"])
@pytest.mark.parametrize("kind", ["recurring", "one_time"])
def test_a_fee_has_no_transform_and_no_limits(kind: str, name: str) -> None:
    value = {"divide_by": "10"} if name == "transform" else "10"
    fee = {"code": "fee", "kind": kind, "model": "flat", "amount": "5"}
    with pytest.raises(PriceError) as refused:
        parse_plan_price({**fee, name: value})
    assert (refused.value.pointer, refused.value.code) == (f"/{name}", "invalid")
    assert parse_plan_price({**fee, name: None}).definition() == parse_plan_price(fee).definition()


def test_every_model_refuses_fields_of_others() -> None:
    for name in MODELS:
        with pytest.raises(PriceError) as refused:
            parse_price({"model": name, "a_field_of_none": "1"})
        assert (refused.value.pointer, refused.value.code) == ("/a_field_of_none", "unknown")


def test_null_is_the_same_as_left_out_where_a_field_has_a_default() -> None:
    for given in (
        {"model": "per_unit", "unit_amount": "1", "free_units": None},
        tiered({"up_to": None, "unit_amount": "1", "flat_amount": None}, first_flat_at_zero=None),
        percentage(fixed_fee=None, free_events=None, free_amount=None, min_per_event=None),
        package(free_units=None, rounding=None, transform=None, minimum_amount=None),
        {"model": "dynamic", "multiplier": None},
        {**cells({"match": {"a": "b"}, "unit_amount": "1"}), "default_unit_amount": None},
    ):
        without = {name: value for name, value in given.items() if value is not None}
        assert parse_price(given) == parse_price(without)
