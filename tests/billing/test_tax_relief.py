"""The tax on what is written off need not be paid where the project says so."""

import pytest

from billing.models import Invoice
from billing.services.credit_notes import issue_credit_note
from billing.services.crediting import Credited
from billing.services.write_offs import recover, write_off
from neruba.actor import SYSTEM
from neruba.errors import ConflictError
from neruba.models import Customer
from neruba.money import Money
from tests import factories
from tests.billing.composed import books, taxed, verified
from tests.billing.sandbox import BASE, Sandbox, started

pytestmark = pytest.mark.django_db
RELIEF = {"bad_debt_tax_relief": True}


def billed(sandbox: Sandbox, **charge: str) -> Invoice:
    body = {"customer": "acme", "amount": "100.00", "description": "Work", "invoice_now": True}
    sandbox.post("/charges", {**body, "charge_key": "work", **charge})
    return Invoice.objects.get(project=sandbox.project, operation_key="charge:work")


def paid(sandbox: Sandbox, amount: str) -> None:
    customer = Customer.objects.get(project=sandbox.project)
    factories.payment(customer=customer, amount=amount, at=factories.START)


def given_up(invoice: Invoice) -> None:
    write_off(invoice=fresh(invoice), reason="gone", actor=SYSTEM, at=factories.START)


def came_in(invoice: Invoice, amount: str) -> None:
    usd = Money.parse(amount, "USD")
    recover(invoice=fresh(invoice), amount=usd, reason="x", actor=SYSTEM, at=factories.START)


def fresh(invoice: Invoice) -> Invoice:
    return Invoice.objects.select_related("project", "customer").get(pk=invoice.pk)


def test_a_write_off_takes_its_tax_from_what_is_owed_of_it() -> None:
    sandbox = started(settings=RELIEF)
    taxed(sandbox)
    invoice = billed(sandbox)
    paid(sandbox, "50.01")
    given_up(invoice)
    # 20.00 of 120.00 is tax: 69.99 hold 11.665.
    assert books(sandbox) == {"1010": 5001, "2200": 833, "4000": 10000, "5100": 5832}
    verified(sandbox)


def test_without_relief_all_of_it_is_bad_debt() -> None:
    sandbox = started()
    taxed(sandbox)
    given_up(billed(sandbox))
    assert books(sandbox) == {"2200": 2000, "4000": 10000, "5100": 12000}


def test_what_is_not_earned_is_given_up_after_the_tax_on_it() -> None:
    sandbox = started(BASE, settings=RELIEF)
    taxed(sandbox)
    taxed(sandbox, "5", code="city")
    sandbox.subscribe()
    sandbox.clock("2026-01-01T02:00:00Z")
    given_up(Invoice.objects.get(project=sandbox.project))
    assert books(sandbox) == {}


def test_each_recovery_puts_its_tax_back_and_the_last_all_of_it() -> None:
    sandbox = started(settings=RELIEF)
    taxed(sandbox, "19")
    invoice = billed(sandbox)
    given_up(invoice)
    assert books(sandbox) == {"4000": 10000, "5100": 10000}
    came_in(invoice, "40.00")  # 6.39 of it is tax
    assert books(sandbox) == {"1100": 4000, "2200": 639, "4000": 10000, "5100": 6639}
    came_in(invoice, "79.00")
    assert books(sandbox) == {"1100": 11900, "2200": 1900, "4000": 10000}
    given_up(invoice)
    assert books(sandbox) == {"4000": 10000, "5100": 10000}
    verified(sandbox)


def test_relieved_tax_is_not_given_back_too() -> None:
    sandbox = started({**BASE, "billing": "in_arrears"}, settings=RELIEF)
    taxed(sandbox)
    taxed(sandbox, "0", code="none")
    Customer.objects.filter(external_id="acme").update(tax_rates=["vat"])
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    sandbox.post("/charges", {"customer": "acme", "amount": "30.00", "description": "Book",
                              "charge_key": "book", "tax_code": "none"})  # fmt: skip
    sandbox.clock("2026-02-01T02:00:00Z")
    invoice = Invoice.objects.get(project=sandbox.project, boundary=1)
    fee = invoice.lines.get(kind="recurring").line_key
    paid(sandbox, "33.00")
    given_up(invoice)
    came_in(invoice, "3.00")
    before = books(sandbox)
    assert before["2200"] == 327  # 6.00 less 3.00, and 0.27 of what came in
    with pytest.raises(ConflictError, match="relieved by a write-off"):
        issue_credit_note(
            invoice=fresh(invoice),
            lines=[Credited(fee, 3000)],
            settle="balance",
            reason="x",
            actor=SYSTEM,
            at=factories.START,
        )
    assert books(sandbox) == before
