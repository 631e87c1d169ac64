"""A tax rate, as invoices read it. Pure."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class TaxRateFact:
    """`rate_percent` is 0 to 100; an inclusive rate is part of the prices, another one is put on
    them. `country` is a code of ISO 3166, or empty.
    """

    code: str
    name: str
    rate_percent: Decimal
    inclusive: bool
    country: str = ""
