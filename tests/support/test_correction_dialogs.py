"""Corrections in the console: each dialog says what it will do, does it once confirmed, and tells
what it did.
"""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import CreditNote, Invoice
from billing.services.write_offs import write_off
from ledger.models import JournalEntry
from ledger.selectors.wallets import balance_of
from neruba.actor import SYSTEM
from neruba.models import Approval, AuditRecord, Customer
from payments.models import Payment
from tests import factories
from tests.billing.sandbox import BASE, CALLS, started
from tests.support.console import looking

pytestmark = [pytest.mark.django_db, pytest.mark.once]
CONFIRM = re.compile(r'name="confirmed" value="([0-9a-f]{64})"')
SENT = {"_form_submitted": "1", "reason": "a mistake"}
RECEIVED = {
    **SENT,
    "amount": "12.00",
    "method": "bank_transfer",
    "reference": "RF18",
    "received_at": "2026-01-01",
}


@pytest.fixture
def acme() -> Customer:
    return factories.customer(project=factories.project(), external_id="acme")


def client_of(row: Any, role: str = "finance") -> Client:
    return looking(factories.operator(project=row.project, role=role))


def dialog(name: str, row: Any) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=[row.pk])


def counts() -> tuple[int, ...]:
    models = (CreditNote, Payment, JournalEntry, AuditRecord, Approval)
    return tuple(model.objects.count() for model in models)


def previewed(client: Client, page: str, given: dict[str, str]) -> tuple[str, str]:
    """What the dialog shows for these values, and what its button sends; nothing is done."""
    before = counts()
    html = client.post(page, given).content.decode()
    assert counts() == before
    found = CONFIRM.search(html)
    assert found, html
    return html, found[1]


def done(client: Client, page: str, given: dict[str, str]) -> str:
    """Preview, confirm; the preview."""
    html, digest = previewed(client, page, given)
    answer = client.post(page, {**given, "confirmed": digest})
    assert answer.headers["HX-Redirect"]
    return html


def refused(client: Client, page: str, given: dict[str, str], words: str) -> None:
    before = counts()
    html = client.post(page, given).content.decode()
    assert words in html
    assert "n-confirm" not in html
    assert counts() == before


def shown(client: Client, row: Any, page: str = "change") -> str:
    return client.get(dialog(page, row)).content.decode()


def test_a_credit_note_is_shown_first_and_then_issued(acme: Customer) -> None:
    factories.grant(wallet=factories.wallet(customer=acme), amount="10.00")
    invoice = factories.invoice(customer=acme, amount="40.00")
    factories.payment(customer=acme, amount="20.00")
    client = client_of(acme)
    page = dialog("credit_note", invoice)
    assert "40.00 USD is left. Empty: nothing of it." in client.get(page).content.decode()
    given = {**SENT, "amount_0": "25", "settle": "invoice"}
    html = done(client, page, given)
    for words in (
        "A credit note over 25.00 USD is issued: 25.00 USD of Work.",
        "10.00 USD was not paid yet: 10.00 USD was due, 0.00 USD will be.",
        "10.00 USD returns to the promotional credit that was drawn.",
        "5.00 USD goes to the customer balance, which pays the next invoices.",
        "25.00 USD of it was earned: it lowers net revenue (4900).",
    ):
        assert words in html
    note = CreditNote.objects.get()
    assert (note.reason, note.settle) == ("a mistake", "invoice")
    assert balance_of(acme.project, "acme", "USD") == 500
    assert "CN-000001 was issued." in shown(client, invoice)


def test_a_credit_note_of_what_is_not_earned_says_so() -> None:
    sandbox = started(BASE)
    sandbox.subscribe()
    sandbox.clock("2026-01-16T00:00:00Z")
    invoice = Invoice.objects.get(project=sandbox.project)
    given = {**SENT, "amount_0": "30.00", "settle": "invoice"}
    html, _ = previewed(client_of(invoice), dialog("credit_note", invoice), given)
    assert "15.48 USD of it was not earned yet: deferred revenue falls." in html
    assert "14.52 USD of it was earned: it lowers net revenue (4900)." in html


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount_0": "40.01"}, "40.00 USD is left of this line"),
        ({"amount_0": "ten"}, "is not a decimal number"),
        ({"amount_0": "0"}, "40.00 USD is left of this line"),
        ({"amount_0": ""}, "Say how much of which line."),
        ({"reason": ""}, "This field is required."),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"settle": "gift"}, "gift is not one of the available choices"),
    ],
)
def test_a_credit_note_that_cannot_be_is_refused_in_the_dialog(
    acme: Customer, change: dict[str, str], words: str
) -> None:
    invoice = factories.invoice(customer=acme, amount="40.00")
    given = {**SENT, "amount_0": "5", "settle": "invoice", **change}
    refused(client_of(acme), dialog("credit_note", invoice), given, words)


