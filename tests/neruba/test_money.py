from decimal import Decimal
from fractions import Fraction

import pytest

from neruba.money import (
    CurrencyMismatchError,
    Money,
    Rounding,
    allocate,
    exponent,
    is_currency,
    to_minor,
)


@pytest.mark.parametrize(
    ("currency", "digits"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0), ("MGA", 2)]
)
def test_exponents_are_those_of_iso_4217(currency: str, digits: int) -> None:
    assert exponent(currency) == digits
    assert is_currency(currency)


@pytest.mark.parametrize("code", ["usd", "Usd", "US", "", "USDX", "ABC", "XAU", "XXX", "XTS"])
def test_other_codes_are_no_currencies(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(ValueError, match=r"."):
        Money(0, code)


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (1230, "USD", "12.30"),
        (1230, "JPY", "1230"),
        (1230, "KWD", "1.230"),
        (-5, "USD", "-0.05"),
        (0, "USD", "0.00"),
        (0, "JPY", "0"),
        (-7, "JPY", "-7"),
        (10**17, "USD", "1000000000000000.00"),
    ],
)
def test_amounts_have_all_digits_of_the_currency(minor: int, currency: str, amount: str) -> None:
    assert Money(minor, currency).amount == amount
    assert str(Money(minor, currency)) == f"{amount} {currency}"
    assert Money.parse(amount, currency) == Money(minor, currency)


def test_fewer_digits_are_read_and_more_refused() -> None:
    assert Money.parse("12", "USD") == Money.parse("12.3", "USD") - Money(30, "USD")
    for text, currency in [("12.300", "USD"), ("1.0", "JPY"), ("1e2", "USD"), ("", "USD")]:
        with pytest.raises(ValueError, match="decimal"):
            Money.parse(text, currency)


def test_amounts_end_below_ten_to_the_eighteen_minor_units() -> None:
    assert Money.parse("9" * 16 + ".99", "USD").minor == 10**18 - 1
    with pytest.raises(ValueError, match="digits before the point"):
        Money.parse("1" + "0" * 16, "USD")


def test_currencies_do_not_mix() -> None:
    dollar, euro = Money(1, "USD"), Money(1, "EUR")
    assert dollar != euro
    for mix in (
        lambda: dollar + euro,
        lambda: dollar - euro,
        lambda: dollar < euro,
        lambda: dollar <= euro,
        lambda: dollar > euro,
        lambda: dollar >= euro,
    ):
        with pytest.raises(CurrencyMismatchError):
            mix()


def test_arithmetic_within_a_currency() -> None:
    one, two = Money(100, "USD"), Money(200, "USD")
    assert one + one == two
    assert one - two == -one
    assert sum([one, two], Money(0, "USD")) == Money(300, "USD")
    assert one < two
    assert one <= two
    assert two > one
    assert two >= one
    assert bool(one)
    assert not Money(0, "USD")


def test_minor_units_are_integers() -> None:
    for minor in (Decimal(1), True, 1.0):
        with pytest.raises(TypeError):
            Money(minor, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exact", "half_up", "half_even"),
    [
        ("0.005", 1, 0),
        ("0.015", 2, 2),
        ("0.025", 3, 2),
        ("-0.005", -1, 0),
        ("-0.025", -3, -2),
        ("0.00499999999999999999999999999999999999", 0, 0),
        ("0.00500000000000000000000000000000000001", 1, 1),
        ("1.005", 101, 100),
        ("2.675", 268, 268),
        ("-0.004", 0, 0),
    ],
)
def test_a_half_is_rounded_by_the_rule(exact: str, half_up: int, half_even: int) -> None:
    rules: list[tuple[Rounding, int]] = [("half_up", half_up), ("half_even", half_even)]
    for rounding, minor in rules:
        assert to_minor(Decimal(exact), "USD", rounding) == minor
        assert to_minor(Fraction(exact), "USD", rounding) == minor


def test_rounding_is_to_the_digits_of_the_currency() -> None:
    exact = Decimal("1.2345")
    assert [to_minor(exact, currency, "half_up") for currency in ("JPY", "USD", "KWD", "CLF")] == [
        *(1, 123, 1235, 12345)
    ]
    assert to_minor(Fraction(2, 3), "JPY", "half_even") == 1


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (20, [33, 33, 33], [7, 7, 6]),
        (5, [3, 7], [2, 3]),
        (1, [1, 2], [0, 1]),
        (2, [0, 5, 0], [0, 2, 0]),
        (0, [0, 0], [0, 0]),
        (0, [], []),
    ],
)
def test_remainders_go_to_the_largest_then_to_the_first(
    total: int, weights: list[int], parts: list[int]
) -> None:
    assert allocate(total, weights) == parts


def test_an_amount_needs_something_to_be_split_over() -> None:
    for weights in ([], [0, 0]):
        with pytest.raises(ValueError, match="all zero"):
            allocate(1, weights)
    with pytest.raises(ValueError, match="zero or positive"):
        allocate(1, [2, -1])
