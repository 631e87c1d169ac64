"""Payments through the provider: what its present state says has happened, posted once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.models import Invoice
from billing.services.settlement import restate
from billing.services.write_offs import recover
from ledger.selectors.settlements import settlement_of
from ledger.selectors.wallets import balance_of, promised_refunds
from ledger.templates import AccountKey, Move, OperationKey
from ledger.templates.keys import BALANCE
from ledger.templates.payments import failed_moves, fee_moves
from neruba.actor import SYSTEM
from neruba.ids import new_id
from neruba.locks import lock_customer
from neruba.models import Customer, Project
from neruba.money import Money
from neruba.services.audit import record
from payments.entries import FAILED, FEE, RECEIVED
from payments.facts import Fact, Kind, facts_of
from payments.locks import lock_payment
from payments.models import CheckoutSession, CreditPack, PackSale, Payment
from payments.selectors.applied import (
    invoices_of_documents,
    received_moves,
    refunded_minor,
)
from payments.services.disputes import close_dispute, open_dispute
from payments.services.packs import sell_pack, unsell_pack
from payments.services.payments import apply_payment
from payments.services.posting import Moment, is_posted, moment, post_once
from payments.services.refund_facts import fail_refund, note_refund, refund_left, succeed_refund
from payments.snapshots import PaymentSnapshot
from payments.state import PAYMENT, follows

PROVIDER = "stripe"
OF_REFUNDS = {
    Kind.REFUND_MADE: note_refund,
    Kind.REFUND_LEFT: refund_left,
    Kind.REFUND_SUCCEEDED: succeed_refund,
    Kind.REFUND_FAILED: fail_refund,
}
OF_DISPUTES = {
    Kind.DISPUTE_OPENED: open_dispute,
    Kind.DISPUTE_WON: close_dispute,
    Kind.DISPUTE_LOST: close_dispute,
}


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a payment was meant for, by the metadata that our checkout gave it."""

    customer: Customer | None
    invoice: Invoice | None = None
    pack: CreditPack | None = None


def operation_key(provider_id: str) -> str:
    """How the books name what the provider made."""
    return f"{PROVIDER}:{provider_id}"


def work_on_payment(project: Project, snapshot: PaymentSnapshot, *, at: datetime) -> list[str]:
    """Post what happened to a payment and is not posted yet, in the caller's transaction; returns
    what was done, in words, and nothing where all of it was known.

    Law: the end is the same for any order and number of looks at the same history.
    """
    if snapshot.metadata.get("neruba_project", project.slug) != project.slug:
        return []  # of another project that uses the same account at the provider
    purpose = _purpose(project, snapshot)
    payment = _locked_payment(project, snapshot, purpose.customer, at)
    done = _state_before_success(payment, snapshot)
    for fact in facts_of(snapshot):
        words = _post(payment, snapshot, fact, purpose, moment(project, fact.at, at))
        done += [words] if words else []
    return done


def _purpose(project: Project, snapshot: PaymentSnapshot) -> Purpose:
    metadata = snapshot.metadata
    customers = Customer.objects.filter(project=project)
    customer = customers.filter(external_id=metadata.get("neruba_customer", "")).first()
    if customer is None:
        return Purpose(None)
    invoices = Invoice.objects.filter(project=project, customer=customer)
    invoice = invoices.filter(
        public_id=metadata.get("neruba_invoice", ""), currency=snapshot.currency
    ).first()
    packs = CreditPack.objects.filter(project=project, currency=snapshot.currency)
    pack = packs.filter(code=metadata.get("neruba_credit_pack", "")).first()
    return Purpose(customer, invoice, pack)


def _locked_payment(
    project: Project, snapshot: PaymentSnapshot, customer: Customer | None, at: datetime
) -> Payment:
    """The payment's row, made at the first look; the customer first, then the payment."""
    if customer is not None:
        lock_customer(customer)
    payment, _ = Payment.objects.get_or_create(
        project=project,
        operation_key=operation_key(snapshot.id),
        defaults={
            "public_id": new_id("pay"),
            "provider_id": snapshot.id,
            "customer": customer,
            "method": Payment.Method.STRIPE,
            "state": Payment.State.PENDING,
            "amount_minor": snapshot.amount_minor,
            "currency": snapshot.currency,
            "reference": snapshot.id,
            "received_at": moment(project, snapshot.created_at, at).occurred_at,
            "created_at": at,
        },
    )
    if payment.customer is not None and payment.customer != customer:
        lock_customer(payment.customer)
    return lock_payment(payment.pk)


def _state_before_success(payment: Payment, snapshot: PaymentSnapshot) -> list[str]:
    """An attempt that failed moves no money."""
    if snapshot.status != "failed" or not follows(PAYMENT, payment.state, Payment.State.FAILED):
        return []
    payment.state, payment.cause = Payment.State.FAILED, snapshot.cause[:500]
    payment.save(update_fields=["state", "cause"])
    return [f"payment {payment} failed: {payment.cause}"]


def _post(
    payment: Payment, snapshot: PaymentSnapshot, fact: Fact, purpose: Purpose, when: Moment
) -> str:
    """Post one fact; in words what that did, or nothing where it was known."""
    if fact.refund is not None:
        return OF_REFUNDS[fact.kind](payment, fact.refund, when)
    if fact.dispute is not None:
        return OF_DISPUTES[fact.kind](payment, fact.dispute, when)
    if fact.kind == Kind.RECEIVED:
        return _receive(payment, snapshot, purpose, when)
    return (_keep_fee if fact.kind == Kind.FEE else _reverse)(payment, snapshot, when)


