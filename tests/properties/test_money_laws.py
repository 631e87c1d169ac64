from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from neruba.decimals import parse_decimal, plain
from neruba.money import Money, Rounding, allocate, exponent, to_minor

currencies = st.sampled_from(["USD", "JPY", "KWD", "CLF", "HUF"])
minors = st.integers(-(10**18) + 1, 10**18 - 1)
roundings = st.sampled_from(list[Rounding](["half_up", "half_even"]))
decimals = st.decimals(allow_nan=False, allow_infinity=False).filter(
    lambda value: abs(value.adjusted()) < 30
)


@given(minors, currencies)
def test_an_amount_is_read_as_it_was_written(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(money.amount, currency) == money


@given(decimals)
def test_a_decimal_is_read_as_it_was_written(value: Decimal) -> None:
    text = plain(value)
    again = parse_decimal(text, max_integer_digits=60, max_places=90)
    assert again == value
    assert plain(again) == text
    assert not ("." in text and text.endswith("0"))


@given(st.fractions(), currencies, roundings)
def test_rounding_is_the_nearest_and_symmetric(
    exact: Fraction, currency: str, rounding: Rounding
) -> None:
    minor = to_minor(exact, currency, rounding)
    assert to_minor(-exact, currency, rounding) == -minor
    difference = abs(exact * 10 ** exponent(currency) - minor)
    assert difference <= Fraction(1, 2)
    if difference == Fraction(1, 2):
        away = abs(minor) > abs(exact * 10 ** exponent(currency))
        assert away if rounding == "half_up" else minor % 2 == 0


@given(st.integers(-(10**18), 10**18), st.lists(st.integers(0, 10**12), max_size=30))
def test_parts_sum_to_the_total_and_lie_by_their_shares(total: int, weights: list[int]) -> None:
    whole = sum(weights)
    parts = allocate(total if whole else 0, weights)
    assert sum(parts) == (total if whole else 0)
    for part, weight in zip(parts, weights, strict=True):
        if whole:
            assert abs(part - Fraction(total * weight, whole)) < 1
        if weight == 0:
            assert part == 0


@given(st.integers(0, 10**9), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_equal_weights_differ_by_one_unit_at_most_and_the_first_has_more(
    total: int, weights: list[int]
) -> None:
    parts = allocate(total, weights)
    for left in range(len(weights)):
        for right in range(left + 1, len(weights)):
            if weights[left] == weights[right]:
                assert 0 <= parts[left] - parts[right] <= 1
    assert allocate(-total, weights) == [-part for part in parts]
