"""Money that comes in for what was written off."""

from datetime import datetime

from billing.models import Invoice
from billing.services.settlement import lock_invoice
from billing.services.write_offs import recover
from ledger.selectors.settlements import settlement_of
from neruba.actor import Actor
from neruba.errors import ConflictError
from neruba.money import Money
from payments.models import Payment
from payments.services.payments import receive_payment


def recover_by_payment(
    *,
    invoice: Invoice,
    amount: Money | None,
    method: str,
    reference: str,
    received_at: datetime | None,
    reason: str,
    actor: Actor,
    at: datetime,
) -> Payment:
    """So much of a write-off is due again and paid by money that came in outside of Stripe, in the
    caller's transaction; without `amount` all that stands written off.

    Raises what `recover` and `receive_payment` raise; ConflictError where nothing is written off.
    """
    invoice = lock_invoice(invoice)
    off = settlement_of(invoice.project, invoice.document).written_off_minor
    if off <= 0:
        raise ConflictError("Nothing of this invoice stands written off.")
    if amount is None:
        amount = Money(off, invoice.currency)
    recover(invoice=invoice, amount=amount, reason=reason, actor=actor, at=at)
    return receive_payment(
        customer=invoice.customer,
        amount=amount,
        method=method,
        reference=reference,
        received_at=received_at,
        invoices=[lock_invoice(invoice)],
        actor=actor,
        at=at,
        reason=reason,
    )
