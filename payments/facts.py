"""What a payment's present state says has happened, in the order in which it happened. Pure.

Law: of two looks at the same payment, the facts of the earlier are those with which the facts of
the later begin (those of one instant may change places; the fee is told late, and the success of a
refund, which moves nothing, gives way to its failure). So whoever posts the facts that are
not posted yet, at every look, posts the same facts in the same order, whichever events made it
look, and how often.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from neruba.period import LATEST
from payments.snapshots import DisputeSnapshot, PaymentSnapshot, RefundSnapshot


class Kind(IntEnum):
    """Of facts of one instant, the first comes first."""

    RECEIVED = 1
    FEE = 2
    DISPUTE_OPENED = 3
    DISPUTE_WON = 4
    DISPUTE_LOST = 5
    REFUND_MADE = 6
    REFUND_LEFT = 7
    REFUND_SUCCEEDED = 8
    REFUND_FAILED = 9
    REVERSED = 10


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to a payment, or to one of its refunds or disputes; `at` is None
    where the provider does not say when.
    """

    at: datetime | None
    kind: Kind
    refund: RefundSnapshot | None = None
    dispute: DisputeSnapshot | None = None

    @property
    def place(self) -> tuple[datetime, int, str]:
        part = self.refund or self.dispute
        return self.at or LATEST, self.kind, part.id if part is not None else ""


def facts_of(payment: PaymentSnapshot) -> list[Fact]:
    """The facts of a payment, first to last; none before money came in.

    What the provider gives no time for comes last.
    """
    if payment.succeeded_at is None:
        return []
    return sorted(_facts(payment, payment.succeeded_at), key=lambda fact: fact.place)


def _facts(payment: PaymentSnapshot, since: datetime) -> Iterator[Fact]:
    yield Fact(since, Kind.RECEIVED)
    if payment.fee_minor:
        yield Fact(since, Kind.FEE)
    for refund in payment.refunds:
        yield from _of_refund(refund, since)
    for dispute in payment.disputes:
        yield from _of_dispute(dispute, since)
    if payment.is_reversed:
        yield Fact(None, Kind.REVERSED)


def _of_refund(refund: RefundSnapshot, since: datetime) -> Iterator[Fact]:
    made = max(since, refund.created_at)
    yield Fact(made, Kind.REFUND_MADE, refund=refund)
    left = max(made, refund.left_at) if refund.left_at is not None else None
    if left is not None:
        yield Fact(left, Kind.REFUND_LEFT, refund=refund)
    if refund.status == "succeeded":
        yield Fact(left or made, Kind.REFUND_SUCCEEDED, refund=refund)
    if refund.status == "failed":
        failed = max(left or made, refund.failed_at) if refund.failed_at is not None else None
        yield Fact(failed, Kind.REFUND_FAILED, refund=refund)


def _of_dispute(dispute: DisputeSnapshot, since: datetime) -> Iterator[Fact]:
    opened = max(since, dispute.opened_at)
    yield Fact(opened, Kind.DISPUTE_OPENED, dispute=dispute)
    closed = max(opened, dispute.closed_at) if dispute.closed_at is not None else None
    if dispute.status == "won":
        yield Fact(closed, Kind.DISPUTE_WON, dispute=dispute)
    elif dispute.status == "lost":
        yield Fact(closed, Kind.DISPUTE_LOST, dispute=dispute)
