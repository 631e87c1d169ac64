"""Invoices are settled by credits, balance, payments and credit notes; each is posted, and undone
to the accounts that it came from.
"""

from datetime import timedelta

import pytest

from billing.models import CreditNote, Invoice
from billing.selectors.documents import documents_of
from billing.services.credit_notes import (
    in_proportion,
    issue_credit_note,
    void_credit_note,
)
from billing.services.crediting import Credited
from billing.services.credits import apply_credits
from billing.services.write_offs import recover, void_invoice, write_off
from ledger.errors import BalanceTooLowError
from ledger.selectors.balances import trial_balance
from ledger.selectors.verify import book_differences
from ledger.selectors.wallets import balance_of, grant_balances, grants_of
from ledger.services.wallets import adjust_balance, expire_grants, revoke_grant
from neruba.actor import SYSTEM
from neruba.errors import ConflictError, InvalidError
from neruba.models import Customer, Project
from neruba.money import Money
from tests import factories
from tests.billing.sandbox import BASE, started

pytestmark = pytest.mark.django_db
START = factories.START
USD = "USD"


@pytest.fixture
def customer() -> Customer:
    return factories.customer(project=factories.project(), external_id="acme")


def usd(amount: str) -> Money:
    return Money.parse(amount, USD)


def books(project: Project) -> dict[str, int]:
    """The balance of each code that is not zero; the books hold."""
    assert list(book_differences(project)) == []
    rows = trial_balance(project)
    return {row.account.code: row.balance_minor for row in rows if row.balance_minor}


def parts(invoice: Invoice) -> dict[str, int]:
    """The parts of what is due of it that are not zero, and its status."""
    invoice.refresh_from_db()
    (document,) = documents_of(invoice.project, [invoice])
    names = ("credits", "balance", "paid", "credited", "given_back", "written_off", "due")
    found = {name: getattr(document.settlement, f"{name}_minor") for name in names}
    return {name: minor for name, minor in found.items() if minor}


def left(customer: Customer) -> list[int]:
    """What is left of each grant, oldest first."""
    grants = list(grants_of(customer.project))
    balances = grant_balances(grants)
    return [balances[grant.pk] for grant in grants]


def credit(invoice: Invoice, amount: str, settle: str = "invoice") -> CreditNote:
    return issue_credit_note(
        invoice=invoice,
        lines=in_proportion(invoice, usd(amount)),
        settle=settle,
        reason="a mistake",
        actor=SYSTEM,
        at=START,
    )


def test_an_invoice_draws_on_grants_in_order_and_then_on_the_balance(customer: Customer) -> None:
    wallet = factories.wallet(customer=customer)
    factories.grant(wallet=wallet, amount="30.00", kind="paid")
    factories.grant(wallet=wallet, amount="20.00")
    factories.grant(wallet=wallet, amount="10.00", priority=90, kind="paid")
    adjust_balance(customer=customer, amount=usd("25.00"), reason="sorry", actor=SYSTEM, at=START)
    invoice = factories.invoice(customer=customer, amount="70.00")
    assert parts(invoice) == {"credits": 6000, "balance": 1000}
    assert invoice.status == "paid"
    assert left(customer) == [0, 0, 0]
    assert balance_of(customer.project, "acme", USD) == 1500
    assert books(customer.project) == {
        "1010": 4000, "2020": 1500, "4000": 7000, "4900": 2500, "4910": 2000,
    }  # fmt: skip


def test_a_grant_is_gone_at_the_instant_of_its_expiry(customer: Customer) -> None:
    wallet = factories.wallet(customer=customer)
    end = START + timedelta(days=1)
    factories.grant(wallet=wallet, amount="5.00", expires_at=end)
    factories.grant(wallet=wallet, amount="7.00", kind="paid", expires_at=end)
    factories.grant(wallet=wallet, amount="9.00", effective_at=end + timedelta(microseconds=1))
    invoice = factories.invoice(customer=customer, at=end)
    assert parts(invoice) == {"due": 10000}
    assert expire_grants(customer.project, end, lambda: True)
    assert left(customer) == [0, 0, 900]
    found = books(customer.project)
    assert (found["4020"], found["1910"], found["2010"]) == (700, 900, 900)
    assert expire_grants(customer.project, end, lambda: True)
    assert books(customer.project) == found


