"""Payouts: money from the provider to the bank."""

from datetime import datetime

from ledger.templates import OperationKey
from ledger.templates.payments import payout_moves
from neruba.models import Project
from neruba.money import Money
from payments.entries import PAYOUT_FAILED, PAYOUT_PAID
from payments.services.posting import moment, post_once
from payments.snapshots import PayoutSnapshot


def work_on_payout(project: Project, payout: PayoutSnapshot, *, at: datetime) -> list[str]:
    """Post that a payout reached the bank, and that it came back; what of it is new, in words."""
    if payout.paid_at is None or not payout.amount_minor:
        return []
    amount = Money(payout.amount_minor, payout.currency)
    name = f"stripe:{payout.id}"
    when = moment(project, payout.paid_at, at)
    moves = payout_moves(amount.minor, currency=amount.currency, payout=payout.id)
    done = []
    if post_once(project, OperationKey(PAYOUT_PAID, name), moves, when):
        done.append(f"payout {payout.id} of {amount}")
    if payout.has_failed:
        back = payout_moves(-amount.minor, currency=amount.currency, payout=payout.id)
        if post_once(project, OperationKey(PAYOUT_FAILED, name), back, moment(project, None, at)):
            done.append(f"payout {payout.id} of {amount} came back")
    return done
