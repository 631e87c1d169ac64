"""What payments through Stripe leave behind, made from looks at objects that no provider holds."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from neruba.actor import SYSTEM
from neruba.models import Customer, Project
from neruba.money import Money
from payments.gateway import ProviderEventData
from payments.models import (
    CreditPack,
    PayoutTransaction,
    ProviderEventWork,
    ProviderTransaction,
)
from payments.services.inbox import receive_event
from payments.services.intents import work_on_payment
from payments.services.packs import offer_pack
from payments.services.sessions import store_session
from payments.snapshots import DisputeSnapshot, PaymentSnapshot, RefundSnapshot
from tests import factories

_numbers = count(1)
START = factories.START


def pack(
    *,
    project: Project,
    amount: str = "100.00",
    bonus: str = "20.00",
    at: datetime = START,
) -> CreditPack:
    """A credit pack in USD whose credits do not expire."""
    return offer_pack(
        project=project,
        code=f"pack-{next(_numbers)}",
        price=Money.parse(amount, "USD"),
        credits=Money.parse(amount, "USD"),
        bonus=Money.parse(bonus, "USD"),
        expires_after=None,
        actor=SYSTEM,
        at=at,
    ).pack


def stripe_world(*, customer: Customer, at: datetime = START) -> None:
    """What payments through Stripe leave: a payment by checkout that was refunded and disputed, a
    pack that was sold, a webhook that is dead; all posted from looks at the provider's objects.
    """
    project = customer.project
    number = next(_numbers)
    offered = pack(project=project, amount="50.00", bonus="5.00", at=at)
    bill = factories.invoice(customer=customer, amount="100.00", at=at)
    store_session(
        project=project,
        public_id=f"chk_{number}",
        customer=customer,
        invoice=bill,
        pack=None,
        amount=Money.parse("100.00", "USD"),
        provider_id=f"cs_{number}",
        url="https://pay.example/",
        expires_at=datetime(2100, 1, 1, tzinfo=UTC),
        actor=SYSTEM,
        at=at,
    )
    whose = {"neruba_customer": customer.external_id}
    for name, minor, metadata in (
        (f"pi_{number}_invoice", 10000, {**whose, "neruba_invoice": bill.public_id}),
        (f"pi_{number}_pack", 5000, {**whose, "neruba_credit_pack": offered.code}),
    ):
        refund = RefundSnapshot(f"re_{name}", 1000, "succeeded", at, left_at=at)
        dispute = DisputeSnapshot(f"dp_{name}", 500, 1500, "lost", at)
        snapshot = PaymentSnapshot(
            id=name,
            status="succeeded",
            amount_minor=minor,
            currency="USD",
            created_at=at,
            succeeded_at=at,
            fee_minor=320,
            metadata=metadata,
            refunds=(refund,),
            disputes=(dispute,),
        )
        work_on_payment(project, snapshot, at=at)
    found = ProviderEventData(
        id=f"evt_{number}",
        type="payment_intent.succeeded",
        created_at=at,
        api_version="2026-10-28.endive",
        object_kind="payment_intent",
        object_id=f"pi_{number}_lost",
        object={},
    )
    event = receive_event(project=project, found=found, body=b'{"id": "evt"}', wall=at).event
    ProviderEventWork.objects.filter(event=event).update(state="dead", attempts=7, cause="No.")
    booked = provider_transaction(project=project, source=f"ch_{number}", at=at)
    PayoutTransaction.objects.create(project=project, payout=f"po_{number}", transaction=booked)


def charge_event(*, project: Project, charge: str, at: datetime = START) -> None:
    """News of a charge, received and not worked on."""
    found = ProviderEventData(
        id=f"evt_{next(_numbers)}",
        type="charge.succeeded",
        created_at=at,
        api_version="2026-10-28.endive",
        object_kind="charge",
        object_id=charge,
        object={"payment_intent": "pi_of_nobody"},
    )
    receive_event(project=project, found=found, body=b"{}", wall=at)


def provider_transaction(
    *,
    project: Project,
    source: str,
    amount: int = 10000,
    fee: int = 320,
    at: datetime = START,
    **more: Any,
) -> ProviderTransaction:
    """A charge as the provider booked it, in minor units of USD."""
    return ProviderTransaction.objects.create(
        project=project,
        provider="stripe",
        transaction_id=f"txn_{next(_numbers)}",
        source=source,
        amount_minor=amount,
        fee_minor=fee,
        net_minor=amount - fee,
        **{"type": "charge", "category": "charge", "currency": "USD", **more},
        created_at=at,
        available_at=at,
        fetched_at=at,
    )