def test_a_scoped_grant_pays_its_lines_alone(customer: Customer) -> None:
    wallet = factories.wallet(customer=customer)
    factories.grant(wallet=wallet, amount="5.00", prices=["tokens"])
    invoice = factories.invoice(customer=customer, amount="3.00")
    assert parts(invoice) == {"due": 300}


def test_revoking_takes_the_rest_and_never_what_was_used(customer: Customer) -> None:
    wallet = factories.wallet(customer=customer)
    grant = factories.grant(wallet=wallet, amount="50.00", kind="paid")
    factories.invoice(customer=customer, amount="20.00")
    with pytest.raises(ConflictError, match=r"30\.00 USD is left"):
        revoke_grant(grant=grant, amount=usd("30.01"), reason="x", actor=SYSTEM, at=START)
    revoke_grant(grant=grant, amount=usd("10.00"), reason="x", actor=SYSTEM, at=START)
    taken = revoke_grant(
        grant=grant, amount=None, reason="x", actor=SYSTEM, at=START, settle="refund"
    )
    assert (taken, left(customer)) == (usd("20.00"), [0])
    found = books(customer.project)
    assert (found["2020"], found["2300"]) == (1000, 2000)
    again = revoke_grant(grant=grant, amount=None, reason="x", actor=SYSTEM, at=START)
    with pytest.raises(ConflictError, match="revoked before"):
        revoke_grant(grant=grant, amount=usd("1.00"), reason="x", actor=SYSTEM, at=START)
    assert (again, books(customer.project)) == (usd("0.00"), found)


def test_credit_applies_to_an_open_invoice_when_it_comes_later(customer: Customer) -> None:
    invoice = factories.invoice(customer=customer, amount="20.00")
    factories.grant(wallet=factories.wallet(customer=customer), amount="15.00")
    assert apply_credits(invoice=invoice, actor=SYSTEM, at=START) == usd("15.00")
    assert apply_credits(invoice=invoice, actor=SYSTEM, at=START) == usd("0.00")
    factories.payment(customer=customer, amount="8.00")
    assert parts(invoice) == {"credits": 1500, "paid": 500}
    assert balance_of(customer.project, "acme", USD) == 300
    with pytest.raises(ConflictError, match="paid"):
        apply_credits(invoice=invoice, actor=SYSTEM, at=START)


def test_a_payment_pays_the_oldest_first(customer: Customer) -> None:
    first = factories.invoice(customer=customer, amount="20.00")
    second = factories.invoice(customer=customer, amount="30.00")
    third = factories.invoice(customer=customer, amount="30.00")
    factories.payment(customer=customer, amount="10.00", invoices=[third])
    factories.payment(customer=customer, amount="35.00")
    assert [parts(one) for one in (first, second, third)] == [
        {"paid": 2000},
        {"paid": 1500, "due": 1500},
        {"paid": 1000, "due": 2000},
    ]
    assert [one.status for one in (first, second, third)] == ["paid", "open", "open"]


def test_a_credit_note_first_lowers_what_is_due(customer: Customer) -> None:
    invoice = factories.invoice(customer=customer, amount="20.00")
    note = credit(invoice, "5.00")
    assert str(note) == "CN-000001"
    assert parts(invoice) == {"credited": 500, "due": 1500}
    with pytest.raises(ConflictError, match=r"15\.00 USD is left"):
        credit(invoice, "15.01")
    credit(invoice, "15.00")
    assert parts(invoice) == {"credited": 2000}
    assert invoice.status == "paid"
    assert books(customer.project) == {"4000": 2000, "4900": 2000}


def test_what_was_paid_goes_back_the_way_it_came(customer: Customer) -> None:
    wallet = factories.wallet(customer=customer)
    factories.grant(wallet=wallet, amount="10.00", kind="paid", priority=1)
    factories.grant(wallet=wallet, amount="10.00", priority=2)
    invoice = factories.invoice(customer=customer, amount="50.00")
    factories.payment(customer=customer, amount="25.00")
    credit(invoice, "12.00")  # 5.00 were unpaid; 7.00 to the promotion, which was drawn last
    assert parts(invoice) == {"credits": 2000, "paid": 2500, "credited": 1200, "given_back": 700}
    assert left(customer) == [0, 700]
    credit(invoice, "18.00")  # 3.00 to the promotion, 10.00 to the prepaid grant, 5.00 to balance
    assert (left(customer), balance_of(customer.project, "acme", USD)) == ([1000, 1000], 500)


