"""Disputes: the money that the provider takes, and what becomes of it."""

from datetime import datetime

from ledger.services.sold import (
    end_emptied,
    freeze_grants,
    revoke_bonus,
    thaw_grants,
    unspent_of,
)
from ledger.templates import AccountKey, OperationKey
from ledger.templates.payments import (
    dispute_lost_moves,
    dispute_opened_moves,
    dispute_won_moves,
)
from neruba.actor import SYSTEM
from neruba.ids import new_id
from neruba.models import Customer
from neruba.money import Money
from neruba.services.audit import record
from payments.entries import DISPUTE_LOST, DISPUTE_OPENED, DISPUTE_WON
from payments.errors import CustomerUnknownError
from payments.models import Dispute, PackSale, Payment
from payments.services.posting import Moment, post_once
from payments.snapshots import DisputeSnapshot
from payments.state import DISPUTE, follows


def _key(snapshot: DisputeSnapshot) -> str:
    return f"stripe:{snapshot.id}"


def _customer(payment: Payment) -> Customer:
    """Whose payment it is: disputed funds are a customer's. Raises CustomerUnknownError."""
    if payment.customer is None:
        raise CustomerUnknownError(
            f"The customer of payment {payment} is not known: match it first."
        )
    return payment.customer


def open_dispute(payment: Payment, snapshot: DisputeSnapshot, when: Moment) -> str:
    """The provider took the money and its fee; what the payment bought cannot be drawn on."""
    if Dispute.objects.filter(project=payment.project, operation_key=_key(snapshot)).exists():
        return ""
    customer = _customer(payment)
    dispute = Dispute.objects.create(
        project=payment.project,
        public_id=new_id("dsp"),
        operation_key=_key(snapshot),
        payment=payment,
        amount_minor=snapshot.amount_minor,
        fee_minor=snapshot.fee_minor,
        currency=payment.currency,
        reason=snapshot.reason[:100],
        provider_id=snapshot.id,
        opened_at=when.occurred_at,
    )
    moves = dispute_opened_moves(
        dispute.amount_minor,
        fee_minor=dispute.fee_minor,
        currency=dispute.currency,
        party=customer.external_id,
        dispute=dispute.public_id,
    )
    post_once(payment.project, OperationKey(DISPUTE_OPENED, dispute.operation_key), moves, when)
    for sale in _sales(payment):
        freeze_grants(project=payment.project, origin=sale.document, dispute=dispute.public_id)
    _note(dispute, "dispute.opened", when.at)
    return f"dispute {dispute} of {_amount(dispute)} opened"


def close_dispute(payment: Payment, snapshot: DisputeSnapshot, when: Moment) -> str:
    """Won: the mirror, as much of the fee as came back, and grants are thawed. Lost: the unspent
    rest of prepaid grants bears it first, all else is a loss; the bonus goes back.
    """
    dispute = Dispute.objects.get(project=payment.project, operation_key=_key(snapshot))
    if not follows(DISPUTE, dispute.state, snapshot.status):
        return ""
    customer = _customer(payment)
    dispute.state, dispute.closed_at = snapshot.status, when.occurred_at
    dispute.save(update_fields=["state", "closed_at"])
    if snapshot.status == "won":
        _win(dispute, snapshot.fee_returned_minor, customer.external_id, when)
    else:
        _lose(dispute, _sales(payment), customer.external_id, when)
    thaw_grants(project=dispute.project, dispute=dispute.public_id)
    _note(dispute, f"dispute.{dispute.state}", when.at)
    return f"dispute {dispute} of {_amount(dispute)} {dispute.state}"


def _win(dispute: Dispute, fee_minor: int, party: str, when: Moment) -> None:
    moves = dispute_won_moves(
        dispute.amount_minor,
        fee_minor=fee_minor,
        currency=dispute.currency,
        party=party,
        dispute=dispute.public_id,
    )
    post_once(dispute.project, OperationKey(DISPUTE_WON, dispute.operation_key), moves, when)


def _lose(dispute: Dispute, sales: list[PackSale], party: str, when: Moment) -> None:
    project = dispute.project
    unspent: list[tuple[AccountKey, int]] = []
    for sale in sales:
        unspent += unspent_of(project, sale.document)
    moves = dispute_lost_moves(
        dispute.amount_minor,
        unspent=unspent,
        currency=dispute.currency,
        party=party,
        dispute=dispute.public_id,
    )
    post_once(project, OperationKey(DISPUTE_LOST, dispute.operation_key), moves, when)
    for sale in sales:
        revoke_bonus(
            project=project,
            origin=sale.document,
            occurred_at=when.occurred_at,
            at=when.at,
            most_minor=None,
        )
        end_emptied(project=project, origin=sale.document)


def _sales(payment: Payment) -> list[PackSale]:
    return list(PackSale.objects.filter(payment=payment).order_by("pk"))


def _amount(dispute: Dispute) -> Money:
    return Money(dispute.amount_minor, dispute.currency)


def _note(dispute: Dispute, action: str, at: datetime) -> None:
    record(
        project=dispute.project,
        actor=SYSTEM,
        action=action,
        on=("dispute", dispute.public_id),
        at=at,
        details={"amount": str(_amount(dispute)), "payment": dispute.payment.public_id},
    )
