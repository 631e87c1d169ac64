"""The settlement machine with money that moves through Stripe: payments, packs, refunds, disputes.

The provider's objects are kept here as they stand after each step; the books must say what they
say.
"""

from dataclasses import replace
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from ledger.models import Transfer
from neruba.actor import SYSTEM
from payments.models import Payment
from payments.services.intents import work_on_payment
from payments.services.refunds import request_refund
from payments.snapshots import DisputeSnapshot, DisputeStatus, PaymentSnapshot, RefundSnapshot
from tests.payments import rows
from tests.properties.settlement_machine import AMOUNTS, SHAPES, USD, Settlement, Shape, pick, usd

FEE = 320
DISPUTE_FEE = 1500
STEPS = ("refund", "refund", "refund fails", "dispute", "won", "lost", "reversed")


class SettlementWithStripe(Settlement):
    """What Stripe tells of is a fact: it is never refused."""

    @initialize(shape=SHAPES)
    def begin(self, shape: Shape) -> None:
        super().begin(shape)
        self.pack = rows.pack(project=self.project, amount="50.00", bonus="5.00", at=self.at)
        self.there: dict[str, PaymentSnapshot] = {}
        self.paid_out = 0

    def look(self, snapshot: PaymentSnapshot) -> None:
        self.there[snapshot.id] = snapshot
        for _ in range(2):  # the second look finds nothing new
            before = Transfer.objects.filter(project=self.project).count()
            with transaction.atomic():
                work_on_payment(self.project, snapshot, at=self.at)
        assert Transfer.objects.filter(project=self.project).count() == before

    @rule(
        minor=AMOUNTS,
        what=st.sampled_from(["invoice", "nothing", "pack"]),
        number=st.integers(0, 9),
    )
    def pay_by_stripe(self, minor: int, what: str, number: int) -> None:
        metadata = {"neruba_customer": self.customer.external_id}
        if what == "invoice" and self.invoices():
            metadata["neruba_invoice"] = pick(self.invoices(), number).public_id
        if what == "pack":
            metadata["neruba_credit_pack"], minor = self.pack.code, self.pack.price_minor
        name = f"pi_{len(self.there)}"
        self.look(
            PaymentSnapshot(
                id=name,
                status="succeeded",
                amount_minor=minor,
                currency=USD,
                created_at=self.at,
                charge=f"ch_{len(self.there)}",
                succeeded_at=self.at,
                fee_minor=FEE,
                fee_currency=USD,
                metadata=metadata,
            )
        )

    @precondition(lambda self: self.there)
    @rule(number=st.integers(0, 9), step=st.sampled_from(STEPS), minor=AMOUNTS)
    def go_on_at_stripe(self, number: int, step: str, minor: int) -> None:
        after = self.after(pick(list(self.there.values()), number), step, minor)
        if after is not None:
            self.look(after)

    def after(self, now: PaymentSnapshot, step: str, minor: int) -> PaymentSnapshot | None:
        """The payment after a step, or None where the provider does not allow it."""
        if now.is_reversed:
            return None
        if step == "reversed" and not now.disputes:
            return replace(now, is_reversed=True, status="failed", cause="returned")
        return self.refunded(now, step, minor) or self.disputed(now, step)

    def refunded(self, now: PaymentSnapshot, step: str, minor: int) -> PaymentSnapshot | None:
        left = now.amount_minor - gone(now)
        is_disputed = any(one.status != "won" for one in now.disputes)
        if step == "refund" and left and not is_disputed:
            made = RefundSnapshot(
                f"re_{now.id}_{len(now.refunds)}", min(minor, left), "succeeded",
                created_at=self.at, left_at=self.at,
            )  # fmt: skip
            return replace(now, refunds=(*now.refunds, made))
        if step == "refund fails" and now.refunds and now.refunds[-1].status == "succeeded":
            failed = replace(now.refunds[-1], status="failed", failed_at=self.at)
            return replace(now, refunds=(*now.refunds[:-1], failed))
        return None

    def disputed(self, now: PaymentSnapshot, step: str) -> PaymentSnapshot | None:
        if step == "dispute" and not now.disputes and not gone(now):
            opened = DisputeSnapshot(
                f"dp_{now.id}", now.amount_minor, DISPUTE_FEE, "open", opened_at=self.at
            )
            return replace(now, disputes=(opened,))
        if step in ("won", "lost") and now.disputes and now.disputes[0].status == "open":
            outcome: DisputeStatus = "won" if step == "won" else "lost"
            closed = replace(now.disputes[0], status=outcome, closed_at=self.at)
            return replace(now, disputes=(closed,))
        return None

    @rule(number=st.integers(0, 9), minor=AMOUNTS)
    def refund_by_hand(self, number: int, minor: int) -> None:
        outside = Payment.objects.filter(project=self.project).exclude(method="stripe")
        payments = list(outside.select_related("project", "customer").order_by("pk"))
        if not payments:
            return
        payment, amount = pick(payments, number), usd(minor)
        done: Any = self.attempt(
            lambda: request_refund(
                payment=payment, amount=amount, reason="x", actor=SYSTEM, at=self.at
            )
        )
        if done is not None:
            self.money_in -= minor
            self.paid_out += minor

    @invariant()
    def the_books_have_what_the_provider_has(self) -> None:
        if not hasattr(self, "there"):
            return
        stands = 0
        for row in self.transfers():
            stands += row.amount_minor * (row.debit_account.code == "1000")
            stands -= row.amount_minor * (row.credit_account.code == "1000")
        assert stands == sum(map(kept, self.there.values()))

    @invariant()
    def refunds_and_lost_disputes_never_exceed_what_was_captured(self) -> None:
        if not hasattr(self, "there"):
            return
        for payment in Payment.objects.filter(project=self.project):
            back = sum(
                refund.amount_minor for refund in payment.refunds.all() if refund.state != "failed"
            )
            lost = sum(one.amount_minor for one in payment.disputes.all() if one.state == "lost")
            assert back + lost <= payment.amount_minor


def gone(now: PaymentSnapshot) -> int:
    return sum(one.amount_minor for one in now.refunds if one.status != "failed")


def kept(now: PaymentSnapshot) -> int:
    """What the provider holds of a payment, in minor units."""
    minor = 0 if now.is_reversed else now.amount_minor - gone(now)
    taken = sum(
        one.fee_minor + (0 if one.status == "won" else one.amount_minor) for one in now.disputes
    )
    return minor - taken - FEE
