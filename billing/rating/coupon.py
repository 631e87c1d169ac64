"""A redeemed coupon, as invoices read it. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class RedeemedCoupon:
    """What a coupon gives, and when and as which of the customer's redemptions it was redeemed.

    Exactly one of `percent_off` (above 0, at most 100) and `amount_off_minor` (above 0, in minor
    units of `currency`) is set. `periods` is set where `duration` is `repeating`. `prices` are the
    codes of the prices that it is limited to, empty for all. `number` counts the customer's
    redemptions from 1.
    """

    code: str
    name: str
    percent_off: Decimal | None
    amount_off_minor: int | None
    currency: str
    duration: str
    periods: int | None
    number: int
    redeemed_at: datetime
    prices: frozenset[str] = field(default=frozenset())
