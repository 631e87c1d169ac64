"""Refunds, disputes and payments that fail after all: posted, and undone the same way."""

import json

from billing.models import CreditNote
from billing.selectors.verify_settlements import settlement_differences
from billing.services.write_offs import void_invoice, write_off
from ledger.selectors.wallets import grant_balances, grants_of
from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.models import OutboxMessage
from payments.models import Dispute, Payment, ProviderEventWork, Refund
from payments.tasks import close_needless_sessions, work_on_due_events
from tests import factories
from tests.payments.shop import DISPUTED, Shop

PAID = {"1000": 9680, "4000": 10000, "5000": 320}


def left(shop: Shop) -> list[int]:
    """What is left of each grant, oldest first."""
    grants = list(grants_of(shop.project))
    balances = grant_balances(grants)
    return [balances[grant.pk] for grant in grants]


def waiting() -> int:
    return ProviderEventWork.objects.filter(state__in=["waiting", "dead"]).count()


def refund(shop: Shop, amount: str, status: int = 201) -> dict[str, str]:
    payment = Payment.objects.get()
    body = {"amount": amount, "reason": "a mistake"}
    found: dict[str, str] = shop.post(f"payments/{payment.public_id}/refunds", body, status)
    return found


def test_a_refund_is_a_credit_note_and_goes_out_once_the_provider_has_it(shop: Shop) -> None:
    invoice = shop.paid()
    shop.settle()
    made = refund(shop, "30.00")
    assert shop.books() == {**PAID, "2300": 3000, "4900": 3000}
    assert made["status"] == "pending"
    shop.work()
    assert shop.books() == {**PAID, "1000": 6680, "4900": 3000}
    (shown,) = shop.get("refunds")["data"]
    assert (shown["status"], shown["amount"]) == ("succeeded", "30.00")
    assert shown["credit_note"] == CreditNote.objects.get().public_id
    shop.settle()
    assert shop.books() == {**PAID, "1000": 6680, "4900": 3000}
    invoice.refresh_from_db()
    assert invoice.status == "paid"
    before = shop.books()
    refund(shop, "70.01", 409)
    assert (shop.books(), Refund.objects.count()) == (before, 1)


def test_a_refund_made_at_the_provider_is_covered_by_a_credit_note(shop: Shop) -> None:
    shop.paid()
    (intent,) = shop.objects("payment_intents")
    shop.create("refunds", payment_intent=intent["id"], amount="2500")
    shop.settle()
    assert shop.books() == {**PAID, "1000": 7180, "4900": 2500}
    made = Refund.objects.get()
    assert (made.state, made.amount_minor) == ("succeeded", 2500)
    assert made.credit_note == CreditNote.objects.get()


def test_a_refund_that_fails_after_all_is_customer_balance(shop: Shop) -> None:
    shop.paid()
    shop.settle()
    refund(shop, "30.00")
    shop.work()
    (there,) = shop.objects("refunds")
    shop.fake.control(f"refunds/{there['id']}/fail")
    shop.settle()
    assert shop.books() == {**PAID, "2020": 3000, "4900": 3000}
    assert Refund.objects.get().state == "failed"
    shop.settle()
    assert shop.books() == {**PAID, "2020": 3000, "4900": 3000}


def test_a_refund_that_the_provider_refuses_is_customer_balance(shop: Shop) -> None:
    shop.paid()
    shop.settle()
    (intent,) = shop.objects("payment_intents")
    shop.create("refunds", payment_intent=intent["id"])  # nobody has told of it yet
    refund(shop, "30.00")
    shop.work()
    refused = Refund.objects.get()
    assert (refused.state, refused.provider_id) == ("failed", "")
    assert shop.books() == {**PAID, "2020": 3000, "4900": 3000}
    shop.settle()
    assert shop.books() == {"1000": -320, "4000": 10000, "4900": 10000, "5000": 320}


def test_a_refund_that_waits_gives_way_to_one_that_was_made_at_the_provider(shop: Shop) -> None:
    shop.paid()
    shop.settle()
    (intent,) = shop.objects("payment_intents")
    refund(shop, "30.00")
    shop.create("refunds", payment_intent=intent["id"])
    shop.deliver(*shop.events())
    work_on_due_events()  # before the refund is sent
    assert Refund.objects.earliest("pk").state == "failed"
    shop.work()
    assert shop.books() == {"1000": -320, "4000": 10000, "4900": 10000, "5000": 320}
    assert len(shop.objects("refunds")) == 1


def test_a_payment_that_fails_after_all_is_due_again(shop: Shop) -> None:
    invoice = shop.paid()
    shop.settle()
    (intent,) = shop.objects("payment_intents")
    shop.fake.control(f"fail_payment/{intent['id']}")
    shop.settle()
    invoice.refresh_from_db()
    assert invoice.status == "open"
    assert shop.books() == {"1000": -320, "1100": 10000, "4000": 10000, "5000": 320}
    assert Payment.objects.get().state == "reversed"
    assert shop.checkout(invoice)["amount"] == "100.00"


