"""Checkout sessions as they are kept: stored once, closed by what the provider says."""

from datetime import datetime

from django.db import IntegrityError, transaction

from billing.models import Invoice
from neruba.actor import Actor
from neruba.models import Customer, Project
from neruba.money import Money
from neruba.services.audit import record
from payments.locks import lock_session
from payments.models import CheckoutSession, CreditPack, Payment
from payments.snapshots import CheckoutSnapshot
from payments.state import CHECKOUT, follows


def store_session(
    *,
    project: Project,
    public_id: str,
    customer: Customer,
    invoice: Invoice | None,
    pack: CreditPack | None,
    amount: Money,
    provider_id: str,
    url: str,
    expires_at: datetime,
    actor: Actor,
    at: datetime,
) -> CheckoutSession:
    """Keep a session that the provider opened, in the caller's transaction; one that is kept
    already, or another open one of the same invoice, is returned as it stands.
    """
    purpose = purpose_of(invoice) if invoice is not None else public_id
    try:
        with transaction.atomic():
            session = CheckoutSession.objects.create(
                project=project,
                public_id=public_id,
                purpose=purpose,
                customer=customer,
                invoice=invoice,
                pack=pack,
                provider_id=provider_id,
                url=url,
                amount_minor=amount.minor,
                currency=amount.currency,
                created_at=at,
                expires_at=expires_at,
            )
    except IntegrityError:
        rows = CheckoutSession.objects.filter(project=project)
        known = rows.filter(provider_id=provider_id).first()
        known = known or rows.filter(purpose=purpose).first()
        if known is None:
            raise
        return known
    record(
        project=project,
        actor=actor,
        action="checkout.opened",
        on=("checkout_session", public_id),
        at=at,
        details={"amount": str(amount), "customer": customer.external_id},
    )
    return session


def purpose_of(invoice: Invoice) -> str:
    """What no two open sessions of a project are for."""
    return f"invoice:{invoice.public_id}"


def work_on_checkout(project: Project, found: CheckoutSnapshot, *, at: datetime) -> list[str]:
    """Close a session as the provider did, in the caller's transaction; what is new, in words."""
    session = lock_session(project, found.id)
    if session is None or not follows(CHECKOUT, session.state, found.status):
        return []
    session.state, session.closed_at = found.status, at
    session.purpose = session.public_id
    paid = Payment.objects.filter(project=project, provider_id=found.payment)
    session.payment = paid.first() if found.payment else None
    session.save(update_fields=["state", "closed_at", "purpose", "payment"])
    return [f"checkout session {session} {session.state}"]
