"""The reconciliation of a period: what books, payments and Stripe say of one another."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.test import override_settings

from billing.models import Invoice
from bin.lib.fake_stripe import Running
from neruba import clock
from neruba.actor import SYSTEM
from neruba.append_only import purging
from neruba.edge import run_atomic
from neruba.errors import InvalidError
from payments.matching import Item, Occasion, Section, State
from payments.models import Payment, PayoutTransaction, ProviderEventWork, ProviderTransaction
from payments.selectors.reconciliation import Reconciliation
from payments.services.inbox import replay_event
from payments.services.transactions import Fetched, fetch_transactions, request_fetch
from payments.stripe_gateway import stripe_gateway_of
from payments.tasks import fetch_all_transactions
from tests import factories
from tests.payments.shop import DISPUTED, Shop, use_fake

DAY = timedelta(days=1)


class LiveShop(Shop):
    """Its invoices are of now."""

    def invoice(self, amount: str = "100.00") -> Invoice:
        return self.issued(amount, "USD")

    def issued(self, amount: str, currency: str) -> Invoice:
        issue = partial(factories.invoice, customer=self.customer, amount=amount, currency=currency)
        return run_atomic(partial(issue, at=clock.wall()))


@pytest.fixture
def shop(fake: Running, transactional_db: None) -> Iterator[Shop]:
    """A live one: the books' days are Stripe's."""
    with override_settings(STRIPE_API_BASE=fake.url):
        yield LiveShop(fake, project=factories.project(mode="live"))


def fetch(shop: Shop) -> Fetched:
    now = clock.wall()
    return fetch_transactions(
        shop.project,
        gateway=stripe_gateway_of(shop.project),
        since=now - DAY,
        to=now + DAY,
        wall=now,
    )


def reconciled(
    shop: Shop, since: datetime | None = None, to: datetime | None = None
) -> tuple[list[Item], Reconciliation]:
    """The items of today; each of them adds up, and everything ties out."""
    now = clock.wall()
    found = Reconciliation(shop.project, since=since or now - DAY, to=to or now + DAY)
    items = list(found.items())
    assert [tie for tie in found.ties if tie.difference] == []
    for _, here, there in found.provider_gap():
        mine = [item for item in items if item.section == Section.PROVIDER]
        assert here - there == sum(item.difference_minor for item in mine)
    return items, found


def states(items: list[Item], section: Section) -> dict[tuple[str, State], int]:
    found: dict[tuple[str, State], int] = {}
    for item in items:
        if item.section == section:
            key = (str(item.thing.occasion), item.state)
            found[key] = found.get(key, 0) + 1
    return found


def odd(items: list[Item]) -> list[Item]:
    return [item for item in items if item.state != State.MATCHED]


def test_a_whole_story_matches_on_all_sides(shop: Shop) -> None:
    shop.paid("100.00")
    shop.settle()
    payment = Payment.objects.get()
    body = {"amount": "30.00", "reason": "a mistake"}
    shop.post(f"payments/{payment.public_id}/refunds", body)
    shop.settle()
    shop.paid("50.00", card=DISPUTED)
    shop.settle()
    (dispute,) = shop.objects("disputes")
    shop.fake.control(f"disputes/{dispute['id']}/close", outcome="won")
    shop.settle()
    shop.fake.control("payouts", currency="usd")
    shop.settle()
    outside = partial(factories.payment, customer=shop.customer, amount="7.00", at=clock.wall())
    run_atomic(outside)
    assert fetch(shop) == Fetched(new=6, payouts=1)
    assert fetch(shop) == Fetched(new=0, payouts=0)
    items, found = reconciled(shop)
    assert odd(items) == []
    matched = dict.fromkeys(("payment", "refund", "dispute", "won dispute", "payout"), 1)
    assert states(items, Section.PROVIDER) == {
        (name, State.MATCHED): count for name, count in {**matched, "payment": 2}.items()
    }
    assert states(items, Section.PAYMENTS)["payment", State.MATCHED] == 3
    assert states(items, Section.INVOICES) == {("invoice", State.MATCHED): 2}
    ties = {tie.what[:4]: tie.booked for tie in found.ties}
    assert ties["1010"] == 700 + 10000 - 320 + 5000 - 175 - 1500 - 3000
    assert found.provider_gap() == [("USD", 0, 0)]
    assert found.payouts == []
    assert PayoutTransaction.objects.count() == 6


def test_a_webhook_that_was_dropped_is_missing_here_until_it_comes(shop: Shop) -> None:
    shop.paid("100.00")
    fetch(shop)
    items, found = reconciled(shop)
    (lost,) = odd(items)
    assert (lost.section, lost.state) == (Section.PROVIDER, State.MISSING_HERE)
    assert "no webhook of it was received" in lost.cause
    assert found.provider_gap() == [("USD", 0, 9680)]
    shop.settle()
    items, found = reconciled(shop)
    assert odd(items) == []
    assert found.provider_gap() == [("USD", 9680, 9680)]


def test_a_dead_webhook_is_named_and_its_replay_ends_it(shop: Shop) -> None:
    shop.paid("100.00")
    fetch(shop)
    with override_settings(STRIPE_API_BASE="http://127.0.0.1:9"):
        shop.deliver(*shop.events())
    waiting = ProviderEventWork.objects.filter(state="waiting")
    items, _ = reconciled(shop)
    assert ["not worked on yet" in item.cause for item in odd(items)] == [True]
    waiting.update(state="dead", attempts=7, cause="No.")
    items, _ = reconciled(shop)
    (lost,) = odd(items)
    assert "its webhook is dead" in lost.cause
    for work in ProviderEventWork.objects.filter(state="dead"):
        run_atomic(partial(replay_event, work=work, reason="mended", actor=SYSTEM, at=clock.wall()))
    shop.work()
    items, _ = reconciled(shop)
    assert odd(items) == []


def test_an_amount_that_differs_says_by_how_much(shop: Shop) -> None:
    shop.paid("100.00")
    shop.settle()
    fetch(shop)
    with purging():
        ProviderTransaction.objects.update(amount_minor=10100, net_minor=9780)
    items, _ = reconciled(shop)
    (item,) = odd(items)
    assert (item.state, item.difference_minor) == (State.DIFFERS, -100)
    assert item.cause == "the amount differs by -1.00 USD"
    with purging():
        ProviderTransaction.objects.update(amount_minor=10000, net_minor=9660, fee_minor=340)
    items, _ = reconciled(shop)
    assert [item.cause for item in odd(items)] == ["the fee differs by -0.20 USD"]


def test_a_payment_that_stripe_does_not_have_is_missing_there(shop: Shop) -> None:
    shop.paid("100.00")
    shop.settle()
    items, _ = reconciled(shop)
    assert [item.cause for item in odd(items)] == [
        "Nothing was fetched from Stripe yet: fetch the period."
    ]
    fetch(shop)
    with purging():
        ProviderTransaction.objects.update(source="ch_other")
    items, _ = reconciled(shop)
    here, there = odd(items)
    assert (here.state, there.state) == (State.MISSING_THERE, State.MISSING_HERE)
    assert Payment.objects.get().charge_id in here.cause
    assert "ch_other" in there.cause


def test_what_is_in_the_books_in_another_month_is_said_with_its_date(shop: Shop) -> None:
    shop.paid("100.00")
    shop.settle()
    fetch(shop)
    long_ago = clock.wall() - 40 * DAY
    with purging():
        ProviderTransaction.objects.update(created_at=long_ago)
    items, _ = reconciled(shop)
    (item,) = odd(items)
    assert (item.state, item.cause) == (
        State.MISSING_THERE,
        f"At Stripe outside this period: {long_ago:%Y-%m-%d}.",
    )
    items, _ = reconciled(shop, since=long_ago - DAY, to=long_ago + DAY)
    (item,) = items
    assert item.state == State.MISSING_HERE
    assert item.cause.startswith("In the books outside this period: accounting date ")


def test_what_stripe_keeps_beside_payments_is_named_as_such(shop: Shop) -> None:
    shop.paid("100.00")
    shop.settle()
    fetch(shop)
    with purging():
        ProviderTransaction.objects.update(type="stripe_fee", category="fee")
    items, _ = reconciled(shop)
    (other,) = [item for item in odd(items) if item.state == State.MISSING_HERE]
    assert "Neruba books nothing of this type" in other.cause
    assert other.thing.occasion == Occasion.OTHER


def test_a_row_without_its_entry_is_missing_in_the_ledger(shop: Shop) -> None:
    now = clock.wall()
    Payment.objects.create(
        project=shop.project,
        public_id="pay_lost",
        operation_key="stripe:pi_lost",
        method="stripe",
        state="succeeded",
        amount_minor=500,
        currency="USD",
        received_at=now,
        created_at=now,
    )
    items, _ = reconciled(shop)
    (item,) = items
    assert (item.section, item.state) == (Section.PAYMENTS, State.MISSING_THERE)
    assert item.name == "pay_lost"


def test_a_payout_whose_parts_do_not_add_up_is_named(shop: Shop) -> None:
    shop.paid("100.00")
    shop.settle()
    shop.fake.control("payouts", currency="usd")
    shop.settle()
    fetch(shop)
    _, found = reconciled(shop)
    assert found.payouts == []
    with purging():
        PayoutTransaction.objects.filter(transaction__type="charge").delete()
    _, found = reconciled(shop)
    ((payout, currency, minor),) = found.payouts
    assert (payout[:3], currency, minor) == ("po_", "USD", -9680)
    assert fetch(shop) == Fetched(new=0, payouts=1)
    _, found = reconciled(shop)
    assert found.payouts == []


def test_the_daily_task_fetches_what_is_new_in_every_project(shop: Shop) -> None:
    broken = factories.project(mode="live")
    use_fake(broken, key="sk_test_of_nobody")
    shop.paid("100.00")
    assert fetch_all_transactions() == 1
    kept = ProviderTransaction.objects.get()
    assert (kept.project, kept.type, kept.net_minor) == (shop.project, "charge", 9680)
    shop.paid("50.00")
    assert fetch_all_transactions() == 1
    assert fetch_all_transactions() == 0


def test_a_fetch_that_was_asked_for_is_done_from_the_outbox(shop: Shop) -> None:
    shop.paid("100.00")
    now = clock.wall()
    ask = partial(request_fetch, project=shop.project, since=now, reason="x", actor=SYSTEM, at=now)
    with pytest.raises(InvalidError):
        run_atomic(partial(ask, to=now))
    shop.work()
    assert not ProviderTransaction.objects.exists()
    run_atomic(partial(ask, since=now - DAY, to=now + DAY))
    shop.work()
    assert ProviderTransaction.objects.get().source.startswith("ch_")


def test_a_yen_is_kept_in_our_minor_units(shop: LiveShop) -> None:
    invoice = shop.issued("1200", "JPY")
    assert shop.pay(shop.checkout(invoice)) == 303
    shop.settle()
    fetch(shop)
    kept = ProviderTransaction.objects.get()
    assert (kept.currency, kept.amount_minor) == ("JPY", 1200)
    items, _ = reconciled(shop)
    assert odd(items) == []


def test_a_payment_or_a_payout_that_comes_back_matches_too(shop: Shop) -> None:
    shop.paid("100.00")
    shop.settle()
    payment = Payment.objects.get()
    shop.post(f"payments/{payment.public_id}/refunds", {"amount": "30.00", "reason": "x"})
    shop.settle()
    (there,) = shop.objects("refunds")
    shop.fake.control(f"refunds/{there['id']}/fail")
    shop.settle()
    payout = shop.fake.control("payouts", currency="usd")
    shop.settle()
    shop.fake.control(f"payouts/{payout['id']}/fail")
    shop.settle()
    (intent,) = shop.objects("payment_intents")
    shop.fake.control(f"fail_payment/{intent['id']}")
    shop.settle()
    fetch(shop)
    items, found = reconciled(shop)
    assert odd(items) == []
    assert found.provider_gap() == [("USD", -320, -320)]


def test_a_payout_on_its_way_is_missing_here_until_the_bank_has_it(shop: Shop) -> None:
    shop.paid("100.00")
    shop.settle()
    payout = shop.fake.control("payouts", currency="usd", paid=False)
    fetch(shop)
    items, _ = reconciled(shop)
    (item,) = odd(items)
    assert item.state == State.MISSING_HERE
    assert "when it has reached the bank" in item.cause
    shop.settle()
    items, _ = reconciled(shop)
    (item,) = odd(items)
    assert "when it has reached the bank" in item.cause
    shop.fake.control(f"payouts/{payout['id']}/pay")
    shop.settle()
    items, _ = reconciled(shop)
    assert odd(items) == []


def test_both_ways_of_one_dispute_have_their_cause(shop: Shop) -> None:
    shop.paid("50.00", card=DISPUTED)
    (dispute,) = shop.objects("disputes")
    shop.fake.control(f"disputes/{dispute['id']}/close", outcome="won")
    fetch(shop)
    with override_settings(STRIPE_API_BASE="http://127.0.0.1:9"):
        shop.deliver(*shop.events())
    items, _ = reconciled(shop)
    assert {str(item.thing.occasion): "not worked on yet" in item.cause for item in items} == {
        "payment": True,
        "dispute": True,
        "won dispute": True,
        "invoice": False,
    }
    shop.work()
    items, _ = reconciled(shop)
    assert odd(items) == []