def test_a_payment_of_a_void_invoice_that_fails_is_taken_from_the_balance(shop: Shop) -> None:
    invoice = shop.paid()
    shop.settle()
    run_atomic(
        lambda: void_invoice(
            invoice=invoice, reason="a test", actor=SYSTEM, at=clock.now(shop.project)
        )
    )
    (intent,) = shop.objects("payment_intents")
    shop.fake.control(f"fail_payment/{intent['id']}")
    shop.settle()
    assert shop.books() == {"1000": -320, "5000": 320}
    assert list(settlement_differences(shop.project)) == []


def test_a_payment_that_fails_after_a_part_went_back(shop: Shop) -> None:
    invoice = shop.paid()
    shop.settle()
    refund(shop, "30.00")
    shop.work()
    (intent,) = shop.objects("payment_intents")
    shop.fake.control(f"fail_payment/{intent['id']}")
    shop.settle()
    invoice.refresh_from_db()
    assert invoice.status == "open"
    assert shop.books() == {
        "1000": -320, "1100": 7000, "4000": 10000, "4900": 3000, "5000": 320,
    }  # fmt: skip


def test_a_refund_that_failed_is_taken_from_the_balance_when_the_payment_fails(
    shop: Shop,
) -> None:
    """The invoice stays credited and paid by as much; what of the balance is spent is owed."""
    session = shop.checkout(invoice := shop.invoice("100.00"))
    shop.transfer("60.00", invoice)
    assert shop.pay(session) == 303
    shop.settle()
    refund_of = Payment.objects.get(method="stripe").public_id
    shop.post(f"payments/{refund_of}/refunds", {"amount": "100.00", "reason": "all of it"})
    shop.work()
    (there,) = shop.objects("refunds")
    shop.fake.control(f"refunds/{there['id']}/fail")
    shop.settle()
    assert shop.books()["2020"] == 10000
    shop.invoice("80.00")
    (intent,) = shop.objects("payment_intents")
    shop.fake.control(f"fail_payment/{intent['id']}")
    shop.settle()
    assert shop.books() == {
        "1000": -320, "1010": 6000, "1100": 8000, "4000": 18000, "4900": 4000, "5000": 320,
    }  # fmt: skip
    invoice.refresh_from_db()
    assert invoice.status == "paid"


def test_a_dispute_that_is_lost_is_a_loss_and_one_that_is_won_comes_back(shop: Shop) -> None:
    for outcome, books in (
        ("won", {"1000": 8180, "4000": 10000, "5000": 320, "5020": 1500}),
        ("lost", {"1000": 6360, "4000": 20000, "5000": 640, "5010": 10000, "5020": 3000}),
    ):
        invoice = shop.paid(card=DISPUTED)
        shop.settle()
        dispute = Dispute.objects.latest("pk")
        assert (dispute.state, shop.books()["1150"]) == ("open", 10000)
        shop.fake.control(f"disputes/{dispute.provider_id}/close", outcome=outcome)
        shop.settle()
        dispute.refresh_from_db()
        assert dispute.state == outcome
        assert shop.books() == books
        invoice.refresh_from_db()
        assert invoice.status == "paid"
    assert [row["status"] for row in shop.get("disputes")["data"]] == ["won", "lost"]


def test_a_pack_is_sold_with_its_payment_and_an_abandoned_one_leaves_nothing(shop: Shop) -> None:
    code = shop.pack()
    abandoned = shop.buy(code)
    assert shop.books() == {}
    assert shop.pay(shop.buy(code)) == 303
    shop.settle()
    assert left(shop) == [10000, 2000]
    assert shop.books() == {"1000": 9680, "1910": 2000, "2000": 10000, "2010": 2000, "5000": 320}
    ends = [grant.expires_at for grant in grants_of(shop.project)]
    assert all(end is not None and end.year == 2027 for end in ends)
    assert shop.get("checkout-sessions/" + abandoned["id"])["status"] == "open"
    shop.invoice("50.00")
    assert sum(left(shop)) == 7000


def test_a_pack_whose_payment_fails_later_is_unpaid_again(shop: Shop) -> None:
    assert shop.pay(shop.buy(shop.pack())) == 303
    shop.settle()
    shop.invoice("50.00")
    assert left(shop) == [7000, 0]
    (intent,) = shop.objects("payment_intents")
    shop.fake.control(f"fail_payment/{intent['id']}")
    shop.settle()
    assert left(shop) == [0, 0]
    found = shop.books()
    assert found["1100"] == 10000
    assert found["2110"] == 7000
    assert found["1000"] == -320


