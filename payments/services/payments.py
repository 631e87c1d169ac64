"""Payments: what they pay, and what becomes of the rest."""

from collections.abc import Sequence
from datetime import datetime

from billing.models import Invoice
from billing.selectors.settlement import Receivable
from billing.services.settlement import lock_receivables, restate
from ledger.services.journal import post_entry
from ledger.templates import OperationKey
from ledger.templates.payments import Applied, Source, payment_moves
from neruba.actor import Actor
from neruba.errors import ConflictError, InvalidError
from neruba.ids import new_id
from neruba.locks import lock_customer
from neruba.models import Customer
from neruba.money import Money
from neruba.services.audit import record
from payments.entries import RECEIVED
from payments.models import Payment


def receive_payment(
    *,
    customer: Customer,
    amount: Money,
    method: str,
    reference: str,
    received_at: datetime | None,
    invoices: Sequence[Invoice] | None,
    actor: Actor,
    at: datetime,
    reason: str = "",
) -> Payment:
    """Note money that came in outside of Stripe, in the caller's transaction: it pays the oldest
    open invoice first (of `invoices` if given), the rest becomes customer balance.

    `received_at` (left out: now) is the accounting date. Raises InvalidError with a pointer for an
    amount of zero or less, a date to come and an invoice of another customer or currency,
    ConflictError for one that is not open.
    """
    if amount.minor <= 0:
        raise InvalidError("The amount must be above zero.", pointer="/amount")
    received = received_at or at
    if received > at:
        raise InvalidError("Money that came in, came before now.", pointer="/received_at")
    project = customer.project
    # Before the payment is inserted: its foreign key would take a shared lock on the customer, and
    # two payments at once could not both make it exclusive.
    lock_customer(customer)
    _check_invoices(customer, amount.currency, invoices)
    payment = Payment.objects.create(
        project=project,
        public_id=(public_id := new_id("pay")),
        operation_key=public_id,
        customer=customer,
        method=method,
        state=Payment.State.SUCCEEDED,
        amount_minor=amount.minor,
        currency=amount.currency,
        reference=reference,
        received_at=received,
        created_at=at,
    )
    apply_payment(payment, invoices=invoices, at=at)
    record(
        project=project,
        actor=actor,
        action="payment.received",
        on=("payment", payment.public_id),
        at=at,
        reason=reason,
        details={
            "customer": customer.external_id,
            "amount": str(amount),
            "method": method,
            "reference": reference,
        },
    )
    return payment


def _check_invoices(customer: Customer, currency: str, invoices: Sequence[Invoice] | None) -> None:
    for index, invoice in enumerate(invoices or ()):
        pointer = f"/invoices/{index}"
        if invoice.customer_id != customer.pk or invoice.currency != currency:
            raise InvalidError("This is no invoice of that customer and currency.", pointer=pointer)
        if invoice.status != Invoice.Status.OPEN:
            raise ConflictError(f"Invoice {invoice} is {invoice.status}: nothing of it is due.")


def apply_payment(
    payment: Payment, *, invoices: Sequence[Invoice] | None, at: datetime, occurrence: int = 1
) -> None:
    """Post what a payment that succeeded pays: the oldest open invoice first (of `invoices` if
    given), the rest to the customer balance; of an unknown customer all to unapplied receipts.
    """
    customer = payment.customer
    spread: list[tuple[Invoice, int]] = []
    if customer is not None:
        only = None if invoices is None else [row.pk for row in invoices]
        owed = lock_receivables(customer, payment.currency, only=only)
        spread = spread_over(owed, payment.amount_minor)
    source: Source = "bank" if payment.is_outside else "psp"
    post_entry(
        project=payment.project,
        key=OperationKey(RECEIVED, payment.operation_key, occurrence),
        moves=payment_moves(
            payment.amount_minor,
            [Applied(invoice.document, minor) for invoice, minor in spread],
            source=source,
            currency=payment.currency,
            party=customer.external_id if customer is not None else "",
            payment=payment.public_id,
        ),
        occurred_at=payment.received_at,
        at=at,
    )
    restate(payment.project, [invoice for invoice, _ in spread])


def spread_over(owed: Sequence[Receivable], amount_minor: int) -> list[tuple[Invoice, int]]:
    """What an amount pays of what is owed, in that order, in minor units above zero."""
    left, spread = amount_minor, []
    for one in owed:
        taken = min(left, one.due_minor)
        if taken:
            spread.append((one.invoice, taken))
            left -= taken
    return spread
