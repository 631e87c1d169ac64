"""Faults that a review found: each test states what should hold."""

import contextlib

import pytest

from billing.models import CreditNote, Invoice
from billing.services.credit_notes import in_proportion, issue_credit_note, void_credit_note
from billing.services.credits import apply_credits
from billing.services.write_offs import recover, void_invoice, write_off
from ledger.selectors.balances import trial_balance
from ledger.selectors.wallets import balance_of, grant_balances
from ledger.services.giving import Asked, revoke_or_ask
from neruba.actor import SYSTEM, Actor
from neruba.errors import ConflictError
from neruba.models import Approval, Customer
from neruba.money import Money
from neruba.services.approvals import approve
from tests import factories
from tests.billing.sandbox import BASE, started

pytestmark = pytest.mark.django_db
START = factories.START


def usd(amount: str) -> Money:
    return Money.parse(amount, "USD")


@pytest.fixture
def customer() -> Customer:
    return factories.customer(project=factories.project(), external_id="acme")


def credit(invoice: Invoice, amount: str, settle: str) -> CreditNote:
    return issue_credit_note(
        invoice=invoice,
        lines=in_proportion(invoice, usd(amount)),
        settle=settle,
        reason="a mistake",
        actor=SYSTEM,
        at=START,
    )


def void(note: CreditNote) -> None:
    void_credit_note(note=note, reason="x", actor=SYSTEM, at=START)


def test_promotional_credit_stays_promotional_after_notes_to_a_wallet_were_voided(
    customer: Customer,
) -> None:
    """60 promotional and 40 in cash paid: whatever was voided between, 40 is all that can become
    balance.
    """
    wallet = factories.wallet(customer=customer)
    factories.grant(wallet=wallet, amount="60.00")
    invoice = factories.invoice(customer=customer, amount="100.00")
    factories.payment(customer=customer, amount="40.00")
    void(credit(invoice, "100.00", "wallet"))
    void(credit(invoice, "100.00", "wallet"))
    # Voiding makes nothing due: the reversals pay again.
    credit(invoice, "80.00", "invoice")
    assert balance_of(customer.project, "acme", "USD") <= 4000


def test_a_credit_note_gives_back_nothing_that_was_written_off(customer: Customer) -> None:
    invoice = factories.invoice(customer=customer, amount="100.00")
    write_off(invoice=invoice, reason="x", actor=SYSTEM, at=START)
    recover(invoice=invoice, amount=usd("30.00"), reason="x", actor=SYSTEM, at=START)
    with contextlib.suppress(ConflictError):
        credit(invoice, "100.00", "balance")
    assert balance_of(customer.project, "acme", "USD") == 0


def test_a_note_to_refund_that_refunded_nothing_can_be_voided(customer: Customer) -> None:
    invoice = factories.invoice(customer=customer, amount="100.00")
    note = credit(invoice, "40.00", "refund")
    void(note)
    note.refresh_from_db()
    assert note.status == CreditNote.Status.VOID


def test_credit_for_some_lines_pays_no_others_when_it_is_applied_later() -> None:
    """Of 30 for `base` and 20 for `more`, credit scoped to `base` paid 30 at issue: more of it has
    nothing left to pay.
    """
    sandbox = started(BASE, {**BASE, "code": "more", "amount": "20.00"})
    customer = Customer.objects.get(project=sandbox.project)
    wallet = factories.wallet(customer=customer)
    factories.grant(wallet=wallet, amount="30.00", prices=["base"])
    sandbox.subscribe()
    sandbox.clock(START.isoformat())
    invoice = Invoice.objects.get(project=sandbox.project, sequence__isnull=False)
    later = factories.grant(wallet=wallet, amount="20.00", prices=["base"])
    assert grant_balances([later]) == {later.pk: 2000}
    apply_credits(invoice=invoice, actor=SYSTEM, at=START)
    assert grant_balances([later]) == {later.pk: 2000}


def test_no_more_is_refunded_than_was_approved(customer: Customer) -> None:
    """600 were left when it was asked for; a void brings 400 back before it is approved."""
    wallet = factories.wallet(customer=customer)
    grant = factories.grant(wallet=wallet, amount="1000.00", kind="paid")
    invoice = factories.invoice(customer=customer, amount="400.00")
    project = customer.project
    boss = factories.operator(project=project, role="owner")
    clerk = factories.operator(project=project, role="support")
    asked = revoke_or_ask(
        grant=grant,
        amount=None,
        settle="refund",
        reason="leaves",
        reason_code="other",
        actor=Actor("operator", clerk.email),
        at=START,
    )
    assert isinstance(asked, Asked)
    approval = Approval.objects.get(project=project)
    assert approval.amount_minor == 60000
    void_invoice(invoice=invoice, reason="x", actor=SYSTEM, at=START)
    with contextlib.suppress(ConflictError):
        approve(approval=approval, reason="fine", actor=Actor("operator", boss.email), at=START)
    refunds = [row for row in trial_balance(project) if row.account.code == "2300"]
    assert sum(row.balance_minor for row in refunds) <= 60000
