"""The worked numbers of docs/corrections.md are what the services post."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from billing.models import CreditNote, Invoice
from billing.services.credit_notes import in_proportion, issue_credit_note, void_credit_note
from billing.services.write_offs import recover, void_invoice, write_off
from ledger.models import Transfer
from ledger.services.wallets import adjust_balance
from neruba.actor import SYSTEM
from neruba.models import Customer
from neruba.money import Money
from payments.services.recoveries import recover_by_payment
from tests import factories
from tests.billing.sandbox import BASE, started

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "corrections.md"
START, USD = factories.START, "USD"
Row = tuple[str, str, str]


def usd(amount: str) -> Money:
    return Money.parse(amount, USD)


def customer() -> Customer:
    return factories.customer(project=factories.project(), external_id="acme")


def charged(of: Customer | None = None, amount: str = "100.00") -> Invoice:
    return factories.invoice(customer=of or customer(), amount=amount)


def paid(amount: str = "100.00") -> Invoice:
    invoice = charged()
    factories.payment(customer=invoice.customer, amount=amount)
    return invoice


def ahead() -> Invoice:
    """30.00 for the 31 days of January."""
    sandbox = started(BASE)
    sandbox.subscribe()
    sandbox.clock("2026-01-01T00:00:00Z")
    return Invoice.objects.get(project=sandbox.project)


def credit(invoice: Invoice, amount: str, settle: str = "invoice", *, days: int = 0) -> CreditNote:
    return issue_credit_note(
        invoice=invoice,
        lines=in_proportion(invoice, usd(amount)),
        settle=settle,
        reason="a mistake",
        actor=SYSTEM,
        at=START + timedelta(days=days),
    )


def with_credits() -> Invoice:
    """100.00, of which 20.00 promotional, 30.00 prepaid, 10.00 balance; the rest by transfer."""
    acme = customer()
    wallet = factories.wallet(customer=acme)
    factories.grant(wallet=wallet, amount="20.00")
    factories.grant(wallet=wallet, amount="30.00", kind="paid")
    adjust_balance(customer=acme, amount=usd("10.00"), reason="sorry", actor=SYSTEM, at=START)
    invoice = charged(acme)
    factories.payment(customer=acme, amount="40.00")
    return invoice


def unpaid() -> None:
    credit(charged(), "40.00")


def part_paid() -> None:
    credit(paid("70.00"), "40.00")


def wholly_paid() -> None:
    credit(paid(), "40.00")


def to_wallet() -> None:
    credit(paid(), "40.00", "wallet")


def to_refund() -> None:
    credit(paid(), "40.00", "refund")


def the_way_it_came() -> None:
    credit(with_credits(), "70.00")


def all_else_to_balance() -> None:
    credit(with_credits(), "70.00", "balance")


def in_advance() -> None:
    invoice = ahead()
    credit(invoice, "10.00", days=15)
    credit(invoice, "20.00", days=15)


def note_void() -> None:
    note = credit(charged(), "40.00")
    void_credit_note(note=note, reason="it was right", actor=SYSTEM, at=START)


def invoice_void() -> None:
    void_invoice(invoice=with_credits(), reason="a mistake", actor=SYSTEM, at=START)


def given_up() -> None:
    write_off(invoice=charged(), reason="bankrupt", actor=SYSTEM, at=START)


def given_up_ahead() -> None:
    at = START + timedelta(days=15)
    invoice = ahead()
    off = write_off(invoice=invoice, reason="bankrupt", actor=SYSTEM, at=at)
    recover(invoice=invoice, amount=off - usd("10.00"), reason="found", actor=SYSTEM, at=at)


def got_after_all() -> None:
    invoice = charged()
    write_off(invoice=invoice, reason="bankrupt", actor=SYSTEM, at=START)
    recover_by_payment(
        invoice=invoice,
        amount=usd("60.00"),
        method="bank_transfer",
        reference="a transfer",
        received_at=START,
        reason="found",
        actor=SYSTEM,
        at=START,
    )


def oldest_first() -> None:
    acme = customer()
    charged(acme, "30.00")
    charged(acme, "50.00")
    factories.payment(customer=acme, amount="100.00")


STORIES: dict[str, Callable[[], None]] = {
    "An unpaid invoice": unpaid,
    "A part-paid invoice": part_paid,
    "A paid invoice": wholly_paid,
    "To a wallet": to_wallet,
    "To be refunded": to_refund,
    "The way it came": the_way_it_came,
    "To the balance": all_else_to_balance,
    "Billed in advance": in_advance,
    "A void credit note": note_void,
    "A void invoice": invoice_void,
    "A write-off": given_up,
    "A write-off of what was billed in advance": given_up_ahead,
    "A recovery": got_after_all,
    "A payment, oldest first": oldest_first,
}


def posted() -> Iterator[Row]:
    """Each transfer by its entry's kind, in order of posting."""
    for row in Transfer.objects.select_related("entry", "debit_account", "credit_account").order_by(
        "entry_id", "id"
    ):
        accounts = f"{row.debit_account.code} → {row.credit_account.code}"
        yield row.entry.kind, accounts, Money(row.amount_minor, row.currency).amount


def shown(title: str) -> list[Row]:
    """The rows of the table below a heading of the page."""
    page = PAGE.read_text()
    section = page.partition(f"### {title}\n")[2].partition("\n#")[0]
    found = re.findall(r"^\| `([a-z_.]+)` \| (\d{4} → \d{4}) \| ([\d.]+) \|$", section, re.M)
    return [(kind, accounts, amount) for kind, accounts, amount in found]


@pytest.mark.parametrize("title", STORIES)
def test_the_page_shows_what_is_posted(title: str) -> None:
    STORIES[title]()
    assert shown(title) == list(posted()) != []


def test_each_table_of_the_page_is_played() -> None:
    assert set(re.findall(r"^### (.+)$", PAGE.read_text(), re.M)) == set(STORIES)
