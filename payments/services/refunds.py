"""Refunds that are asked for here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger.templates import OperationKey
from ledger.templates.payments import refunded_moves
from neruba.actor import Actor
from neruba.canonical import canonical_json
from neruba.errors import ConflictError, InvalidError
from neruba.ids import new_id
from neruba.locks import lock_customer
from neruba.money import Money
from neruba.services.audit import record
from neruba.services.outbox import announce
from payments.entries import REFUND_LEFT
from payments.locks import lock_payment
from payments.models import Payment, Refund
from payments.selectors.applied import refundable_minor
from payments.services.covering import cover
from payments.services.posting import Moment, post_once

REQUESTED = "refund.requested"


def request_refund(
    *, payment: Payment, amount: Money, reason: str, actor: Actor, at: datetime
) -> Refund:
    """Give back a part of a payment, in the caller's transaction: a credit note in proportion, and
    the refund, which is sent to the provider once that is committed.

    Of a payment from outside Stripe it says that a person paid it out: 2300 → 1010. Raises
    InvalidError with a pointer for an amount of zero or less or in another currency, ConflictError
    above what is left of the payment.
    """
    if amount.currency != payment.currency or amount.minor <= 0:
        raise InvalidError(
            f"Expected an amount above zero in {payment.currency}.", pointer="/amount"
        )
    if payment.customer is not None:
        lock_customer(payment.customer)
    payment = lock_payment(payment.pk)
    left = refundable_minor(payment)
    if amount.minor > left:
        raise ConflictError(
            f"{Money(left, payment.currency)} of this payment can be refunded, {amount} cannot.",
        )
    refund = Refund(
        project=payment.project,
        public_id=(public_id := new_id("ref")),
        operation_key=public_id,
        payment=payment,
        amount_minor=amount.minor,
        currency=amount.currency,
        reason=reason,
        requested_by=actor.name,
        created_at=at,
    )
    covered = cover(payment, amount, refund=public_id, reason=reason, actor=actor, at=at)
    refund.credit_note = covered.credit_note
    refund.cover = canonical_json(list(covered.parts))
    refund.save(force_insert=True)
    if payment.is_outside:
        _paid_by_hand(refund, at)
    else:
        news: Mapping[str, Any] = {"refund": public_id}
        announce(project=payment.project, topic=REQUESTED, news=[(public_id, news)])
    record(
        project=payment.project,
        actor=actor,
        action="refund.requested",
        on=("refund", public_id),
        at=at,
        reason=reason,
        details={"amount": str(amount), "payment": payment.public_id},
    )
    return refund


def _paid_by_hand(refund: Refund, at: datetime) -> None:
    moves = refunded_moves(
        refund.amount_minor, source="bank", currency=refund.currency, refund=refund.public_id
    )
    key = OperationKey(REFUND_LEFT, refund.operation_key)
    post_once(refund.project, key, moves, Moment(at, at))
    refund.state, refund.closed_at = Refund.State.SUCCEEDED, at
    refund.save(update_fields=["state", "closed_at"])
