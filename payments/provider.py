"""Looking at what a provider holds: its objects as snapshots. Called outside of transactions."""

from collections.abc import Mapping
from typing import Any, Literal

from payments.gateway import (
    CheckoutData,
    DisputeData,
    PaymentData,
    PaymentGateway,
    PayoutData,
    RefundData,
)
from payments.snapshots import (
    CheckoutSnapshot,
    DisputeSnapshot,
    DisputeStatus,
    PaymentSnapshot,
    PaymentStatus,
    PayoutSnapshot,
    RefundSnapshot,
    RefundStatus,
)

# What is worked on, by the beginning of its id, and the member of an object that names it.
PAYMENT, CHECKOUT, PAYOUT = "pi_", "cs_", "po_"
SUBJECTS = (PAYMENT, CHECKOUT, PAYOUT)
_REFUNDS: Mapping[str, RefundStatus] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
_DISPUTES: Mapping[str, DisputeStatus] = {"won": "won", "lost": "lost"}
_CHECKOUTS: Mapping[str, Literal["open", "completed", "expired"]] = {
    "complete": "completed",
    "expired": "expired",
}


def subject_of(kind: str, object_id: str, content: Mapping[str, Any]) -> str:
    """What an event is worked on as: the payment of a charge, a refund, a dispute; a session or a
    payout itself; empty where nothing follows from it.
    """
    if kind == "payment_intent" or kind in ("checkout.session", "payout"):
        return object_id if object_id.startswith(SUBJECTS) else ""
    if kind in ("charge", "refund", "dispute"):
        named = content.get("payment_intent")
        found = named.get("id") if isinstance(named, dict) else named
        return found if isinstance(found, str) and found.startswith(PAYMENT) else ""
    return ""


def look_at_payment(gateway: PaymentGateway, payment_id: str) -> PaymentSnapshot:
    """A payment with its refunds and disputes, as they stand now.

    Read in this order, since a refund may come before a dispute, and both before a failure: whoever
    sees the later one sees the earlier one too.
    """
    payment = gateway.retrieve_payment(payment_id)
    disputes = tuple(_dispute(one) for one in gateway.list_disputes(payment_id) if one.movements)
    refunds = tuple(_refund(one) for one in gateway.list_refunds(payment_id))
    return payment_snapshot(payment, refunds, disputes)


def payment_snapshot(
    found: PaymentData,
    refunds: tuple[RefundSnapshot, ...],
    disputes: tuple[DisputeSnapshot, ...],
) -> PaymentSnapshot:
    """The provider's payment in our words."""
    charge = found.charge
    moved = charge.movement if charge is not None else None
    has_succeeded = found.status == "succeeded"
    is_back = charge is not None and charge.status == "failed" and moved is not None
    status: PaymentStatus = "pending"
    if has_succeeded:
        status = "succeeded"
    elif found.failure_code or found.failure_message or found.status == "canceled":
        status = "failed"
    amount = found.amount
    if charge is not None and charge.captured:
        amount = charge.captured
    since = moved.created_at if moved is not None else found.created_at
    return PaymentSnapshot(
        id=found.id,
        status=status,
        amount_minor=amount.minor,
        currency=amount.currency,
        created_at=found.created_at,
        charge=charge.id if charge is not None else "",
        succeeded_at=since if has_succeeded or is_back else None,
        fee_minor=moved.fee.minor if moved is not None else None,
        fee_currency=moved.fee.currency if moved is not None else "",
        is_reversed=is_back,
        cause=found.failure_message or found.failure_code or found.status,
        metadata=found.metadata,
        refunds=refunds,
        disputes=disputes,
    )


def _refund(found: RefundData) -> RefundSnapshot:
    return RefundSnapshot(
        id=found.id,
        amount_minor=found.amount.minor,
        status=_REFUNDS.get(found.status, "pending"),
        created_at=found.created_at,
        left_at=found.created_at if found.movement_id else None,
        cause=found.failure_reason or found.status,
        metadata=found.metadata,
    )


def _dispute(found: DisputeData) -> DisputeSnapshot:
    taken = [one for one in found.movements if one.amount.minor < 0]
    back = [one for one in found.movements if one.amount.minor > 0]
    status = _DISPUTES.get(found.status, "open")
    return DisputeSnapshot(
        id=found.id,
        amount_minor=found.amount.minor,
        fee_minor=sum(one.fee.minor for one in taken),
        # The news that it is won may come before the money does: it is won when that is back.
        status="open" if status == "won" and not back else status,
        opened_at=min(one.created_at for one in found.movements),
        closed_at=max((one.created_at for one in back), default=None),
        fee_returned_minor=max(0, -sum(one.fee.minor for one in back)),
        reason=found.reason,
    )


def look_at_checkout(gateway: PaymentGateway, session_id: str) -> CheckoutSnapshot:
    """A checkout session as it stands now."""
    return checkout_snapshot(gateway.retrieve_checkout_session(session_id))


def checkout_snapshot(found: CheckoutData) -> CheckoutSnapshot:
    """The provider's session in our words."""
    return CheckoutSnapshot(
        id=found.id,
        status=_CHECKOUTS.get(found.status, "open"),
        payment=found.payment_id or "",
        metadata=found.metadata,
    )


def look_at_payout(gateway: PaymentGateway, payout_id: str) -> PayoutSnapshot:
    """A payout as it stands now. One that failed had left the balance if it moved anything."""
    found: PayoutData = gateway.retrieve_payout(payout_id)
    has_failed = found.status in ("failed", "canceled")
    has_left = found.status == "paid" or (has_failed and found.movement_id is not None)
    return PayoutSnapshot(
        id=found.id,
        amount_minor=found.amount.minor,
        currency=found.amount.currency,
        paid_at=found.arrives_at if has_left else None,
        has_failed=has_failed,
    )