def test_a_dispute_freezes_what_it_paid_for_and_takes_what_is_left(shop: Shop) -> None:
    assert shop.pay(shop.buy(shop.pack()), DISPUTED) == 303
    shop.settle()
    assert {grant.frozen_by for grant in grants_of(shop.project)} == {
        Dispute.objects.get().public_id
    }
    assert all(grant.due_at is None for grant in grants_of(shop.project))
    frozen = shop.invoice("30.00")
    assert frozen.status == "open"
    shop.fake.control(f"disputes/{Dispute.objects.get().provider_id}/close", outcome="lost")
    shop.settle()
    assert left(shop) == [0, 0]
    assert shop.books() == {
        "1000": -1820, "1100": 3000, "4000": 3000, "5000": 320, "5020": 1500,
    }  # fmt: skip


def test_a_dispute_that_is_won_thaws_what_it_froze(shop: Shop) -> None:
    assert shop.pay(shop.buy(shop.pack()), DISPUTED) == 303
    shop.settle()
    shop.fake.control(f"disputes/{Dispute.objects.get().provider_id}/close", outcome="won")
    shop.settle()
    assert left(shop) == [10000, 2000]
    for grant in grants_of(shop.project):
        assert (grant.frozen_by, grant.due_at) == ("", grant.expires_at)
    assert shop.invoice("30.00").status == "paid"


def test_a_pack_is_refunded_as_far_as_it_is_not_spent(shop: Shop) -> None:
    assert shop.pay(shop.buy(shop.pack(bonus="0.00"))) == 303
    shop.settle()
    shop.invoice("40.00")
    refund(shop, "60.01", 409)
    refund(shop, "60.00")
    shop.work()
    assert left(shop) == [0]
    assert shop.books() == {"1000": 3680, "4000": 4000, "5000": 320}


def test_what_was_paid_too_much_is_on_the_balance_and_goes_back_first(shop: Shop) -> None:
    invoice = shop.invoice("100.00")
    session = shop.checkout(invoice)
    shop.transfer("60.00")
    assert shop.pay(session) == 303
    shop.settle()
    assert shop.books()["2020"] == 6000
    payment = Payment.objects.get(method="stripe")
    body = {"amount": "70.00", "reason": "twice"}
    made = shop.post(f"payments/{payment.public_id}/refunds", body)
    assert [part["amount"] for part in made["covered_by"]] == ["60.00", "10.00"]
    assert "2020" not in shop.books()


def test_a_page_of_an_invoice_that_is_paid_otherwise_is_closed(shop: Shop) -> None:
    invoice = shop.invoice("100.00")
    session = shop.checkout(invoice)
    assert shop.checkout(invoice, 200)["id"] == session["id"]
    shop.transfer("100.00")
    close_needless_sessions()
    assert shop.get("checkout-sessions/" + session["id"])["status"] == "expired"
    assert shop.pay(session) == 400
    shop.checkout(invoice, 409)


def test_what_was_written_off_is_recovered_by_the_payment(shop: Shop) -> None:
    invoice = shop.invoice("100.00")
    session = shop.checkout(invoice)
    run_atomic(lambda: write_off(invoice=invoice, reason="gone", actor=SYSTEM, at=factories.START))
    close_needless_sessions()
    assert shop.pay(session) == 303
    shop.settle()
    invoice.refresh_from_db()
    assert invoice.status == "paid"
    assert shop.books() == PAID


def test_a_refund_of_money_from_outside_is_paid_out_by_hand(shop: Shop) -> None:
    invoice = shop.invoice("100.00")
    shop.transfer("100.00", invoice)
    made = refund(shop, "100.00")
    assert made["status"] == "succeeded"
    assert shop.books() == {"4000": 10000, "4900": 10000}


def test_a_payout_moves_to_the_bank_and_one_that_fails_comes_back(shop: Shop) -> None:
    shop.paid()
    shop.settle()
    payout = shop.fake.control("payouts", currency="usd")
    shop.settle()
    assert shop.books() == {"1010": 9680, "4000": 10000, "5000": 320}
    shop.fake.control(f"payouts/{payout['id']}/fail")
    shop.settle()
    assert shop.books() == PAID


def test_money_of_a_stranger_is_unapplied(shop: Shop) -> None:
    card = {"payment_method": "card_visa", "confirm": "true"}
    shop.create("payment_intents", amount="5000", currency="usd", **card)
    shop.settle()
    assert shop.books() == {"1000": 4825, "2050": 5000, "5000": 175}
    assert Payment.objects.get().customer is None
    assert waiting() == 0


def test_a_refund_is_not_asked_for_twice_when_the_provider_does_not_answer(shop: Shop) -> None:
    shop.paid()
    shop.settle()
    shop.fake.control("outage", count=9, kind="error", after=True, method="POST")
    refund(shop, "30.00")
    shop.work()
    assert Refund.objects.get().state == "pending"
    shop.fake.control("outage", count=0)
    OutboxMessage.objects.update(due_at=None)
    shop.work()
    shop.settle()
    assert len(shop.objects("refunds")) == 1
    assert shop.books() == {**PAID, "1000": 6680, "4900": 3000}
    assert json.loads(Refund.objects.get().cover) == [
        {"amount": "30.00", "from": "credit note CN-000001"}
    ]
