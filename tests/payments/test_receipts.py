"""Money of nobody known is matched to its customer: applied like any other, and undone like it."""

from functools import partial

import pytest
from django.urls import reverse

from ledger.selectors.wallets import balance_of
from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import ConflictError
from neruba.models import AuditRecord, Customer
from payments.models import Dispute, Payment, ProviderEventWork
from payments.services.receipts import match_payment
from payments.tasks import work_on_due_events
from tests import factories
from tests.payments.shop import Shop
from tests.support.console import looking
from tests.support.test_correction_dialogs import SENT, dialog, done

BOB = Actor("operator", "bob@op.example")
RECEIVED = {"1000": 4825, "2050": 5000, "5000": 175}


def stranger(shop: Shop, method: str = "card_visa") -> Payment:
    """50.00 that nobody is known for."""
    card = {"payment_method": method, "confirm": "true"}
    shop.create("payment_intents", amount="5000", currency="usd", **card)
    shop.settle()
    return Payment.objects.get()


def match(shop: Shop, payment: Payment, customer: Customer | None = None) -> Payment:
    work = partial(
        match_payment,
        payment=payment,
        customer=customer or shop.customer,
        reason="their call",
        actor=BOB,
        at=factories.START,
    )
    return run_atomic(work)


def test_it_pays_the_oldest_invoice_and_the_rest_is_balance(shop: Shop) -> None:
    invoice = shop.invoice("30.00")
    payment = match(shop, stranger(shop))
    assert shop.books() == {"1000": 4825, "2020": 2000, "4000": 3000, "5000": 175}
    invoice.refresh_from_db()
    assert (invoice.status, payment.customer) == ("paid", shop.customer)
    record = AuditRecord.objects.get(action="payment.matched")
    assert (record.actor, record.reason) == (BOB.name, "their call")
    shown = shop.get(f"payments/{payment.public_id}")
    assert (shown["to_balance"], shown["unapplied"]) == ("20.00", "0.00")
    shop.settle()  # further looks at the provider find nothing new
    assert balance_of(shop.project, "acme", "USD") == 2000


def test_it_is_matched_once(shop: Shop) -> None:
    payment = match(shop, stranger(shop))
    before = shop.books()
    other = run_atomic(partial(factories.customer, project=shop.project, external_id="other"))
    for customer in (shop.customer, other):
        with pytest.raises(ConflictError, match="is of acme already"):
            match(shop, payment, customer)
    assert shop.books() == before


def test_what_was_given_back_before_is_not_matched(shop: Shop) -> None:
    payment = stranger(shop)
    (intent,) = shop.objects("payment_intents")
    shop.create("refunds", payment_intent=intent["id"], amount="2000")
    shop.settle()
    assert shop.books() == {"1000": 2825, "2050": 3000, "5000": 175}
    match(shop, payment)
    assert shop.books() == {"1000": 2825, "2020": 3000, "5000": 175}
    shop.create("refunds", payment_intent=intent["id"], amount="3000")
    shop.settle()
    assert shop.books() == {"1000": -175, "5000": 175}


def test_all_given_back_leaves_nothing_to_match(shop: Shop) -> None:
    payment = stranger(shop)
    (intent,) = shop.objects("payment_intents")
    shop.create("refunds", payment_intent=intent["id"])
    shop.settle()
    before = shop.books()
    with pytest.raises(ConflictError, match="nothing is left"):
        match(shop, payment)
    assert shop.books() == before


def test_a_matched_payment_that_fails_later_is_due_again(shop: Shop) -> None:
    invoice = shop.invoice("30.00")
    match(shop, stranger(shop))
    (intent,) = shop.objects("payment_intents")
    shop.fake.control(f"fail_payment/{intent['id']}")
    shop.settle()
    invoice.refresh_from_db()
    assert invoice.status == "open"
    assert shop.books() == {"1000": -175, "1100": 3000, "4000": 3000, "5000": 175}


def test_a_refund_of_a_matched_payment_credits_what_it_paid(shop: Shop) -> None:
    shop.invoice("50.00")
    payment = match(shop, stranger(shop))
    shop.post(f"payments/{payment.public_id}/refunds", {"amount": "50.00", "reason": "wrong"})
    shop.work()
    assert shop.books() == {"1000": -175, "4000": 5000, "4900": 5000, "5000": 175}


def test_a_dispute_of_nobody_waits_until_the_payment_is_matched(shop: Shop) -> None:
    payment = stranger(shop, "card_createDispute")
    assert not Dispute.objects.exists()
    waiting = ProviderEventWork.objects.filter(state="waiting")
    assert "is not known: match it first" in waiting.exclude(cause="")[0].cause
    match(shop, payment)
    waiting.update(due_at=None)
    work_on_due_events()
    assert Dispute.objects.get().state == "open"
    found = shop.books()
    assert (found["1150"], found["2020"]) == (5000, 5000)


@pytest.mark.once
def test_the_dialog_says_what_it_pays_and_knows_no_other_project(shop: Shop) -> None:
    shop.invoice("30.00")
    payment = stranger(shop)
    factories.customer(project=factories.project(), external_id="elsewhere")
    finance = looking(factories.operator(project=shop.project, role="finance"))
    page = dialog("match", payment)
    for name in ("elsewhere", "nobody"):
        html = finance.post(page, {**SENT, "customer": name}).content.decode()
        assert "There is no such customer in this project." in html
    assert shop.books() == {**RECEIVED, "1100": 3000, "4000": 3000}
    support = looking(factories.operator(project=shop.project, role="support"))
    assert support.post(page, {**SENT, "customer": "acme"}).status_code == 403
    html = done(finance, page, {**SENT, "customer": "acme"})
    for words in ("30.00 USD pays INV-000001.", "20.00 USD becomes customer balance."):
        assert words in html
    assert shop.books() == {"1000": 4825, "2020": 2000, "4000": 3000, "5000": 175}
    address = reverse("admin:payments_payment_change", args=[payment.pk])
    assert "INV-000001" in finance.get(address).content.decode()
