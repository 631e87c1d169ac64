"""Checkout sessions and credit packs over the API: what is refused, repeated, and when the provider
is away.
"""

import json
from typing import Any

import pytest

from billing.services.write_offs import void_invoice
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.models import IdempotencyRecord, ProjectSecret
from payments.models import CheckoutSession, CreditPack, Payment, ProviderEventWork
from payments.services.checkout import basket_of_invoice, open_checkout
from payments.stripe_gateway import stripe_gateway_of
from payments.tasks import close_needless_sessions
from tests import factories
from tests.payments.shop import ADDRESSES, Shop, post_event, use_fake


def ask(shop: Shop, wanted: Any, key: str = "k", **changed: Any) -> Any:
    body = {"for": wanted, **ADDRESSES, **changed}
    return shop.api.post("/api/v1/checkout-sessions", body, format="json", HTTP_IDEMPOTENCY_KEY=key)


def test_the_same_request_is_answered_the_same_page(shop: Shop) -> None:
    wanted = {"invoice": shop.invoice().public_id}
    first, again = ask(shop, wanted), ask(shop, wanted)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    other = ask(shop, wanted, key="another", success_url="https://shop.example/else")
    assert (other.status_code, other.json()["id"]) == (200, first.json()["id"])
    assert len(shop.objects("checkout/sessions")) == 1


def test_a_provider_that_is_away_blocks_no_repeat(shop: Shop) -> None:
    wanted = {"invoice": shop.invoice().public_id}
    shop.fake.control("outage", count=99, kind="error", method="POST", after=True)
    answer = ask(shop, wanted)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert not CheckoutSession.objects.exists()
    assert not IdempotencyRecord.objects.filter(key="k").exists()
    shop.fake.control("outage", count=0)
    assert ask(shop, wanted).status_code == 201
    # It had been made before the answer was lost, and is found again.
    assert len(shop.objects("checkout/sessions")) == 1


def test_of_two_that_ask_at_once_one_page_stays(shop: Shop) -> None:
    invoice, gateway = shop.invoice(), stripe_gateway_of(shop.project)
    pages = [
        basket_of_invoice(invoice, success_url=f"https://{name}.example", cancel_url="https://c.co")
        for name in ("one", "two")
    ]
    first, second = [
        open_checkout(page, gateway=gateway, actor=SYSTEM, at=factories.START) for page in pages
    ]
    assert first == second == CheckoutSession.objects.get()
    states = {row["id"]: row["status"] for row in shop.objects("checkout/sessions")}
    assert states.pop(first.provider_id) == "open"
    assert list(states.values()) == ["expired"]


@pytest.mark.parametrize(
    ("wanted", "status", "pointer"),
    [
        ({}, 400, "/for"),
        ({"invoice": "inv_x", "credit_pack": "p"}, 400, "/for"),
        ({"credit_pack": "p"}, 400, "/for/customer"),
        ({"top_up": {"wallet": "wal_1", "amount": "5.00"}}, 400, "/for/top_up"),
        ({"invoice": "inv_x"}, 404, None),
        ({"credit_pack": "p", "customer": "acme"}, 404, None),
    ],
)
def test_what_cannot_be_paid_is_refused(
    shop: Shop, wanted: Any, status: int, pointer: str | None
) -> None:
    answer = ask(shop, wanted)
    assert answer.status_code == status, answer.json()
    if pointer:
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert not CheckoutSession.objects.exists()


def test_an_address_that_is_not_of_the_web_is_refused(shop: Shop) -> None:
    wanted = {"invoice": shop.invoice().public_id}
    for address in ("javascript:alert(1)", "shop.example", "https://", "http://[", "https://a b"):
        answer = ask(shop, wanted, success_url=address)
        assert answer.status_code == 400, address
    assert not CheckoutSession.objects.exists()


def test_a_project_without_a_key_of_the_provider_is_told_so(shop: Shop) -> None:
    ProjectSecret.objects.filter(project=shop.project).delete()
    answer = ask(shop, {"invoice": shop.invoice().public_id})
    assert (answer.status_code, answer.json()["code"]) == (409, "provider_not_configured")


def test_money_for_an_invoice_that_was_made_void_is_on_the_balance(shop: Shop) -> None:
    invoice = shop.invoice()
    session = shop.checkout(invoice)
    run_atomic(
        lambda: void_invoice(invoice=invoice, reason="wrong", actor=SYSTEM, at=factories.START)
    )
    assert shop.pay(session) == 303
    shop.settle()
    assert shop.books() == {"1000": 9680, "2020": 10000, "5000": 320}
    assert Payment.objects.get().state == "succeeded"


def test_a_pack_never_changes(shop: Shop) -> None:
    body = {"code": "p", "price": "10.00", "credits": "10.00", "bonus_credits": "1.00"}
    first = shop.post("credit-packs", body)
    assert shop.post("credit-packs", body, 200) == first
    assert shop.post("credit-packs", {**body, "bonus_credits": "2.00"}, 409)
    for name, value in (("credits", "11.00"), ("price", "0.00"), ("bonus_credits", "-1.00")):
        shop.post("credit-packs", {**body, "code": "q", name: value}, 400)
    assert CreditPack.objects.get().bonus_minor == 100
    assert shop.get("credit-packs")["data"] == [first]


def test_a_page_of_which_nobody_has_told_how_it_ended_is_asked_for(shop: Shop) -> None:
    """Its webhooks never came; the money is found when the page must be over."""
    shop.paid()
    CheckoutSession.objects.update(expires_at=factories.START)
    assert close_needless_sessions() == 1
    assert CheckoutSession.objects.get().state == "completed"
    assert shop.books() == {"1000": 9680, "4000": 10000, "5000": 320}


def test_a_payment_of_another_project_with_the_same_account_is_not_ours(shop: Shop) -> None:
    other = factories.project()
    use_fake(other)
    factories.customer(project=other, external_id="acme")
    shop.paid()
    for event in shop.events():
        assert post_event(other.slug, json.dumps(event).encode()) == 200
    shop.work()
    assert not Payment.objects.exists()
    assert not ProviderEventWork.objects.filter(state__in=["waiting", "dead"]).exists()
