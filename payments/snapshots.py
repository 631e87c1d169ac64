"""Objects of the payment provider as they stand at one moment. Pure.

An event only says that something happened to an object. What is worked on is the object itself, as
the provider shows it now: a payment with all of its refunds and disputes is its whole history, of
which every earlier look was a beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

PaymentStatus = Literal["pending", "failed", "succeeded"]
RefundStatus = Literal["pending", "succeeded", "failed"]
DisputeStatus = Literal["open", "won", "lost"]


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """A refund; `left_at` is when its money left the balance at the provider, None: not yet."""

    id: str
    amount_minor: int
    status: RefundStatus
    created_at: datetime
    left_at: datetime | None = None
    failed_at: datetime | None = None
    cause: str = ""
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DisputeSnapshot:
    """A dispute whose money was taken; an inquiry, which moves none, is no dispute here.

    `fee_returned_minor` is as much of the fee as came back with a dispute that was won.
    """

    id: str
    amount_minor: int
    fee_minor: int
    status: DisputeStatus
    opened_at: datetime
    closed_at: datetime | None = None
    fee_returned_minor: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PaymentSnapshot:
    """A payment at the provider; amounts in minor units of ISO 4217.

    `fee_minor` is None while the provider has not said what it keeps. `is_reversed`: it
    failed after it had succeeded.
    """

    id: str
    status: PaymentStatus
    amount_minor: int
    currency: str
    created_at: datetime
    charge: str = ""
    succeeded_at: datetime | None = None
    fee_minor: int | None = None
    fee_currency: str = ""
    is_reversed: bool = False
    cause: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    refunds: tuple[RefundSnapshot, ...] = ()
    disputes: tuple[DisputeSnapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckoutSnapshot:
    """A checkout page; `payment` is the id of the payment that it led to, or empty."""

    id: str
    status: Literal["open", "completed", "expired"]
    payment: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PayoutSnapshot:
    """Money on its way to the bank; below zero: from it. `paid_at` stays when it fails later."""

    id: str
    amount_minor: int
    currency: str
    paid_at: datetime | None = None
    has_failed: bool = False
