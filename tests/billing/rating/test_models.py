from decimal import Decimal
from typing import Any

import pytest

from billing.rating.models import MODELS, parse_price
from tests.billing.rating.rating import TIERS, amount, price, words


def test_laws_have_a_version() -> None:
    assert {name: model.law for name, model in MODELS.items()} == {
        "flat": "flat@1",
        "per_unit": "per_unit@1",
        "graduated": "graduated@1",
        "volume": "volume@1",
        "package": "package@1",
        "percentage": "percentage@1",
        "graduated_percentage": "graduated_percentage@1",
        "matrix": "matrix@1",
        "dynamic": "dynamic@1",
    }


def test_flat_amount_is_due_once_whatever_the_quantity() -> None:
    flat = price(model="flat", amount="20.00")
    assert [amount(flat, None, text) for text in ("0", "7", "-3")] == [20, 20, 20]
    assert amount(flat, "0", "7") == 0
    assert words(flat, None, "0") == ["a fixed 20"]


def test_free_units_come_first() -> None:
    per_unit = price(model="per_unit", unit_amount="2", free_units="100")
    assert amount(per_unit, None, "100") == 0
    assert amount(per_unit, None, "150.5") == 101
    assert amount(per_unit, "60", "50") == 20
    assert amount(per_unit, "100", "1") == 2
    assert words(per_unit, None, "1150.5") == [
        "100 of the 100 free units",
        "the next 1,050.5, above 100, at 2 each",
    ]
    assert words(per_unit, "60", "10") == ["10 of the 100 free units"]


def test_a_price_of_millionths_is_exact() -> None:
    tokens = price(model="per_unit", unit_amount="0.0000025")
    assert amount(tokens, None, "40421844") == Decimal("101.05461")
    assert words(tokens, None, "1000000") == ["the first 1,000,000 at 0.0000025 each"]
    assert words(tokens, None, "0") == ["0 at 0.0000025 each"]


def test_each_unit_pays_its_own_tier_and_a_tier_entered_its_flat_amount() -> None:
    graduated = price(model="graduated", tiers=TIERS)
    assert amount(graduated, None, "0") == 100
    assert amount(graduated, None, "10") == 120
    assert amount(graduated, None, "10.000000001") == Decimal("120.000000001")
    assert amount(graduated, None, "30.5") == 100 + 20 + Decimal("10.5") + 3 + 5
    assert amount(graduated, "10", "10.5") == Decimal("10.5")
    assert amount(graduated, "20.5", "1") == Decimal("3.5")
    assert amount(graduated, "21", "1") == Decimal("0.5")


def test_tiers_are_said_in_words() -> None:
    graduated = price(model="graduated", tiers=TIERS)
    assert words(graduated, None, "2030.5") == [
        "the first 10 at 2 each, plus 100 for the tier",
        "the next 10.5, above 10, at 1 each",
        "the next 2,010, above 20.5, at 0.5 each, plus 3 for the tier",
    ]
    assert words(graduated, None, "0") == ["0 at 2 each, plus 100 for the tier"]
    assert words(graduated, "0", "0") == []


def test_first_flat_amount_waits_for_a_unit_where_the_price_says_so() -> None:
    graduated = price(model="graduated", tiers=TIERS, first_flat_at_zero=False)
    assert amount(graduated, None, "0") == 0
    assert amount(graduated, None, "0.5") == 101
    assert amount(graduated, "0", "0.5") == 101
    assert amount(graduated, "0.5", "1") == 2


@pytest.mark.parametrize(
    ("definition", "due"),
    [
        ({"model": "per_unit", "unit_amount": "2"}, 0),
        ({"model": "graduated", "tiers": TIERS}, 100),
        ({"model": "graduated", "tiers": TIERS, "first_flat_at_zero": False}, 0),
    ],
)
def test_negative_net_usage_rates_as_zero(definition: dict[str, Any], due: int) -> None:
    usage = parse_price(definition)
    assert amount(usage, None, "-1234.5") == due
    assert words(usage, None, "-1234.5")[0] == (
        "the net usage of -1,234.5 is negative and counts as 0"
    )


def test_steps_are_stored_as_canonical_numbers_without_words() -> None:
    rated = price(model="per_unit", unit_amount="2.50").rate(Decimal("1E+3"))
    assert [step.evidence() for step in rated.steps] == [
        {
            "quantity": "1000",
            "unit_amount": "2.5",
            "flat_amount": "0",
            "amount": "2500",
        }
    ]


