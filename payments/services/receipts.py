"""A receipt that was of nobody known finds its customer."""

from datetime import datetime

from billing.services.settlement import lock_receivables, restate
from ledger.services.journal import post_entry
from ledger.templates import OperationKey
from ledger.templates.payments import Applied, matched_moves
from neruba.actor import Actor
from neruba.errors import ConflictError
from neruba.locks import lock_customer
from neruba.models import Customer
from neruba.money import Money
from neruba.services.audit import record
from payments.entries import MATCHED
from payments.locks import lock_payment
from payments.models import Payment
from payments.selectors.applied import unmatched_minor
from payments.services.payments import spread_over


def check_match(payment: Payment) -> Money:
    """How much of a payment can be matched to a customer.

    Raises ConflictError for one that is a customer's already, did not succeed, or was given back
    whole.
    """
    if payment.customer is not None:
        raise ConflictError(f"This payment is of {payment.customer.external_id} already.")
    if payment.state != Payment.State.SUCCEEDED:
        raise ConflictError(f"This payment is {payment.state}: there is no money to match.")
    left = unmatched_minor(payment)
    if left <= 0:
        raise ConflictError("All of this payment was given back: nothing is left to match.")
    return Money(left, payment.currency)


def match_payment(
    *, payment: Payment, customer: Customer, reason: str, actor: Actor, at: datetime
) -> Payment:
    """Apply a receipt of nobody known to a customer of its project, in the caller's transaction: to
    the oldest open invoice first, the rest to the customer balance. Raises as `check_match`.
    """
    assert customer.project_id == payment.project_id, "a payment stays in its project"
    lock_customer(customer)
    payment = lock_payment(payment.pk)
    left = check_match(payment)
    owed = lock_receivables(customer, payment.currency)
    spread = spread_over(owed, left.minor)
    post_entry(
        project=payment.project,
        key=OperationKey(MATCHED, payment.operation_key),
        moves=matched_moves(
            [Applied(invoice.document, minor) for invoice, minor in spread],
            rest_minor=left.minor - sum(minor for _, minor in spread),
            currency=payment.currency,
            party=customer.external_id,
            payment=payment.public_id,
        ),
        occurred_at=at,
        at=at,
    )
    payment.customer = customer
    payment.save(update_fields=["customer"])
    restate(payment.project, [invoice for invoice, _ in spread])
    record(
        project=payment.project,
        actor=actor,
        action="payment.matched",
        on=("payment", payment.public_id),
        at=at,
        reason=reason,
        details={"customer": customer.external_id, "amount": str(left)},
    )
    return payment
