"""The chart of accounts says what an account must be."""

import pytest

from ledger.chart import CHART, account_problem, chart_account
from ledger.templates import AccountKey, keys


def test_every_code_of_the_templates_is_in_the_chart() -> None:
    named = [value for name, value in vars(keys).items() if name.isupper()]
    codes = {value for value in named if isinstance(value, str)}
    assert codes
    assert codes <= CHART.keys()


def test_floors_stand_where_a_customer_could_overdraw() -> None:
    floors = {account.code for account in CHART.values() if account.floor}
    assert floors == {"2000", "2010", "2020"}
    assert all(CHART[code].party == "customer" for code in floors)
    assert all(CHART[code].normal == "credit" for code in floors)


@pytest.mark.parametrize(
    ("code", "balance"), [("1100", 70), ("2000", -70), ("4010", -70), ("5000", 70), ("9000", 70)]
)
def test_a_balance_is_positive_on_the_normal_side(code: str, balance: int) -> None:
    assert CHART[code].balance(100, 30) == balance


@pytest.mark.parametrize("party", ["", "acme"])
def test_the_sender_of_an_unapplied_receipt_may_be_unknown(party: str) -> None:
    assert account_problem(AccountKey("2050", "USD", party)) == ""


def test_an_unknown_code_is_shown_as_such() -> None:
    assert chart_account("4711").name == "Not in the chart"
    assert account_problem(AccountKey("4711", "USD")) == "no account '4711' in the chart"