def test_promotional_credit_never_turns_into_cash(customer: Customer) -> None:
    factories.grant(wallet=factories.wallet(customer=customer), amount="10.00")
    invoice = factories.invoice(customer=customer, amount="10.00")
    with pytest.raises(ConflictError, match="paid in money"):
        credit(invoice, "4.00", settle="refund")
    credit(invoice, "4.00", settle="wallet")
    credit(invoice, "4.00", settle="balance")
    assert (left(customer), balance_of(customer.project, "acme", USD)) == ([800], 0)


def test_a_credit_note_can_be_refunded_up_to_what_was_paid_in_money(customer: Customer) -> None:
    factories.grant(wallet=factories.wallet(customer=customer), amount="10.00")
    invoice = factories.invoice(customer=customer, amount="30.00")
    factories.payment(customer=customer, amount="20.00")
    credit(invoice, "15.00", settle="refund")
    credit(invoice, "15.00", settle="refund")
    assert (left(customer), books(customer.project)["2300"]) == ([1000], 2000)


def test_a_credit_note_to_a_wallet_can_be_used_and_taken_back_while_it_is_not(
    customer: Customer,
) -> None:
    invoice = factories.invoice(customer=customer, amount="30.00")
    factories.payment(customer=customer, amount="30.00")
    before = books(customer.project)
    note = credit(invoice, "10.00", settle="wallet")
    assert left(customer) == [1000]
    void_credit_note(note=note, reason="x", actor=SYSTEM, at=START)
    assert (left(customer), books(customer.project)) == ([0], before)
    again = credit(invoice, "10.00", settle="wallet")
    factories.invoice(customer=customer, amount="1.00")
    with pytest.raises(BalanceTooLowError):
        void_credit_note(note=again, reason="x", actor=SYSTEM, at=START)


def test_returns_to_an_expired_grant_leave_it_as_its_rest_did(customer: Customer) -> None:
    end = START + timedelta(days=1)
    factories.grant(wallet=factories.wallet(customer=customer), amount="10.00", expires_at=end)
    invoice = factories.invoice(customer=customer, amount="10.00")
    expire_grants(customer.project, end, lambda: True)
    credit(invoice, "4.00")
    assert (left(customer), balance_of(customer.project, "acme", USD)) == ([0], 0)
    # What was used and given back again is promised no more.
    assert books(customer.project) == {"4000": 1000, "4900": 400, "4910": 600}


def test_a_write_off_can_be_recovered_in_parts_and_then_be_paid(customer: Customer) -> None:
    invoice = factories.invoice(customer=customer, amount="30.00")
    factories.payment(customer=customer, amount="10.00")
    assert write_off(invoice=invoice, reason="bankrupt", actor=SYSTEM, at=START) == usd("20.00")
    assert (parts(invoice), invoice.status) == (
        {"paid": 1000, "written_off": 2000},
        "uncollectible",
    )
    assert books(customer.project)["5100"] == 2000
    with pytest.raises(ConflictError, match=r"20\.00 USD"):
        recover(invoice=invoice, amount=usd("20.01"), reason="x", actor=SYSTEM, at=START)
    recover(invoice=invoice, amount=usd("5.00"), reason="some", actor=SYSTEM, at=START)
    assert invoice.status == "uncollectible"
    factories.payment(customer=customer, amount="5.00")
    assert (parts(invoice), invoice.status) == (
        {"paid": 1500, "written_off": 1500},
        "uncollectible",
    )
    recover(invoice=invoice, amount=usd("15.00"), reason="all", actor=SYSTEM, at=START)
    factories.payment(customer=customer, amount="15.00")
    assert (parts(invoice), invoice.status) == ({"paid": 3000}, "paid")
    assert books(customer.project) == {"1010": 3000, "4000": 3000}


