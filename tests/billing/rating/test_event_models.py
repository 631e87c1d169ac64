"""Models that ask for more than a quantity: each event, or its properties."""

from decimal import Decimal
from typing import Any

import pytest

from billing.rating.numbers import add
from billing.rating.price import Scalar
from tests.billing.rating.rating import PERCENTAGE, grouped, measured, price, rated, said


@pytest.mark.parametrize(
    ("more", "values", "due"),
    [
        ({}, ["100", "0"], "11"),
        ({"free_events": 2}, ["100", "200", "300"], "8"),
        ({"free_amount": "15"}, ["4", "4", "4", "3"], "0"),
        ({"free_amount": "15"}, ["4", "4", "4", "4"], "5.01"),
        ({"free_amount": "15", "free_events": 2}, ["1", "1", "1"], "5.01"),
        ({"free_amount": "15", "free_events": 3}, ["20", "1"], "10.06"),
        # Of two allowances, one of nothing is none.
        ({"free_amount": "15", "free_events": 0}, ["15", "1"], "5.01"),
        ({"free_amount": "0", "free_events": 1}, ["15", "1"], "5.01"),
        ({"min_per_event": "5.5", "max_per_event": "6"}, ["1", "70", "1000"], "17.2"),
        ({"min_per_event": "5.5", "free_events": 1}, ["1", "1"], "5.5"),
        ({}, ["-100", "100"], "6"),
        # A value of nothing is an event all the same, and free while others are.
        ({"free_events": 1}, ["0", "100"], "6"),
        ({"free_amount": "15"}, ["0", "15", "0"], "5"),
    ],
)
def test_a_percentage_goes_event_by_event(
    more: dict[str, Any], values: list[str], due: str
) -> None:
    percentage = price(**PERCENTAGE, **more)
    assert rated(percentage, *values).amount_exact == Decimal(due)
    for cut in range(len(values) + 1):
        parts = rated(percentage, *values[:cut]), rated(percentage, *values[cut:])
        second = rated(percentage, *values[cut:], before=values[:cut])
        assert add(parts[0].amount_exact, second.amount_exact) == Decimal(due)


def test_a_percentage_says_what_became_of_the_events() -> None:
    percentage = price(
        **PERCENTAGE, free_events=1, free_amount="1000", min_per_event="6", max_per_event="20"
    )
    use = percentage.use(measured(["1250", "50", "200", "3000", "4000", "-7"]))
    assert percentage.evidence(use) == {
        "tally": {
            "free": {"events": 0, "amount": "1000"},
            "rated": {"events": 2, "amount": "450"},
            "at_minimum": {"events": 1, "amount": "50"},
            "at_maximum": {"events": 2, "amount": "7000"},
            "negative": {"events": 1, "amount": "-7"},
        }
    }
    answer = percentage.rate(use)
    assert answer.amount_exact == Decimal("4.5") + 10 + 6 + 40
    assert said(answer) == [
        "nothing of 1 event below zero, -7 in all",
        "the free 1,000, with 0 events wholly free",
        "1 % of 450, in 2 events, plus 5 for each",
        "1 event at the minimum of 6 each, for 50",
        "2 events at the maximum of 20 each, for 7,000",
    ]
    assert said(rated(percentage)) == ["1 % of 0, in 0 events, plus 5 for each"]


def test_an_event_that_costs_just_the_minimum_or_the_maximum_is_rated() -> None:
    percentage = price(**PERCENTAGE, min_per_event="6", max_per_event="7")
    use = percentage.use(measured(["100", "200"]))
    assert percentage.evidence(use) == {"tally": {"rated": {"events": 2, "amount": "300"}}}


CLOUDS = [
    {"match": {"cloud": ["aws", "gcp"]}, "unit_amount": "5"},
    {"match": {"cloud": "aws"}, "unit_amount": "3"},
    {"match": {"cloud": "aws", "region": ["eu", "us", "ap"]}, "unit_amount": "2"},
    {"match": {"region": "eu"}, "unit_amount": "1"},
    {"match": {"size": 1, "spot": True}, "unit_amount": "0.5"},
    {"match": {"cloud": None, "size": [8, 9]}, "unit_amount": "0.25"},
]


