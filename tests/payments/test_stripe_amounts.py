"""Minor units at Stripe's door, for every currency of ISO 4217."""

import iso4217
import pytest

from neruba.money import Money, exponent, is_currency
from payments.errors import AmountNotPayableError
from payments.stripe_amounts import from_stripe_minor, stripe_exponent, to_stripe_minor

# Stripe's pages, where they differ from ISO 4217 or leave a currency out.
DIFFERENT = {"ISK": 2, "MGA": 0, "UGX": 2}
NOT_AT_STRIPE = {"CLF", "IQD", "LYD", "UYI", "UYW"}
CURRENCIES = sorted(unit.value for unit in iso4217.Currency if is_currency(unit.value))


@pytest.mark.parametrize("currency", CURRENCIES)
def test_a_whole_amount_goes_there_and_back(currency: str) -> None:
    amount = Money(1230 * 10 ** exponent(currency), currency)
    if currency in NOT_AT_STRIPE:
        with pytest.raises(AmountNotPayableError):
            to_stripe_minor(amount)
        return

    digits = DIFFERENT.get(currency, exponent(currency))
    assert stripe_exponent(currency) == digits
    assert to_stripe_minor(amount) == 1230 * 10**digits
    assert from_stripe_minor(1230 * 10**digits, currency.lower()) == amount


@pytest.mark.parametrize(
    ("minor", "currency", "stripe_minor"),
    [
        (1999, "USD", 1999),
        (500, "JPY", 500),
        (5, "ISK", 500),
        (7000, "UGX", 700_000),
        (150_000, "MGA", 1500),
        (1050, "HUF", 1050),
        (80_045, "TWD", 80_045),
        (5120, "KWD", 5120),
        (-1999, "USD", -1999),
        (-5, "ISK", -500),
    ],
)
def test_examples_of_stripes_pages(minor: int, currency: str, stripe_minor: int) -> None:
    assert to_stripe_minor(Money(minor, currency)) == stripe_minor
    assert from_stripe_minor(stripe_minor, currency.lower()) == Money(minor, currency)


@pytest.mark.parametrize(("minor", "currency"), [(5124, "KWD"), (1, "BHD"), (150, "MGA")])
def test_an_amount_that_stripe_cannot_state_is_refused(minor: int, currency: str) -> None:
    with pytest.raises(AmountNotPayableError):
        to_stripe_minor(Money(minor, currency))


@pytest.mark.parametrize("currency", ["isk", "ugx"])
def test_hundredths_of_a_currency_without_them_are_refused(currency: str) -> None:
    with pytest.raises(AmountNotPayableError):
        from_stripe_minor(150, currency)


def test_what_is_no_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        from_stripe_minor(1, "xyz")
