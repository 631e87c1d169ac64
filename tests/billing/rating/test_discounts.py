"""Coupons on lines: their order, their periods, and what is left of an amount."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.rating.coupon import RedeemedCoupon
from billing.rating.discounts import (
    CouponFacts,
    Discount,
    Discountable,
    discounts_of,
    known_discounts,
)
from neruba.money import Money

CASES = Path(__file__).parents[2] / "cases"
REDEEMED = datetime(2026, 1, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


def coupon(
    number: int = 1,
    *,
    percent: str | None = None,
    amount: int | None = None,
    duration: str = "forever",
    first: int | None = None,
    used: dict[int, int] | None = None,
    **more: Any,
) -> CouponFacts:
    given = {"currency": "USD", "periods": None, "redeemed_at": REDEEMED, **more}
    one = RedeemedCoupon(
        code=f"C{number}",
        name="",
        percent_off=None if percent is None else Decimal(percent),
        amount_off_minor=amount,
        duration=duration,
        number=number,
        **given,
    )
    return CouponFacts(one, first, used or {})


def line(name: str, minor: int, *, price: str = "", unit: int = 0) -> Discountable:
    return Discountable(name, price or name, unit, REDEEMED + (unit + 1) * MONTH, minor)


def taken(
    lines: list[Discountable], *coupons: CouponFacts, currency: str = "USD"
) -> list[tuple[str, str, int]]:
    found = discounts_of(lines, coupons, currency=currency, rounding="half_up")
    return [(one.coupon.code, one.line, one.amount_minor) for one in found]


def test_percents_come_first_each_of_what_is_left_then_amounts() -> None:
    coupons = [coupon(1, amount=500), coupon(2, percent="10"), coupon(3, percent="50")]
    assert taken([line("fee", 10000)], *coupons) == [
        ("C2", "fee", 1000),
        ("C3", "fee", 4500),
        ("C1", "fee", 500),
    ]


def test_a_percent_is_rounded_once_and_spread_over_its_lines() -> None:
    lines = [line("a", 33), line("b", 33), line("c", 34)]
    assert taken(lines, coupon(percent="10")) == [("C1", "a", 3), ("C1", "b", 3), ("C1", "c", 4)]


def test_no_line_is_discounted_below_zero() -> None:
    assert taken([line("fee", 1000)], coupon(1, amount=800), coupon(2, amount=500)) == [
        ("C1", "fee", 800),
        ("C2", "fee", 200),
    ]


def test_a_coupon_touches_the_lines_of_its_prices_alone() -> None:
    lines = [line("fee", 1000), line("calls", 500)]
    assert taken(lines, coupon(percent="100", prices=frozenset({"calls"}))) == [
        ("C1", "calls", 500)
    ]


def test_an_amount_is_given_in_its_own_currency_only() -> None:
    assert taken([line("fee", 1000)], coupon(amount=300), currency="EUR") == []


def test_an_amount_is_given_once_in_each_period_on_whichever_documents() -> None:
    lines = [line("calls", 400, unit=0), line("fee", 1000, unit=1)]
    assert taken(lines, coupon(amount=500, first=0, used={0: 350})) == [
        ("C1", "calls", 150),
        ("C1", "fee", 500),
    ]


def test_once_covers_the_first_period_in_which_it_discounts_a_line() -> None:
    lines = [line("calls", 400, unit=2), line("fee", 1000, unit=3)]
    assert taken(lines, coupon(percent="10", duration="once")) == [("C1", "calls", 40)]
    assert taken(lines, coupon(percent="10", duration="once", first=1)) == []
    assert taken(lines[1:], coupon(percent="10", duration="once")) == [("C1", "fee", 100)]


def test_repeating_covers_so_many_periods_from_the_first() -> None:
    def given(unit: int) -> list[tuple[str, str, int]]:
        one = coupon(percent="10", duration="repeating", periods=3, first=1)
        return taken([line("fee", 1000, unit=unit)], one)

    assert [bool(given(unit)) for unit in range(6)] == [False, True, True, True, False, False]


def test_a_period_that_had_ended_at_redemption_is_not_discounted() -> None:
    one = coupon(percent="10", redeemed_at=REDEEMED + MONTH)
    assert taken([line("calls", 400, unit=0), line("fee", 1000, unit=1)], one) == [
        ("C1", "fee", 100)
    ]


def test_a_corrected_line_keeps_its_percents_and_as_much_of_an_amount_as_fits() -> None:
    half, five = coupon(1, percent="50").coupon, coupon(2, amount=500).coupon
    given = [Discount(half, "calls", 0, 500), Discount(five, "calls", 0, 500)]

    def known(minor: int) -> list[int]:
        found = known_discounts(minor, given, {1: 500, 2: 700}, "half_up")
        return [one.amount_minor for one in found]

    assert known(1000) == [500, 500]
    assert known(3000) == [1500, 700]
    assert known(600) == [300, 300]
    assert known(-50) == [0, 0]


def test_facts_are_read_as_they_were_written() -> None:
    one = coupon(3, percent="12.5", duration="repeating", periods=2, first=4, used={4: 10, 5: 7},
                 prices=frozenset({"b", "a"}))  # fmt: skip
    assert CouponFacts.read(json.loads(json.dumps(one.content()))) == one


def cases(kind: str) -> list[Any]:
    rows = map(json.loads, (CASES / "credits.jsonl").read_text().splitlines())
    return [pytest.param(row, id=row["id"]) for row in rows if row["kind"] == kind]


@pytest.mark.parametrize("row", cases("coupon_chain"))
def test_chains_of_coupons_are_the_known_ones(row: dict[str, Any]) -> None:
    lines = [line(str(i), int(minor)) for i, minor in enumerate(row["lines_minor"])]
    coupons = [
        coupon(
            number,
            amount=int(one["amount_minor"]),
            currency=row["currency"],
            prices=frozenset(map(str, one.get("applies_to_lines", ()))),
        )
        for number, one in enumerate(row["coupons"], 1)
    ]
    found = discounts_of(lines, coupons, currency=row["currency"], rounding="half_up")
    assert sum(one.amount_minor for one in found) == row["expected_discount_minor"]
    if "expected_line_discounts" in row:
        by_line = [sum(one.amount_minor for one in found if one.line == at.line) for at in lines]
        # The source keeps parts of a minor unit; here a coupon is split into whole ones.
        for minor, exact in zip(by_line, row["expected_line_discounts"], strict=True):
            assert abs(minor - Decimal(exact)) < len(coupons)


@pytest.mark.parametrize(
    "row", [json.loads(text) for text in (CASES / "adjustments.jsonl").read_text().splitlines()]
)
def test_adjustments_are_the_known_ones(row: dict[str, Any]) -> None:
    params, currency = row["params"], row["currency"]
    base = Money.parse(params["base"], currency).minor
    amount = params.get("amount_off")
    off = coupon(
        percent=params.get("percent"),
        amount=None if amount is None else Money.parse(amount, currency).minor,
        currency=currency,
    )
    (found,) = discounts_of([line("fee", base)], [off], currency=currency, rounding="half_up") or [
        None
    ]
    minor = 0 if found is None else found.amount_minor
    assert Money(minor, currency) == Money.parse(row["expected_amount"], currency)
