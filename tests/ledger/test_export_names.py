"""Names of accounts in exports: legal everywhere, and never one name for two accounts."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from ledger.chart import CHART
from ledger.export.book import Total, leaf_of
from ledger.export.names import account_name, escaped, total_name, unescaped
from ledger.templates import AccountKey

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["", "-", "--", "-20", "--20", "-2D", " ", "A", "a", "C-a", "Own", ":"]
)
KEYS = st.builds(
    AccountKey, st.sampled_from([*CHART, "7777"]), st.sampled_from(["USD", "JPY"]), TEXTS, TEXTS
)
# As Beancount's grammar has it; hledger takes all of these too.
LEGAL = re.compile(r"(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+")


@given(KEYS)
def test_a_name_is_legal(key: AccountKey) -> None:
    assert LEGAL.fullmatch(account_name(key))


@given(KEYS, KEYS)
@example(AccountKey("2050", "USD"), AccountKey("2050", "USD", "Own"))
@example(AccountKey("1150", "USD", "a", "b"), AccountKey("1150", "USD", "a:S-b"))
def test_two_accounts_never_have_one_name(one: AccountKey, other: AccountKey) -> None:
    assert (account_name(one) == account_name(other)) == (one == other)


@given(TEXTS)
def test_what_is_escaped_is_read_back(text: str) -> None:
    assert unescaped(escaped(text)) == text


def test_names_read_well() -> None:
    assert account_name(AccountKey("1100", "USD", "acme corp")) == (
        "Assets:1100-Accounts-receivable:USD:C-acme-20corp"
    )
    assert account_name(AccountKey("2000", "EUR", "acme", "gr_1")) == (
        "Liabilities:2000-Prepaid-credit:EUR:C-acme:S-gr-5F1"
    )
    assert escaped("wren-and-co.") == "wren--and--co-2E"
    assert account_name(AccountKey("4010", "USD")) == "Income:4010-Revenue-usage:USD"
    assert account_name(AccountKey("2050", "USD")) == "Liabilities:2050-Unapplied-receipts:USD:Own"
    assert total_name("9000", "USD") == "Equity:9000-Opening-balances:USD"


def test_codes_of_the_chart_have_names_of_their_own() -> None:
    assert len({total_name(code, "USD") for code in CHART}) == len(CHART)
    assert leaf_of(Total("4000", "USD", 0)) == total_name("4000", "USD")
