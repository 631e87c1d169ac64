"""The gateway on an account: the fake, or Stripe's test mode with bin/stripe-check."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from neruba.money import Money
from payments.errors import (
    ProviderKeyRefusedError,
    ProviderNotFoundError,
    ProviderRefusedError,
)
from payments.gateway import CheckoutRequest, PaymentGateway
from payments.stripe_gateway import StripeGateway
from tests.payments.conftest import TEST_KEY, Account

METADATA = {"neruba_invoice": "inv_1"}


def key() -> str:
    """No key has been used before, on Stripe's servers either."""
    return f"test-{uuid.uuid4()}"


def request(**changed: Any) -> CheckoutRequest:
    given: dict[str, Any] = {
        "amount": Money(4250, "USD"),
        "description": "Invoice INV-1",
        "success_url": "https://example.com/paid",
        "cancel_url": "https://example.com/back",
        "reference": "inv_1",
        "metadata": METADATA,
        "customer_email": "jenny@example.com",
    }
    return CheckoutRequest(**{**given, **changed})


def paid(account: Account, token: str = "pm_card_visa", amount: int = 5000) -> str:
    """A payment made by a payer."""
    intent = account.client.v1.payment_intents.create(
        {
            "amount": amount,
            "currency": "usd",
            "confirm": True,
            "payment_method": token,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": METADATA,
        }
    )
    return intent.id


def test_the_adapter_is_a_gateway(account: Account) -> None:
    gateway: PaymentGateway = account.gateway
    assert gateway is account.gateway


def test_a_checkout_session_states_what_was_asked_for(account: Account) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    made = account.gateway.create_checkout_session(request(expires_at=until), idempotency_key=key())

    assert (made.status, made.payment_status) == ("open", "unpaid")
    assert made.amount == Money(4250, "USD")
    assert made.expires_at == until
    assert (made.reference, made.metadata) == ("inv_1", METADATA)
    assert made.url is not None
    assert made.url.startswith("http")
    assert account.gateway.retrieve_checkout_session(made.id) == made


def test_a_repeated_call_opens_no_second_session(account: Account) -> None:
    once = key()
    first, again = (
        account.gateway.create_checkout_session(request(), idempotency_key=once) for _ in range(2)
    )

    assert first.id == again.id


def test_a_key_with_other_content_is_refused(account: Account) -> None:
    once = key()
    account.gateway.create_checkout_session(request(), idempotency_key=once)

    with pytest.raises(ProviderRefusedError) as raised:
        account.gateway.create_checkout_session(
            request(amount=Money(1, "USD")), idempotency_key=once
        )
    assert raised.value.provider_code == "idempotency_error"


def test_an_expired_session_is_closed_for_good(account: Account) -> None:
    made = account.gateway.create_checkout_session(request(), idempotency_key=key())

    expired = account.gateway.expire_checkout_session(made.id)

    assert (expired.status, expired.url) == ("expired", None)
    with pytest.raises(ProviderRefusedError):
        account.gateway.expire_checkout_session(made.id)


def test_amounts_in_hundredths_of_whole_currencies_come_back_whole(account: Account) -> None:
    made = account.gateway.create_checkout_session(
        request(amount=Money(1500, "ISK")), idempotency_key=key()
    )

    assert made.amount == Money(1500, "ISK")


def test_a_payment_shows_its_charge_and_fee(account: Account) -> None:
    payment = account.gateway.retrieve_payment(paid(account))

    assert (payment.status, payment.received) == ("succeeded", Money(5000, "USD"))
    assert payment.metadata == METADATA
    charge = payment.charge
    assert charge is not None
    assert (charge.captured, charge.refunded.minor) == (Money(5000, "USD"), 0)
    if charge.movement is not None:  # Stripe books it some seconds later
        assert charge.movement.net == charge.movement.amount - charge.movement.fee
        assert charge.movement.source_id == charge.id


def test_a_payment_without_an_attempt_has_no_charge(account: Account) -> None:
    made = account.client.v1.payment_intents.create({"amount": 500, "currency": "usd"})

    payment = account.gateway.retrieve_payment(made.id)

    assert (payment.status, payment.charge) == ("requires_payment_method", None)


def test_a_refund_gives_back_a_part_and_never_more_than_the_rest(account: Account) -> None:
    payment_id = paid(account)
    refund = account.gateway.create_refund(
        payment_id=payment_id,
        amount=Money(2000, "USD"),
        metadata={"neruba_refund": "1"},
        idempotency_key=key(),
    )
    with pytest.raises(ProviderRefusedError):
        account.gateway.create_refund(
            payment_id=payment_id,
            amount=Money(3001, "USD"),
            metadata={},
            idempotency_key=key(),
        )

    assert (refund.status, refund.amount) == ("succeeded", Money(2000, "USD"))
    assert refund.payment_id == payment_id
    assert refund.metadata == {"neruba_refund": "1"}
    assert account.gateway.retrieve_refund(refund.id).id == refund.id
    charge = account.gateway.retrieve_payment(payment_id).charge
    assert charge is not None
    assert charge.refunded == Money(2000, "USD")


def test_what_is_not_there_is_not_found(account: Account) -> None:
    for ask in (
        account.gateway.retrieve_payment,
        account.gateway.retrieve_refund,
        account.gateway.retrieve_dispute,
        account.gateway.retrieve_checkout_session,
    ):
        with pytest.raises(ProviderNotFoundError):
            ask("pi_nothing")


def test_events_since_a_moment_are_listed(account: Account) -> None:
    since = datetime.now(UTC) - timedelta(seconds=60)
    payment_id = paid(account)
    if TEST_KEY:
        time.sleep(5)  # Stripe's list is a little behind

    found = [
        event
        for event in account.gateway.list_events(since=since, types=["payment_intent.succeeded"])
        if event.object_id == payment_id
    ]

    assert [event.object_kind for event in found] == ["payment_intent"]
    assert found[0].object["metadata"] == METADATA


def test_another_key_is_refused(account: Account) -> None:
    base = "" if TEST_KEY else str(account.client._requestor._options.base_addresses["api"])
    stranger = StripeGateway(api_key="sk_test_nobody", api_base=base)

    with pytest.raises(ProviderKeyRefusedError):
        stranger.retrieve_payment("pi_nothing")