@pytest.mark.parametrize(
    ("definition", "canonical"),
    [
        ({"model": "flat", "amount": 20}, {"model": "flat", "amount": "20"}),
        (
            {"model": "per_unit", "unit_amount": "0.50"},
            {"model": "per_unit", "unit_amount": "0.5", "free_units": "0"},
        ),
        (
            {"model": "graduated", "tiers": [{"up_to": None, "unit_amount": "1.0"}]},
            {
                "model": "graduated",
                "tiers": [{"up_to": None, "unit_amount": "1", "flat_amount": "0"}],
                "first_flat_at_zero": True,
            },
        ),
    ],
)
def test_definition_is_written_complete_and_canonical(
    definition: dict[str, Any], canonical: dict[str, Any]
) -> None:
    assert parse_price(definition).definition() == canonical
    assert parse_price(canonical) == parse_price(definition)


VOLUME = [
    {"up_to": "100", "unit_amount": "2", "flat_amount": "10"},
    {"up_to": None, "unit_amount": "1"},
]


def test_all_units_pay_the_price_of_the_tier_that_the_total_reaches() -> None:
    volume = price(model="volume", tiers=VOLUME)
    assert [amount(volume, None, q) for q in ("0", "1", "100", "100.5", "200")] == [
        10,
        12,
        210,
        Decimal("100.5"),
        200,
    ]
    assert words(volume, None, "100") == ["all 100 at 2 each, plus 10 for the tier"]
    late = price(model="volume", tiers=VOLUME, first_flat_at_zero=False)
    assert [amount(late, None, q) for q in ("0", "1")] == [0, 12]
    assert [amount(late, "0", q) for q in ("0", "1")] == [0, 12]


def test_a_part_of_a_volume_is_the_total_less_the_total_before() -> None:
    volume = price(model="volume", tiers=VOLUME)
    assert amount(volume, "90", "10") == 20
    assert words(volume, "90", "10") == ["the next 10, above 90, at 2 each"]
    assert amount(volume, "90", "20") == 110 - 190
    assert words(volume, "90", "20") == [
        "all 110 at 1 each",
        "less what was rated before: all 90 at 2 each, plus 10 for the tier",
    ]
    assert words(volume, "90", "0") == []


def test_a_package_that_is_begun_is_paid_whole() -> None:
    package = price(model="package", package_size="10", package_amount="100", free_units="3")
    assert [amount(package, None, q) for q in ("0", "3", "3.1", "13", "13.000000001")] == [
        0,
        0,
        100,
        100,
        200,
    ]
    assert words(package, None, "14") == [
        "3 of the 3 free units",
        "2 packages of 10 at 100 each for the next 11, above 3",
    ]
    assert amount(package, "4", "9") == 0
    assert words(package, "4", "9") == ["0 packages of 10 at 100 each for the next 9, above 4"]
    assert amount(package, "2", "2") == 100
    full = price(model="package", package_size="10", package_amount="100", rounding="down")
    assert [amount(full, None, q) for q in ("9.9", "10", "25")] == [0, 100, 200]


def test_tiers_of_packages_count_them_from_the_bound_below() -> None:
    tiers = [
        {"up_to": "25", "package_size": "10", "package_amount": "3"},
        {"up_to": None, "package_size": "100", "package_amount": "5", "flat_amount": "1"},
    ]
    graduated = price(model="graduated", tiers=tiers)
    assert [amount(graduated, None, q) for q in ("0", "1", "25", "26", "125", "126")] == [
        0,
        3,
        9,
        15,
        15,
        20,
    ]
    assert amount(graduated, "21", "2") == 0
    assert words(graduated, "21", "2") == ["0 packages of 10 at 3 each for the next 2, above 21"]
    assert words(graduated, None, "26") == [
        "3 packages of 10 at 3 each for the first 25",
        "1 package of 100 at 5 each for the next 1, above 25, plus 1 for the tier",
    ]
    volume = price(model="volume", tiers=tiers)
    assert [amount(volume, None, q) for q in ("1", "25", "26", "101")] == [3, 9, 6, 11]


def test_free_units_lie_outside_of_the_tiers() -> None:
    graduated = price(model="graduated", tiers=TIERS, free_units="5")
    assert [amount(graduated, None, q) for q in ("0", "5", "6", "15.5")] == [
        100,
        100,
        102,
        Decimal("120.5"),
    ]
    assert words(graduated, "4", "2") == [
        "1 of the 5 free units",
        "the first 1 at 2 each",
    ]
    assert graduated.definition()["free_units"] == "5"
    assert "free_units" not in price(model="graduated", tiers=TIERS, free_units="0").definition()


def test_each_part_of_the_money_pays_the_percentage_of_its_tier() -> None:
    graduated = price(
        model="graduated_percentage",
        tiers=[
            {"up_to": "100", "rate_percent": "5"},
            {"up_to": None, "rate_percent": "2", "flat_amount": "10"},
        ],
    )
    assert [amount(graduated, None, q) for q in ("0", "100", "150")] == [0, 5, 16]
    assert words(graduated, None, "1150") == [
        "5 % of 100",
        "2 % of the next 1,050, above 100, plus 10 for the tier",
    ]
