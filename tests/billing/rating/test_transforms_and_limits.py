"""What stands around any model: a transform before it, and limits after it."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from billing.rating.models import parse_price
from billing.rating.numbers import add
from tests.billing.rating.rating import (
    PERCENTAGE,
    TIERS,
    amount,
    grouped,
    price,
    rated,
)


def test_a_transform_is_of_totals_and_a_part_is_what_the_total_gained() -> None:
    price_ = price(
        model="per_unit", unit_amount="10", transform={"divide_by": "1000", "round": "up"}
    )
    assert amount(price_, None, "1") == 10
    assert amount(price_, None, "1001") == 20
    assert amount(price_, "1", "999") == 0
    assert amount(price_, "1", "1000") == 10


def test_a_minimum_is_raised_to_with_the_last_part_and_a_maximum_kept_to_with_each() -> None:
    limited = price(model="per_unit", unit_amount="1", minimum_amount="10", maximum_amount="25")
    first = limited.rate(Decimal(4), is_last=False)
    last = limited.rate(Decimal(2), before=Decimal(4))
    assert [first.amount_exact, last.amount_exact] == [4, 6]
    assert last.steps[-1].text == "raised to the minimum of 10"
    assert last.steps[-1].flat_amount == 4
    most = limited.rate(Decimal(30), is_last=False)
    assert most.amount_exact == 25
    assert most.steps[-1].text == "lowered to the maximum of 25"
    assert limited.rate(Decimal(5), before=Decimal(30)).amount_exact == 0
    half = limited.rate(Decimal(30), part=Fraction(1, 2))
    assert half.amount_exact == Fraction(25, 2)


@pytest.mark.parametrize(
    ("transform", "quantity", "units", "words"),
    [
        ({"divide_by": "1000"}, "7400", "7.4", "7,400 divided by 1,000 is 7.4"),
        (
            {"divide_by": "1000", "round": "up"},
            "7400",
            "8",
            "7,400 divided by 1,000, rounded up, is 8",
        ),
        (
            {"divide_by": "1000", "round": "down"},
            "7999",
            "7",
            "7,999 divided by 1,000, rounded down, is 7",
        ),
        (
            {"divide_by": "1000", "round": "half_up"},
            "7500",
            "8",
            "7,500 divided by 1,000, rounded half up, is 8",
        ),
        ({"divide_by": "3", "round": "half_up"}, "4.5", "2", None),
        ({"divide_by": "0.5"}, "4.5", "9", None),
        ({"multiply_by": "60"}, "1.5", "90", "1.5 multiplied by 60 is 90"),
        ({"multiply_by": "0.1", "round": "up"}, "0.000000001", "1", None),
    ],
)
def test_a_quantity_is_transformed_before_it_is_priced(
    transform: dict[str, Any], quantity: str, units: str, words: str | None
) -> None:
    per_unit = price(model="per_unit", unit_amount="2", transform=transform)
    assert amount(per_unit, None, quantity) == 2 * Decimal(units)
    said = per_unit.conversion(Decimal(quantity))
    assert words is None or said == words
    assert parse_price(per_unit.definition()) == per_unit


def test_a_division_without_end_is_exact_to_the_line() -> None:
    thirds = price(model="graduated", tiers=TIERS, transform={"divide_by": "3"})
    answer = thirds.rate(Decimal(31))
    assert answer.amount_exact == 120 + Fraction(1, 3)
    assert answer.steps[1].evidence()["quantity"] == "0.333333333333"
    # A bound is met exactly, not by a number that was cut.
    assert thirds.rate(Decimal(30)).amount_exact == 120
    parts = [thirds.rate(Decimal(10), is_last=False)]
    parts += [thirds.rate(Decimal(1), before=Decimal(10 + n)) for n in range(21)]
    assert add(*(part.amount_exact for part in parts)) == answer.amount_exact


def test_each_value_is_transformed_where_a_price_goes_event_by_event() -> None:
    cents = price(**PERCENTAGE, free_amount="10", transform={"divide_by": "100"})
    assert rated(cents, "1000", "250").amount_exact == Decimal("5.025")
    whole = price(**PERCENTAGE, transform={"divide_by": "100", "round": "up"})
    assert rated(whole, "101", "101").amount_exact == Decimal("10.04")


def test_each_cell_is_transformed_on_its_own() -> None:
    matrix = price(
        model="matrix",
        cells=[{"match": {"cloud": "aws"}, "unit_amount": "3"}],
        default_unit_amount="10",
        transform={"divide_by": "1000", "round": "up"},
    )
    use = matrix.use(grouped(({"cloud": "aws"}, "1001"), ({}, "1")))
    assert matrix.rate(use).amount_exact == 6 + 10


def test_what_is_new_in_a_definition_stands_there_only_where_it_is_set() -> None:
    plain = price(model="per_unit", unit_amount="1")
    assert plain.definition().keys() == {"model", "unit_amount", "free_units"}
    full = price(
        model="per_unit",
        unit_amount="1",
        transform={"divide_by": "10.0", "round": None},
        minimum_amount="5.00",
        maximum_amount="9",
    )
    assert full.definition() == {
        **plain.definition(),
        "transform": {"divide_by": "10", "round": None},
        "minimum_amount": "5",
        "maximum_amount": "9",
    }
