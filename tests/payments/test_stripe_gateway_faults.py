"""The gateway on the fake, where it fails: outages, unknown outcomes, money that comes back."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from django.test import override_settings

from bin.lib.fake_stripe import Running
from neruba.money import Money
from payments.errors import ProviderNotConfiguredError, ProviderUnavailableError
from payments.stripe_gateway import StripeGateway, stripe_gateway_of
from tests import factories
from tests.payments.conftest import Account, on_fake
from tests.payments.test_stripe_gateway import paid, request


@pytest.fixture
def account(fake: Running) -> Account:
    """On the fake whatever the environment says; one attempt a call, so that each fault is seen."""
    return on_fake(fake, network_retries=0)


def refund(account: Account, payment_id: str, key: str = "refund-1") -> str:
    made = account.gateway.create_refund(
        payment_id=payment_id, amount=Money(1000, "USD"), metadata={}, idempotency_key=key
    )
    return made.id


@pytest.mark.parametrize("kind", ["error", "timeout"])
@pytest.mark.parametrize("after", [False, True])
def test_an_unknown_outcome_is_asked_by_the_same_key(
    fake: Running, account: Account, kind: str, *, after: bool
) -> None:
    payment_id = paid(account)
    fake.control("outage", count=1, kind=kind, after=after)
    with pytest.raises(ProviderUnavailableError):
        refund(account, payment_id)
    there_before = [row.id for row in account.client.v1.refunds.list().data]
    assert len(there_before) == (1 if after else 0)

    told = refund(account, payment_id)

    there = [row.id for row in account.client.v1.refunds.list().data]
    assert there == [told]
    if after:
        assert there_before == [told]


def test_a_slow_answer_is_unknown_and_asked_again(fake: Running, account: Account) -> None:
    hasty = StripeGateway(api_key=fake.key, api_base=fake.url, network_retries=0, read_timeout_s=1)
    fake.control("outage", count=1, kind="timeout", after=True, seconds=1.5)
    with pytest.raises(ProviderUnavailableError):
        hasty.create_checkout_session(request(), idempotency_key="k")

    told = hasty.create_checkout_session(request(), idempotency_key="k")

    assert [row.id for row in account.client.v1.checkout.sessions.list().data] == [told.id]


def test_the_library_itself_outlives_one_fault(fake: Running, account: Account) -> None:
    patient = StripeGateway(api_key=fake.key, api_base=fake.url)
    fake.control("outage", count=1, kind="timeout", after=True)

    made = patient.create_checkout_session(request(), idempotency_key="k")

    assert [row.id for row in account.client.v1.checkout.sessions.list().data] == [made.id]


def test_nobody_listening_is_unavailable() -> None:
    gateway = StripeGateway(api_key="sk_test_1", api_base="http://127.0.0.1:9", network_retries=0)
    with pytest.raises(ProviderUnavailableError):
        gateway.retrieve_payment("pi_1")


def test_a_session_that_is_paid_shows_payment_and_metadata(fake: Running, account: Account) -> None:
    made = account.gateway.create_checkout_session(request(), idempotency_key="k")
    assert made.url is not None
    declined = requests.post(made.url, data={"number": "4000000000000002"}, timeout=10)
    assert declined.status_code == 402
    assert account.gateway.retrieve_checkout_session(made.id).status == "open"

    answer = requests.post(
        made.url, data={"number": "4242 4242 4242 4242"}, timeout=10, allow_redirects=False
    )

    assert answer.headers["Location"] == "https://example.com/paid"
    session = account.gateway.retrieve_checkout_session(made.id)
    assert (session.status, session.payment_status) == ("complete", "paid")
    assert session.payment_id is not None
    payment = account.gateway.retrieve_payment(session.payment_id)
    assert (payment.received, payment.metadata) == (Money(4250, "USD"), request().metadata)
    again = requests.post(made.url, data={"number": "4242424242424242"}, timeout=10)
    assert again.status_code == 400
    assert len(account.client.v1.charges.list({"payment_intent": payment.id}).data) == 2


@pytest.mark.parametrize(
    ("succeeds", "status", "told"),
    [(True, "paid", "succeeded"), (False, "unpaid", "failed")],
)
def test_a_session_paid_by_bank_debit_is_settled_later(
    fake: Running, account: Account, status: str, told: str, *, succeeds: bool
) -> None:
    made = account.gateway.create_checkout_session(request(), idempotency_key="k")
    requests.post(str(made.url), data={"number": "000123456789"}, timeout=10, allow_redirects=False)
    session = account.gateway.retrieve_checkout_session(made.id)
    assert (session.status, session.payment_status) == ("complete", "unpaid")

    fake.control(f"settle/{session.payment_id}", succeeds=succeeds)

    assert account.gateway.retrieve_checkout_session(made.id).payment_status == status
    newest = account.client.v1.events.list({"limit": 1}).data[0]
    assert newest.type == f"checkout.session.async_payment_{told}"


def test_a_refund_that_fails_later_shows_why(fake: Running, account: Account) -> None:
    refund_id = refund(account, paid(account))
    fake.control(f"refunds/{refund_id}/fail")

    failed = account.gateway.retrieve_refund(refund_id)

    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")


def test_a_dispute_shows_what_it_moved(fake: Running, account: Account) -> None:
    payment_id = paid(account, "pm_card_createDispute")
    dispute_id = account.client.v1.disputes.list().data[0].id
    opened = account.gateway.retrieve_dispute(dispute_id)
    fake.control(f"disputes/{dispute_id}/close", outcome="won")
    closed = account.gateway.retrieve_dispute(dispute_id)

    assert (opened.status, opened.payment_id) == ("needs_response", payment_id)
    assert not opened.is_inquiry
    assert [row.net for row in opened.movements] == [Money(-6500, "USD")]
    assert closed.status == "won"
    assert [row.net.minor for row in closed.movements] == [-6500, 5000]


def test_movements_of_a_payout_come_over_all_pages(fake: Running, account: Account) -> None:
    for number in range(120):
        paid(account, amount=100 + number)
    fake.control("payouts", currency="usd")
    payout = next(account.gateway.list_payouts())

    rows = list(account.gateway.list_balance_transactions(payout_id=payout.id))

    assert (len(rows), sum(row.net.minor for row in rows)) == (121, 0)
    assert len({row.id for row in rows}) == 121
    assert [row.kind for row in rows[:2]] == ["payout", "charge"]
    assert payout.is_automatic
    assert -payout.amount == rows[0].amount


def test_movements_are_bounded_by_time(account: Account) -> None:
    paid(account)
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    listed = account.gateway.list_balance_transactions

    assert len(list(listed(created_from=now - hour, created_to=now + hour))) == 1
    assert list(listed(created_from=now + hour)) == []
    assert list(listed(created_to=now - hour)) == []


@pytest.mark.django_db
def test_the_gateway_of_a_project_uses_its_key_and_the_address_that_is_set(
    fake: Running,
) -> None:
    project = factories.project()
    with pytest.raises(ProviderNotConfiguredError):
        stripe_gateway_of(project)
    factories.secret(project=project, value=fake.key)

    with override_settings(STRIPE_API_BASE=fake.url):
        made = stripe_gateway_of(project).create_checkout_session(request(), idempotency_key="k")

    assert made.url is not None
    assert made.url.startswith(fake.url)
