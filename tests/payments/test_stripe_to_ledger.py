"""From the page on which a customer pays to the books, through every door."""

from payments.models import CheckoutSession, Payment, ProviderEventWork
from tests.payments.shop import DECLINED, Shop


def test_an_invoice_paid_on_the_page_is_paid_in_the_books(shop: Shop) -> None:
    invoice = shop.invoice("100.00")
    session = shop.checkout(invoice)
    assert shop.pay(session, DECLINED) == 402
    assert shop.pay(session) == 303
    assert shop.get("invoices/" + invoice.public_id)["status"] == "open"
    shop.settle()
    invoice.refresh_from_db()
    assert invoice.status == "paid"
    # 2.9 % and 0.30 is what the provider keeps.
    assert shop.books() == {"1000": 9680, "4000": 10000, "5000": 320}
    payment = Payment.objects.get()
    assert (payment.state, payment.fee_minor, payment.customer) == (
        "succeeded", 320, shop.customer,
    )  # fmt: skip
    found = shop.get("checkout-sessions/" + session["id"])
    assert (found["status"], found["payment"]) == ("completed", payment.public_id)
    assert not ProviderEventWork.objects.filter(state__in=["waiting", "dead"]).exists()


def test_everything_told_again_changes_nothing(shop: Shop) -> None:
    shop.paid()
    shop.settle()
    before = shop.books(), Payment.objects.count(), ProviderEventWork.objects.count()
    shop.settle()
    ProviderEventWork.objects.exclude(subject="").update(state="waiting", attempts=0)
    shop.work()
    after = shop.books(), Payment.objects.count(), ProviderEventWork.objects.count()
    assert after == before
    assert not CheckoutSession.objects.filter(state="open").exists()