def _receive(payment: Payment, snapshot: PaymentSnapshot, purpose: Purpose, when: Moment) -> str:
    if not follows(PAYMENT, payment.state, Payment.State.SUCCEEDED):
        return ""
    payment.state, payment.cause = Payment.State.SUCCEEDED, ""
    payment.amount_minor, payment.charge_id = snapshot.amount_minor, snapshot.charge
    payment.received_at = when.occurred_at
    payment.save(update_fields=["state", "cause", "amount_minor", "charge_id", "received_at"])
    CheckoutSession.objects.filter(
        project=payment.project, public_id=snapshot.metadata.get("neruba_checkout", "")
    ).update(payment=payment)
    pack, invoice = purpose.pack, purpose.invoice
    if pack is not None and payment.amount_minor >= pack.price_minor:
        sell_pack(payment=payment, pack=pack, when=when)
    elif invoice is not None:
        _recover(payment, invoice, when)
        apply_payment(payment, invoices=[invoice], at=when.at)
    else:
        # Nothing that is known was meant: of a known customer it stays on the balance.
        apply_payment(payment, invoices=[], at=when.at)
    amount = Money(payment.amount_minor, payment.currency)
    record(
        project=payment.project,
        actor=SYSTEM,
        action="payment.received",
        on=("payment", payment.public_id),
        at=when.at,
        details={"amount": str(amount), "method": payment.method, "reference": payment.reference},
    )
    return f"payment {payment} of {amount} received"


def _recover(payment: Payment, invoice: Invoice, when: Moment) -> None:
    """What was written off and is paid after all is due again first."""
    off = settlement_of(payment.project, invoice.document).written_off_minor
    minor = min(off, payment.amount_minor)
    if minor > 0:
        recover(
            invoice=invoice,
            amount=Money(minor, payment.currency),
            reason=f"paid after all by {payment}",
            actor=SYSTEM,
            at=when.at,
        )


def _keep_fee(payment: Payment, snapshot: PaymentSnapshot, when: Moment) -> str:
    minor = snapshot.fee_minor or 0
    currency = snapshot.fee_currency or payment.currency
    moves = fee_moves(minor, currency=currency, payment=payment.public_id)
    if not post_once(payment.project, OperationKey(FEE, payment.operation_key), moves, when):
        return ""
    payment.fee_minor = minor
    payment.save(update_fields=["fee_minor"])
    return f"fee of {Money(minor, currency)}"


def _reverse(payment: Payment, snapshot: PaymentSnapshot, when: Moment) -> str:
    """It failed after it had succeeded: its moves with sides exchanged; what it paid is due
    again.
    """
    if not follows(PAYMENT, payment.state, Payment.State.REVERSED):
        return ""
    project, key = payment.project, OperationKey(RECEIVED, payment.operation_key)
    assert is_posted(project, key), "a payment that succeeded is in the books"
    payment.state, payment.cause = Payment.State.REVERSED, snapshot.cause[:500]
    payment.failed_at = when.occurred_at
    payment.save(update_fields=["state", "cause", "failed_at"])
    for sale in PackSale.objects.filter(payment=payment).select_related("project"):
        unsell_pack(sale=sale, when=when)
    moves = received_moves(payment)
    back = _returned(payment, moves)
    rest = sum(move.amount_minor for move in back if move.credit.code == BALANCE)
    party = payment.customer.external_id if payment.customer is not None else ""
    shortage = max(0, rest - balance_of(project, party, payment.currency))
    post_once(
        project,
        OperationKey(FAILED, payment.operation_key),
        failed_moves(back, shortage_minor=shortage, payment=payment.public_id),
        when,
    )
    restate(project, invoices_paid_by(payment))
    return f"payment {payment} failed after it had succeeded: {payment.cause}"


def _returned(payment: Payment, moves: Sequence[Move]) -> list[Move]:
    """As much of the payment's moves as the provider takes back, the last ones first: what was
    refunded before is not taken again.

    What a document has promised to be refunded stays paid of it. Where that refund failed, it lies
    on the customer balance, and is taken from there; so does what had paid an invoice that is void.
    """
    left = payment.amount_minor - refunded_minor(payment)
    moves = _without_void(payment, moves)
    promised = promised_refunds(payment.project, [move.document for move in moves if move.document])
    back: list[Move] = []
    for move in reversed(moves):
        most = max(0, move.amount_minor - promised.get(move.document, 0))
        taken = min(left, most)
        if taken:
            back.insert(0, replace(move, amount_minor=taken))
        left -= taken
    if payment.customer is not None:
        balance = AccountKey(BALANCE, payment.currency, payment.customer.external_id)
        # One move, since what the balance is short of is told of it as a whole.
        of_balance = left + sum(move.amount_minor for move in back if move.credit == balance)
        back = [move for move in back if move.credit != balance]
        if of_balance:
            line = f"payment:{payment.public_id}"
            back.append(Move(moves[0].debit, balance, of_balance, "", line))
    return back


def _without_void(payment: Payment, moves: Sequence[Move]) -> list[Move]:
    """The moves as they stand now: voiding an invoice gave its payments to the balance."""
    found = invoices_of_documents(payment.project, [move.document for move in moves])
    void = {name for name, row in found.items() if row.status == Invoice.Status.VOID}
    return [
        replace(move, credit=move.credit._replace(code=BALANCE), document="")
        if move.document in void
        else move
        for move in moves
    ]


def invoices_paid_by(payment: Payment) -> list[Invoice]:
    """The invoices that the payment was applied to, oldest first."""
    documents = [move.document for move in received_moves(payment)]
    rows = invoices_of_documents(payment.project, documents).values()
    return sorted(rows, key=lambda row: row.sequence or 0)