def test_above_the_limit_corrections_wait_for_a_second_person(acme: Customer) -> None:
    invoice = factories.invoice(customer=acme, amount="9000.00")
    client = client_of(acme)
    given = {**SENT, "amount_0": "6000", "settle": "invoice"}
    html = done(client, dialog("credit_note", invoice), given)
    assert "It is above your limit of 5000 USD: nothing is done until a second person" in html
    html = done(client, dialog("write_off", invoice), SENT)
    assert "It is above your limit of 5000 USD: nothing is done until a second person" in html
    operations = list(Approval.objects.order_by("pk").values_list("operation", flat=True))
    assert operations == ["credit_note.issue", "invoice.write_off"]
    assert CreditNote.objects.count() == 0
    invoice.refresh_from_db()
    assert invoice.status == "open"
    approvals = client_of(acme, "owner")
    page = shown(approvals, Approval.objects.earliest("pk"))
    assert "INV-000001" in page
    assert "6000.00 USD" in page


def test_a_void_says_what_returns_where(acme: Customer) -> None:
    factories.grant(wallet=factories.wallet(customer=acme), amount="10.00")
    invoice = factories.invoice(customer=acme, amount="40.00")
    factories.payment(customer=acme, amount="20.00")
    client = client_of(acme)
    html = done(client, dialog("void_invoice", invoice), SENT)
    assert "10.00 USD returns to the credits that were drawn." in html
    assert "20.00 USD was paid in money and becomes customer balance." in html
    invoice.refresh_from_db()
    assert (invoice.status, balance_of(acme.project, "acme", "USD")) == ("void", 2000)
    page = shown(client, invoice)
    assert "Void: taken back as a whole" in page
    refused(client, dialog("void_invoice", invoice), SENT, "This invoice is void already.")


def test_what_is_written_off_can_be_recovered_by_money(acme: Customer) -> None:
    invoice = factories.invoice(customer=acme, amount="30.00")
    client = client_of(acme)
    html = done(client, dialog("write_off", invoice), SENT)
    assert "30.00 USD that is due of INV-000001 is given up: it is uncollectible." in html
    assert "30.00 USD of it is a loss: bad debt (5100)." in html
    page = dialog("recover_invoice", invoice)
    assert 'value="30.00"' in client.get(page).content.decode()
    refused(client, page, {**RECEIVED, "amount": "30.01"}, "30.01 USD cannot be recovered.")
    html = done(client, page, RECEIVED)
    assert "12.00 USD of the 30.00 USD written off is due again, and paid by it." in html
    assert "18.00 USD stays written off." in html
    said = shown(client, invoice)
    assert "12.00 USD is recovered." in said
    assert "Bank transfer, RF18" in said


def test_a_payment_is_recorded_with_what_is_due_as_its_amount(acme: Customer) -> None:
    invoice = factories.invoice(customer=acme, amount="10.00")
    client = client_of(acme)
    page = dialog("record_payment", invoice)
    assert 'value="10.00"' in client.get(page).content.decode()
    html = done(client, page, RECEIVED)
    assert "12.00 USD came in on 1 Jan 2026: bank (1010)." in html
    assert "10.00 USD pays INV-000001, of which 10.00 USD is due: it is settled then." in html
    assert "The rest, 2.00 USD, becomes customer balance." in html
    payment = Payment.objects.get()
    record = AuditRecord.objects.get(action="payment.received")
    assert (payment.reference, record.reason) == ("RF18", "a mistake")
    assert "INV-000001" in shown(client, payment)
    refused(client, page, RECEIVED, "This invoice is paid: nothing of it is due.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": "0"}, "The amount must be above zero."),
        ({"amount": "x"}, "is not a decimal number"),
        ({"received_at": "2026-01-02"}, "Money that came in, came before now."),
        ({"reference": ""}, "This field is required."),
        ({"method": "stripe"}, "stripe is not one of the available choices"),
    ],
)
def test_a_payment_that_cannot_be_is_refused_in_the_dialog(
    acme: Customer, change: dict[str, str], words: str
) -> None:
    invoice = factories.invoice(customer=acme, amount="10.00")
    refused(client_of(acme), dialog("record_payment", invoice), {**RECEIVED, **change}, words)


