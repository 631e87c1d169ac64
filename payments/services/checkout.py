"""Opening and closing checkout pages at the provider. Called outside of transactions: each step
before and after a call is a transaction of its own, and every call can be made again.

The provider's idempotency key is made of what is to be paid, so that whoever repeats a request
after a crash, or asks for the same invoice at the same time, gets the page that was made first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from billing.models import Invoice
from ledger.selectors.settlements import Settlement, settlement_of, settlements
from neruba.actor import Actor
from neruba.canonical import sha256_hex
from neruba.edge import run_atomic
from neruba.errors import ConflictError, CustomerErasedError
from neruba.models import Customer, Project
from neruba.money import Money
from payments.errors import ProviderRefusedError
from payments.gateway import CheckoutRequest, PaymentGateway
from payments.models import CheckoutSession, CreditPack
from payments.provider import checkout_snapshot, look_at_payment
from payments.services.intents import work_on_payment
from payments.services.sessions import purpose_of, store_session, work_on_checkout

PAYABLE = (Invoice.Status.OPEN, Invoice.Status.UNCOLLECTIBLE)
ID_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Basket:
    """What a page is to be opened for, and where the payer goes afterwards.

    `operation` names it among all of the project: the same operation is the same page.
    """

    customer: Customer
    amount: Money
    description: str
    operation: str
    success_url: str
    cancel_url: str
    invoice: Invoice | None = None
    pack: CreditPack | None = None

    @property
    def public_id(self) -> str:
        """The session's id: the same for the same operation, amount and addresses."""
        content = [
            *(self.customer.project.slug, self.operation, str(self.amount)),
            *(self.success_url, self.cancel_url),
        ]
        return f"chk_{sha256_hex(content)[:ID_LENGTH]}"

    def metadata(self) -> Mapping[str, str]:
        """What the payment says of itself: enough to book it without any row of ours."""
        found = {
            "neruba_project": self.customer.project.slug,
            "neruba_customer": self.customer.external_id,
            "neruba_checkout": self.public_id,
        }
        if self.invoice is not None:
            found["neruba_invoice"] = self.invoice.public_id
        if self.pack is not None:
            found["neruba_credit_pack"] = self.pack.code
        return found


def open_session_of(invoice: Invoice) -> CheckoutSession | None:
    """The open session of an invoice, or None."""
    rows = CheckoutSession.objects.filter(project=invoice.project, purpose=purpose_of(invoice))
    return rows.select_related("customer", "invoice", "pack").first()


def basket_of_invoice(invoice: Invoice, *, success_url: str, cancel_url: str) -> Basket:
    """What is due of an open invoice, or stands written off of an uncollectible one.

    Raises ConflictError for any other.
    """
    due = due_of(invoice)
    if invoice.status not in PAYABLE or due <= 0:
        raise ConflictError(f"Invoice {invoice} is {invoice.status}: nothing of it is due.")
    closed = CheckoutSession.objects.filter(invoice=invoice).count()
    return Basket(
        customer=invoice.customer,
        amount=Money(due, invoice.currency),
        description=f"Invoice {invoice}",
        operation=f"checkout:{invoice.operation_key}:{closed + 1}",
        success_url=success_url,
        cancel_url=cancel_url,
        invoice=invoice,
    )


def due_of(invoice: Invoice) -> int:
    """What a payer would pay of the invoice now, in minor units."""
    settled = settlement_of(invoice.project, invoice.document)
    return settled.due_minor + settled.written_off_minor


def basket_of_pack(
    pack: CreditPack, customer: Customer, *, key: str, success_url: str, cancel_url: str
) -> Basket:
    """A credit pack for a customer; `key` tells one purchase from the next."""
    if customer.erased_at is not None:
        raise CustomerErasedError("The customer was erased: nobody is there to buy anything.")
    return Basket(
        customer=customer,
        amount=Money(pack.price_minor, pack.currency),
        description=f"Credit pack {pack}",
        operation=f"checkout:{pack.code}:{customer.external_id}:{key}",
        success_url=success_url,
        cancel_url=cancel_url,
        pack=pack,
    )


def open_checkout(
    basket: Basket, *, gateway: PaymentGateway, actor: Actor, at: datetime
) -> CheckoutSession:
    """Open a page and keep it. Where another request opened one of the same invoice meanwhile,
    that one is returned, and ours is closed: an invoice has one page.

    Raises ProviderUnavailableError, after which the same request does it or finds it done.
    """
    made = gateway.create_checkout_session(
        CheckoutRequest(
            amount=basket.amount,
            description=basket.description,
            success_url=basket.success_url,
            cancel_url=basket.cancel_url,
            reference=basket.public_id,
            metadata=basket.metadata(),
            customer_email=basket.customer.email,
        ),
        idempotency_key=f"neruba:{basket.public_id}",
    )
    session = run_atomic(
        partial(
            store_session,
            project=basket.customer.project,
            public_id=basket.public_id,
            customer=basket.customer,
            invoice=basket.invoice,
            pack=basket.pack,
            amount=basket.amount,
            provider_id=made.id,
            url=made.url or "",
            expires_at=made.expires_at,
            actor=actor,
            at=at,
        )
    )
    if session.provider_id != made.id:
        close_at_provider(gateway, basket.customer.project, made.id, at=at)
    return session


def close_at_provider(
    gateway: PaymentGateway, project: Project, provider_id: str, *, at: datetime
) -> None:
    """Close a page so that it cannot be paid any more; one that was paid meanwhile is booked."""
    try:
        found = gateway.expire_checkout_session(provider_id)
    except ProviderRefusedError:
        found = gateway.retrieve_checkout_session(provider_id)
    snapshot = checkout_snapshot(found)
    paid = look_at_payment(gateway, snapshot.payment) if snapshot.payment else None

    def work() -> None:
        if paid is not None:
            work_on_payment(project, paid, at=at)
        work_on_checkout(project, snapshot, at=at)

    run_atomic(work)


def needless_sessions(project: Project, *, wall: datetime) -> list[CheckoutSession]:
    """Open sessions of invoices that were paid, credited or made void otherwise, in whole or part,
    so that what they ask for is not due any more; and those that must have expired by the wall time
    `wall`, of which nobody has told.
    """
    rows = CheckoutSession.objects.filter(project=project, state=CheckoutSession.State.OPEN)
    found = list(rows.select_related("invoice").order_by("pk"))
    documents = {row.pk: row.invoice.document for row in found if row.invoice is not None}
    settled = settlements(project, documents.values())

    def is_needed(row: CheckoutSession) -> bool:
        is_over = row.expires_at is not None and row.expires_at <= wall
        if is_over or row.invoice is None:
            return not is_over
        one = settled.get(documents[row.pk], Settlement())
        due = one.due_minor + one.written_off_minor
        return row.invoice.status in PAYABLE and due == row.amount_minor

    return [row for row in found if not is_needed(row)]
