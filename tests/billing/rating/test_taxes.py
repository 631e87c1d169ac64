"""Tax on lines: for each rate on the sum of the lines that carry it, rounded once."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.rating.taxes import Exemption, Taxable, TaxFacts, included_minor, taxes_of
from neruba.money import Money
from neruba.tax import TaxRateFact

CASES = Path(__file__).parents[2] / "cases"


def rate(percent: str, code: str = "vat", *, inclusive: bool = False) -> TaxRateFact:
    return TaxRateFact(code, code.upper(), Decimal(percent), inclusive)


def carried(*rates: TaxRateFact, exempt: Exemption = "none") -> TaxFacts:
    return TaxFacts(rates, exempt)


def amounts(lines: list[int], tax: TaxFacts) -> list[tuple[str, int, int, list[int]]]:
    given = [Taxable(str(index), minor, tax) for index, minor in enumerate(lines)]
    return [
        (one.rate.code, one.base_minor, one.amount_minor, [part for _, _, part in one.parts])
        for one in taxes_of(given, "half_up")
    ]


def test_three_lines_of_33_at_20_percent_carry_20() -> None:
    assert amounts([33, 33, 33], carried(rate("20"))) == [("vat", 99, 20, [7, 7, 6])]


def test_several_rates_stand_side_by_side_on_one_base() -> None:
    tax = carried(rate("5", "gst"), rate("9.975", "qst"))
    assert amounts([10000], tax) == [("gst", 10000, 500, [500]), ("qst", 10000, 998, [998])]


def test_an_inclusive_rate_is_taken_out_of_the_sum() -> None:
    assert amounts([12000], carried(rate("20", inclusive=True))) == [("vat", 10000, 2000, [2000])]
    assert amounts([100, 100, 100], carried(rate("19", inclusive=True))) == [
        ("vat", 252, 48, [16, 16, 16])
    ]


def test_an_exclusive_rate_is_put_on_what_an_inclusive_one_leaves() -> None:
    tax = carried(rate("20", inclusive=True), rate("10", "city"))
    assert amounts([12000], tax) == [("vat", 10000, 2000, [2000]), ("city", 10000, 1000, [1000])]


@pytest.mark.parametrize("exempt", ["exempt", "reverse"])
def test_nothing_is_due_of_an_exempt_line_and_the_document_says_why(exempt: Exemption) -> None:
    (tax,) = taxes_of([Taxable("fee", 12000, carried(rate("20"), exempt=exempt))], "half_up")
    assert (tax.reason, tax.base_minor, tax.amount_minor) == (exempt, 12000, 0)
    assert included_minor(600, carried(rate("20", inclusive=True), exempt=exempt), "half_up") == 0


def test_lines_below_zero_carry_less_tax() -> None:
    assert amounts([1000, -250], carried(rate("20"))) == [("vat", 750, 150, [200, -50])]
    assert amounts([-33, -33, -33], carried(rate("20"))) == [("vat", -99, -20, [-7, -7, -6])]


def test_a_line_without_a_rate_is_not_in_its_base() -> None:
    given = [
        Taxable("fee", 1000, carried(rate("20"))),
        Taxable("free", 500, TaxFacts()),
        Taxable("book", 2000, carried(rate("7", "reduced"))),
    ]
    assert [
        (one.rate.code, one.base_minor, one.amount_minor) for one in taxes_of(given, "half_up")
    ] == [("vat", 1000, 200), ("reduced", 2000, 140)]


def test_facts_are_read_as_they_were_written() -> None:
    tax = carried(rate("7.25"), rate("19", "mwst", inclusive=True), exempt="reverse")
    assert TaxFacts.read(json.loads(json.dumps(tax.content()))) == tax


@pytest.mark.parametrize(
    "row", [json.loads(text) for text in (CASES / "taxes.jsonl").read_text().splitlines()]
)
def test_taxes_are_the_known_ones(row: dict[str, Any]) -> None:
    params, currency = row["params"], row["currency"]
    base = Money.parse(params["base"], currency).minor
    ((_, _, minor, _),) = amounts([base], carried(rate(params["percent"])))
    assert Money(minor, currency) == Money.parse(row["expected_amount"], currency)