def test_a_credit_note_is_void_from_its_page(acme: Customer) -> None:
    invoice = factories.invoice(customer=acme, amount="40.00")
    note = factories.credit_note(invoice=invoice, amount="5.00")
    client = client_of(acme)
    html = done(client, dialog("void_note", note), SENT)
    assert "CN-000001 is taken back: 5.00 USD less is given back of INV-000001." in html
    note.refresh_from_db()
    assert note.status == "void"
    assert "it gives nothing back" in shown(client, note)
    refused(client, dialog("void_note", note), SENT, "This credit note is void already.")


def test_page_and_paper_lead_from_the_total_to_what_is_due(acme: Customer) -> None:
    factories.grant(wallet=factories.wallet(customer=acme), amount="10.00")
    factories.grant(wallet=factories.wallet(customer=acme), amount="5.00", kind="paid")
    invoice = factories.invoice(customer=acme, amount="100.00")
    factories.payment(customer=acme, amount="20.00")
    note = factories.credit_note(invoice=invoice, amount="8.00")
    void = factories.credit_note(invoice=invoice, amount="1.00")
    client = client_of(acme)
    done(client, dialog("void_note", void), SENT)
    shown(client, void)  # with the message that it is void
    parts = {
        "Credit, promotional": "-10.00 USD",
        "Credit, prepaid": "-5.00 USD",
        "Bank transfer, a transfer": "-20.00 USD",
        "Credit note CN-000001": "-8.00 USD",
    }
    for page in ("change", "print"):
        html = shown(client, invoice, page)
        assert "CN-000002" not in html
        for words, amount in parts.items():
            assert re.search(f"{words}(?:(?!USD).)*{re.escape(amount)}", html, re.DOTALL), words
        assert "57.00 USD" in html
    write_off(invoice=invoice, reason="x", actor=SYSTEM, at=factories.START)
    html = shown(client, invoice, "print")
    assert re.search(r"Written off(?:(?!USD).)*-57\.00 USD", html, re.DOTALL)
    html = shown(client, note, "print")
    for words in ("CN-000001", "INV-000001", "8.00", "a test", "Total credited"):
        assert words in html


@pytest.mark.parametrize("role", ["support", "developer", "auditor"])
def test_who_may_look_may_not_correct(acme: Customer, role: str) -> None:
    invoice = factories.invoice(customer=acme, amount="40.00")
    note = factories.credit_note(invoice=invoice, amount="5.00")
    payment = factories.payment(customer=acme, amount="1.00")
    client = client_of(acme, role)
    before = counts()
    for row in (invoice, note, payment):
        page = client.get(dialog("change", row))
        assert page.status_code == 200
        assert "Correct" not in page.content.decode()
    for act in ("credit_note", "void_invoice", "write_off", "recover_invoice", "record_payment"):
        assert (
            client.post(dialog(act, invoice), {**RECEIVED, "settle": "invoice"}).status_code == 403
        )
    assert client.post(dialog("void_note", note), SENT).status_code == 403
    assert counts() == before


@pytest.mark.parametrize("model", ["billing_creditnote", "payments_payment"])
def test_a_list_asks_as_often_for_many_as_for_few(acme: Customer, model: str) -> None:
    client = client_of(acme)
    found = []
    for _ in range(2):
        for _ in range(3):
            invoice = factories.invoice(customer=acme, amount="40.00")
            factories.payment(customer=acme, amount="40.00")
            factories.credit_note(invoice=invoice, amount="5.00")
        client.get(reverse(f"admin:{model}_changelist"))
        with CaptureQueriesContext(connection) as captured:
            assert client.get(reverse(f"admin:{model}_changelist")).status_code == 200
        found.append(len(captured))
    assert found[0] == found[1]


def test_another_projects_documents_do_not_exist(acme: Customer) -> None:
    invoice = factories.invoice(customer=acme, amount="40.00")
    note = factories.credit_note(invoice=invoice, amount="5.00")
    stranger = looking(factories.operator(project=factories.project(), role="finance"))
    assert stranger.get(dialog("print", note)).status_code == 404
    for act, row in (("credit_note", invoice), ("void_note", note), ("record_payment", invoice)):
        assert stranger.post(dialog(act, row), RECEIVED).status_code in (403, 404)


def test_a_draft_has_no_corrections() -> None:
    sandbox = started(BASE, CALLS)
    sandbox.subscribe()
    sandbox.clock("2026-02-01T00:30:00Z")
    draft = Invoice.objects.get(project=sandbox.project, status="draft")
    client = client_of(draft)
    for act in ("credit_note", "void_invoice", "write_off", "recover_invoice", "record_payment"):
        given = {**RECEIVED, "settle": "invoice"}
        before = counts()
        answer = client.post(dialog(act, draft), given)
        assert answer.status_code == 200
        assert "n-confirm" not in answer.content.decode()
        assert counts() == before
