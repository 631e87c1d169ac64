"""What the provider says of refunds: asked for here, or made at its dashboard."""

from ledger.templates import OperationKey
from ledger.templates.payments import refund_failed_moves, refunded_moves
from neruba.actor import SYSTEM
from neruba.canonical import canonical_json
from neruba.ids import new_id
from neruba.money import Money
from neruba.services.audit import record
from payments.entries import REFUND_FAILED, REFUND_LEFT
from payments.errors import CustomerUnknownError
from payments.models import Payment, Refund
from payments.selectors.applied import refunded_minor
from payments.services.covering import cover
from payments.services.posting import Moment, is_posted, post_once
from payments.snapshots import RefundSnapshot
from payments.state import REFUND, follows

DASHBOARD = "made at the provider"


def note_refund(payment: Payment, snapshot: RefundSnapshot, when: Moment) -> str:
    """One asked for here learns its name at the provider; one made there is covered by credit notes
    as if it had been asked for here.
    """
    refund = _found(payment, snapshot)
    if refund is not None:
        if refund.provider_id:
            return ""
        refund.provider_id = snapshot.id
        refund.save(update_fields=["provider_id"])
        return f"refund {refund} is {snapshot.id}"
    amount = Money(snapshot.amount_minor, payment.currency)
    _make_room(payment, amount.minor, when)
    words = f"{DASHBOARD}: {snapshot.reason}" if snapshot.reason else DASHBOARD
    refund = Refund.objects.create(
        project=payment.project,
        public_id=new_id("ref"),
        operation_key=f"stripe:{snapshot.id}",
        payment=payment,
        amount_minor=amount.minor,
        currency=amount.currency,
        provider_id=snapshot.id,
        reason=words[:500],
        requested_by=SYSTEM.name,
        created_at=when.occurred_at,
    )
    covered = cover(
        payment, amount, refund=refund.public_id, reason=words, actor=SYSTEM, at=when.at,
        is_done=True,
    )  # fmt: skip
    refund.credit_note = covered.credit_note
    refund.cover = canonical_json(list(covered.parts))
    refund.save(update_fields=["credit_note", "cover"])
    record(
        project=payment.project,
        actor=SYSTEM,
        action="refund.made",
        on=("refund", refund.public_id),
        at=when.at,
        reason=words,
        details={"amount": str(amount), "payment": payment.public_id},
    )
    return f"refund {refund} of {amount}, made at the provider"


def _make_room(payment: Payment, minor: int, when: Moment) -> None:
    """Refunds that wait to be sent, and for which the one at the provider leaves nothing, will be
    refused there: they have failed.
    """
    waiting = Refund.objects.filter(
        payment=payment, state=Refund.State.PENDING, provider_id=""
    ).select_related("project", "payment__customer")
    for refund in waiting.order_by("-pk"):
        if refunded_minor(payment) + minor <= payment.amount_minor:
            return
        drop_refund(refund, cause="As much was refunded at the provider.", when=when)


def _found(payment: Payment, snapshot: RefundSnapshot) -> Refund | None:
    mine = Refund.objects.filter(project=payment.project, payment=payment)
    named = mine.filter(public_id=snapshot.metadata.get("neruba_refund", "")).first()
    return named or mine.filter(provider_id=snapshot.id).first()


def _refund(payment: Payment, snapshot: RefundSnapshot) -> Refund:
    refund = _found(payment, snapshot)
    assert refund is not None, "a refund is made before anything happens to it"
    return refund


def refund_left(payment: Payment, snapshot: RefundSnapshot, when: Moment) -> str:
    """Its money left the balance at the provider: 2300 → 1000."""
    refund = _refund(payment, snapshot)
    moves = refunded_moves(
        refund.amount_minor, source="psp", currency=refund.currency, refund=refund.public_id
    )
    if not post_once(refund.project, OperationKey(REFUND_LEFT, refund.operation_key), moves, when):
        return ""
    return f"refund {refund} went out"


def succeed_refund(payment: Payment, snapshot: RefundSnapshot, when: Moment) -> str:
    refund = _refund(payment, snapshot)
    if not follows(REFUND, refund.state, Refund.State.SUCCEEDED):
        return ""
    refund.state, refund.closed_at = Refund.State.SUCCEEDED, when.occurred_at
    refund.save(update_fields=["state", "closed_at"])
    return f"refund {refund} succeeded"


def fail_refund(payment: Payment, snapshot: RefundSnapshot, when: Moment) -> str:
    """What could not be paid out is the customer's balance: 2300 → 2020; where it had left before,
    it is back first: 1000 → 2300.
    """
    refund = _refund(payment, snapshot)
    if not follows(REFUND, refund.state, Refund.State.FAILED):
        return ""
    drop_refund(refund, cause=snapshot.cause, when=when)
    return f"refund {refund} failed: {refund.cause}"


def drop_refund(refund: Refund, *, cause: str, when: Moment) -> None:
    """A refund that is not paid out becomes customer balance; the customer is locked.

    Raises CustomerUnknownError.
    """
    payment = refund.payment
    if payment.customer is None:
        raise CustomerUnknownError(
            f"The customer of payment {payment} is not known: match it first."
        )
    refund.state, refund.cause = Refund.State.FAILED, cause[:500]
    refund.closed_at = when.occurred_at
    refund.save(update_fields=["state", "cause", "closed_at"])
    moves = refund_failed_moves(
        refund.amount_minor,
        was_confirmed=is_posted(refund.project, OperationKey(REFUND_LEFT, refund.operation_key)),
        currency=refund.currency,
        party=payment.customer.external_id,
        refund=refund.public_id,
    )
    post_once(refund.project, OperationKey(REFUND_FAILED, refund.operation_key), moves, when)
    record(
        project=refund.project,
        actor=SYSTEM,
        action="refund.failed",
        on=("refund", refund.public_id),
        at=when.at,
        details={"amount": str(Money(refund.amount_minor, refund.currency)), "cause": cause[:500]},
    )
