from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from billing.rating.models import MODELS, Price, parse_price
from billing.rating.numbers import Number, add, multiply
from billing.rating.price import PriceError

TIERS = [
    {"up_to": "10", "unit_amount": "2", "flat_amount": "100"},
    {"up_to": "20.5", "unit_amount": "1"},
    {"up_to": None, "unit_amount": "0.5", "flat_amount": "3"},
]


def price(**definition: object) -> Price:
    return parse_price(definition)


def amount(price: Price, before: str | None, quantity: str) -> Number:
    rated = price.rate(Decimal(quantity), before=None if before is None else Decimal(before))
    for step in rated.steps:
        assert step.amount == add(multiply(step.quantity, step.unit_amount), step.flat_amount)
    assert rated.amount_exact == sum(step.amount for step in rated.steps)
    return rated.amount_exact


def words(price: Price, before: str | None, quantity: str) -> list[str]:
    rated = price.rate(Decimal(quantity), before=None if before is None else Decimal(before))
    return [step.text for step in rated.steps]


def test_laws_have_a_version() -> None:
    assert {name: model.law for name, model in MODELS.items()} == {
        "flat": "flat@1",
        "per_unit": "per_unit@1",
        "graduated": "graduated@1",
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


def tiers(*bounds: object) -> list[dict[str, object]]:
    return [{"up_to": bound, "unit_amount": "1"} for bound in bounds]


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
    ],
)
def test_what_is_no_price_is_refused_with_its_place(
    definition: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(PriceError) as refused:
        parse_price(definition)
    assert (refused.value.pointer, refused.value.code) == (pointer, code)
    assert refused.value.detail


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
