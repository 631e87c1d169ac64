"""Amounts at Stripe's door: its minor units are not always those of ISO 4217.

Source: Stripe's documentation on supported currencies (zero-decimal, three-decimal, special cases).
Payouts of HUF and TWD must be whole at Stripe although charges have two digits. Neruba starts no
payouts and only reads them, so that this rule has nothing to act on here.
"""

from neruba.money import Money, exponent
from payments.errors import AmountNotPayableError

_NO_DIGITS = frozenset(
    (
        *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
        *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
    )
)
_THREE_DIGITS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
# Without minor units in ISO; Stripe counts them in hundredths, which must be whole.
_WHOLE_IN_HUNDREDTHS = frozenset(("ISK", "UGX"))
_ISO_TWO_DIGITS = 2


def stripe_exponent(currency: str) -> int:
    """How many digits Stripe's minor units of a currency have.

    Raises AmountNotPayableError for a currency that Stripe's rules do not cover, ValueError for
    what is none of ISO 4217.
    """
    digits = exponent(currency)
    if currency in _NO_DIGITS:
        return 0
    if currency in _THREE_DIGITS:
        return 3
    if currency in _WHOLE_IN_HUNDREDTHS or digits == _ISO_TWO_DIGITS:
        return 2
    raise AmountNotPayableError(f"Stripe takes no payments in {currency}.", currency=currency)


def to_stripe_minor(amount: Money) -> int:
    """The amount in Stripe's minor units, exactly.

    Raises AmountNotPayableError where it has none: MGA with a fraction, and amounts in currencies
    of three digits whose last is not 0.
    """
    theirs, ours = stripe_exponent(amount.currency), exponent(amount.currency)
    if theirs >= ours:
        minor, rest = amount.minor * _power(theirs - ours), 0
    else:
        minor, rest = divmod(amount.minor, _power(ours - theirs))
    if rest or (amount.currency in _THREE_DIGITS and minor % 10):
        raise AmountNotPayableError(
            f"Stripe cannot state {amount.minor} minor units of {amount.currency}.",
            currency=amount.currency,
        )
    return minor


def from_stripe_minor(minor: int, currency: str) -> Money:
    """The amount that Stripe states; its currency codes are of small letters.

    Raises AmountNotPayableError where ISO's minor units cannot state it: hundredths of ISK or UGX.
    """
    code = currency.upper()
    theirs, ours = stripe_exponent(code), exponent(code)
    if ours >= theirs:
        return Money(minor * _power(ours - theirs), code)
    whole, rest = divmod(minor, _power(theirs - ours))
    if rest:
        raise AmountNotPayableError(f"{minor} of Stripe's {code} is not whole.", currency=code)
    return Money(whole, code)


def _power(digits: int) -> int:
    return int(10**digits)