def test_a_void_returns_every_account(customer: Customer) -> None:
    wallet = factories.wallet(customer=customer)
    factories.grant(wallet=wallet, amount="10.00", kind="paid")
    factories.grant(wallet=wallet, amount="5.00")
    before = books(customer.project)
    invoice = factories.invoice(customer=customer, amount="40.00")
    factories.payment(customer=customer, amount="7.00")
    write_off(invoice=invoice, reason="x", actor=SYSTEM, at=START)
    void_invoice(invoice=invoice, reason="wrong customer", actor=SYSTEM, at=START)
    assert (parts(invoice), invoice.status) == ({}, "void")
    assert left(customer) == [1000, 500]
    assert books(customer.project) == {**before, "1010": 1700, "2020": 700}
    with pytest.raises(ConflictError, match="void already"):
        void_invoice(invoice=invoice, reason="x", actor=SYSTEM, at=START)


def test_an_invoice_with_credit_notes_is_not_void(customer: Customer) -> None:
    invoice = factories.invoice(customer=customer, amount="40.00")
    note = credit(invoice, "5.00")
    before = books(customer.project)
    with pytest.raises(ConflictError, match="CN-000001"):
        void_invoice(invoice=invoice, reason="x", actor=SYSTEM, at=START)
    assert books(customer.project) == before
    void_credit_note(note=note, reason="x", actor=SYSTEM, at=START)
    void_invoice(invoice=invoice, reason="x", actor=SYSTEM, at=START)
    assert books(customer.project) == {}


@pytest.mark.parametrize(
    ("lines", "pointer"),
    [
        ([], "/lines"),
        ([Credited("nothing", 1)], "/lines/0/line"),
        ([Credited("charge", 0)], "/lines/0/amount"),
        ([Credited("charge", -5)], "/lines/0/amount"),
        ([Credited("charge", 4001)], "/lines/0/amount"),
        ([Credited("charge", 1), Credited("charge", 1)], "/lines/1/line"),
    ],
)
def test_a_credit_note_that_cannot_be_changes_nothing(
    customer: Customer, lines: list[Credited], pointer: str
) -> None:
    invoice = factories.invoice(customer=customer, amount="40.00")
    key = invoice.lines.get().line_key
    named = [Credited(key if one.line == "charge" else one.line, one.amount_minor) for one in lines]
    before = books(customer.project)
    with pytest.raises(InvalidError) as refused:
        issue_credit_note(
            invoice=invoice, lines=named, settle="invoice", reason="x", actor=SYSTEM, at=START
        )
    assert (refused.value.pointer, books(customer.project)) == (pointer, before)


def test_a_preview_and_a_draft_show_what_the_invoice_will_draw() -> None:
    sandbox = started(BASE)
    sandbox.subscribe(anchor="calendar", start_at="2026-01-16T00:00:00Z")
    customer = Customer.objects.get(project=sandbox.project)
    factories.grant(
        wallet=factories.wallet(customer=customer),
        amount="40.00",
        expires_at=START + timedelta(days=45),
    )
    coming = sandbox.preview(customer="acme", as_of="2026-03-01T00:00:00Z")
    names = ("total", "credits_applied", "balance_applied", "amount_due")
    shown = [[one[name] for name in names] for one in coming]
    assert shown == [
        ["15.48", "15.48", "0.00", "0.00"],
        ["30.00", "24.52", "0.00", "5.48"],
        ["30.00", "0.00", "0.00", "30.00"],
    ]
    sandbox.clock("2026-03-01T00:00:00Z")
    assert [[one[name] for name in names] for one in sandbox.invoices()] == shown
    assert [one["status"] for one in sandbox.invoices()] == ["paid", "open", "open"]


def test_what_is_recovered_mirrors_the_write_off_that_stands() -> None:
    """Found by the state machine: the second write-off takes other accounts than the first."""
    sandbox = started(BASE)
    sandbox.subscribe()
    sandbox.clock("2026-01-01T00:00:00Z")
    invoice = Invoice.objects.get(project=sandbox.project)
    for day in (0, 23):
        at = START + timedelta(days=day)
        off = write_off(invoice=invoice, reason="x", actor=SYSTEM, at=at)
        recover(invoice=invoice, amount=off, reason="x", actor=SYSTEM, at=at)
    # 23 of 31 days of 30.00 were earned by then; nothing stands as bad debt.
    assert books(sandbox.project) == {"1100": 3000, "2100": 774, "4000": 2226}
