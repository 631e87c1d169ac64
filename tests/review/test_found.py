"""Faults that a review found: each test states what should hold."""

import contextlib

import pytest

from billing.models import CreditNote, Invoice
from billing.services.credit_notes import in_proportion, issue_credit_note, void_credit_note
from billing.services.write_offs import recover, write_off
from ledger.selectors.wallets import balance_of
from neruba.actor import SYSTEM
from neruba.errors import ConflictError
from neruba.models import Customer
from neruba.money import Money
from tests import factories

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