@pytest.mark.parametrize(
    ("by", "each"),
    [
        ({"cloud": "gcp"}, "5"),
        ({"cloud": "aws"}, "3"),
        ({"cloud": "aws", "region": "eu"}, "2"),
        ({"cloud": "aws", "region": None}, "3"),
        # One key and one value: the first listed.
        ({"cloud": "azure", "region": "eu"}, "1"),
        ({"cloud": "AWS"}, "10"),
        ({}, "10"),
        ({"size": Decimal("1.0"), "spot": True}, "0.5"),
        ({"size": "1", "spot": True}, "10"),
        ({"cloud": None, "size": 9}, "0.25"),
        ({"size": 9}, "0.25"),
        ({"cloud": "ibm", "size": 9}, "10"),
        ({"size": True, "spot": True}, "10"),
        ({"size": 1, "spot": 1}, "10"),
    ],
)
def test_the_narrowest_cell_that_matches_takes_the_units(by: dict[str, Scalar], each: str) -> None:
    matrix = price(model="matrix", cells=CLOUDS, default_unit_amount="10")
    assert matrix.rate(matrix.use(grouped((by, "7")))).amount_exact == 7 * Decimal(each)
    # In whatever order the cells are written, where none is as narrow.
    other = price(model="matrix", cells=CLOUDS[::-1], default_unit_amount="10")
    assert other.rate(other.use(grouped((by, "7")))).amount_exact == 7 * Decimal(each)


def test_of_two_cells_as_narrow_the_first_listed_takes_the_units() -> None:
    cells: list[dict[str, Any]] = [
        {"match": {"cloud": ["aws", "gcp"]}, "unit_amount": "1"},
        {"match": {"cloud": ["aws", "azure"]}, "unit_amount": "2"},
    ]
    for order, each in ((cells, 1), (cells[::-1], 2)):
        matrix = price(model="matrix", cells=order)
        assert matrix.rate(matrix.use(grouped(({"cloud": "aws"}, "7")))).amount_exact == 7 * each


def test_a_matrix_says_each_cell_and_asks_for_the_properties_that_it_needs() -> None:
    matrix = price(model="matrix", cells=CLOUDS, default_unit_amount="10")
    assert matrix.properties == ("cloud", "region", "size", "spot")
    assert price(model="flat", amount="1").properties == ()
    use = matrix.use(
        grouped(
            ({"cloud": "azure"}, "1"),
            ({"cloud": "gcp"}, "7"),
            ({"cloud": "aws"}, "-2"),
            ({"size": 1, "spot": True}, "4"),
            ({"cloud": None, "size": 8}, "8"),
            ({"cloud": "gcp", "region": "ap"}, "3"),
        )
    )
    assert matrix.evidence(use) == {
        "cells": [
            {"cell": 0, "quantity": "10"},
            {"cell": 1, "quantity": "-2"},
            {"cell": 4, "quantity": "4"},
            {"cell": 5, "quantity": "8"},
            {"cell": None, "quantity": "1"},
        ]
    }
    answer = matrix.rate(use)
    assert answer.amount_exact == 50 + 0 + 2 + 2 + 10
    assert said(answer) == [
        "10 with cloud aws or gcp at 5 each",
        "0 with cloud aws at 3 each: the net usage of -2 is negative and counts as 0",
        "4 with size 1 and spot true at 0.5 each",
        "8 with cloud none and size 8 or 9 at 0.25 each",
        "1 without a price of their own at 10 each",
    ]
    assert said(matrix.rate(matrix.use(grouped()))) == ["0 without a price of their own at 10 each"]


def test_amounts_that_come_with_the_usage_are_summed_exactly() -> None:
    dynamic = price(model="dynamic")
    assert rated(dynamic, "0.101", "9.019").amount_exact == Decimal("9.12")
    plus = price(model="dynamic", multiplier="1.2")
    assert rated(plus, "0.101", "9.019").amount_exact == Decimal("10.944")
    assert said(rated(plus, "1000", "0.5")) == [
        "amounts of 1,000.5, which came with the usage, times 1.2"
    ]
