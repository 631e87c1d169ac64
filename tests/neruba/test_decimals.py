from decimal import Decimal, Inexact

import pytest

from neruba.decimals import add, exact, multiply, parse_decimal, plain, subtract


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", "0"), ("-0", "0"), ("-0.00", "0"), ("12.50", "12.5"), ("-7.000001", "-7.000001")],
)
def test_plain_notation_is_read_exactly(text: str, value: str) -> None:
    number = parse_decimal(text, max_integer_digits=6, max_places=6)
    assert number == Decimal(value)
    assert plain(number) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", ".", ".5", "5.", "+1", "1e3", "1E3", "007", "1_000", "1,5", " 1", "1 ", "1\n"),
        *("NaN", "sNaN", "Infinity", "-inf", "0x1f", "--1", "\uff11", "٣", "½", "1.2.3", "1\x00"),
    ],
)
def test_other_notations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain notation"):
        parse_decimal(text, max_integer_digits=6, max_places=6)


def test_digits_are_counted_as_written() -> None:
    assert parse_decimal("123.45", max_integer_digits=3, max_places=2) == Decimal("123.45")
    with pytest.raises(ValueError, match="more than 3 digits before the point"):
        parse_decimal("1234", max_integer_digits=3, max_places=2)
    with pytest.raises(ValueError, match="more than 2 decimals"):
        parse_decimal("1.200", max_integer_digits=3, max_places=2)


def test_message_quotes_only_the_beginning_of_long_text() -> None:
    with pytest.raises(ValueError, match="plain notation") as refused:
        parse_decimal("x" * 1_000_000, max_integer_digits=3, max_places=2)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E+3", "1000"),
        ("1.500", "1.5"),
        ("100", "100"),
        ("-0E+5", "0"),
        ("2.5E-12", "0.0000000000025"),
    ],
)
def test_equal_values_are_written_alike(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_not_written(value: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        plain(Decimal(value))


def test_arithmetic_loses_nothing_at_the_largest_sizes() -> None:
    quantity, unit = Decimal("9" * 19 + "." + "9" * 9), Decimal("9" * 18 + "." + "9" * 12)
    assert multiply(quantity, unit).as_integer_ratio() == (
        (10**28 - 1) * (10**30 - 1),
        10**21,
    )
    assert add(Decimal("1E+30"), Decimal("1E-30"), Decimal("-1E+30")) == Decimal("1E-30")
    assert subtract(Decimal("1E+30"), Decimal("1E-12")) == Decimal("9" * 30 + "." + "9" * 12)


def test_what_is_not_exact_raises() -> None:
    with exact(), pytest.raises(Inexact):
        Decimal(1) / Decimal(3)
    with pytest.raises(Inexact):
        multiply(Decimal("1." + "3" * 120), Decimal("1." + "3" * 120))
