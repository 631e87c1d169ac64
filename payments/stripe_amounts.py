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
