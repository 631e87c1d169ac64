"""An account to test the gateway on: the fake, or Stripe's test mode (bin/stripe-check); and a shop
that takes payments through the fake.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import stripe
from django.test import override_settings

from bin.lib.fake_stripe import Running, running_fake_stripe
from payments.stripe_gateway import StripeGateway
from tests.payments.shop import Shop

TEST_KEY = os.environ.get("STRIPE_TEST_KEY", "")


@dataclass(frozen=True, slots=True)
class Account:
    """The gateway on it, and Stripe's own client for what payers do."""

    gateway: StripeGateway
    client: stripe.StripeClient


@pytest.fixture
def fake() -> Iterator[Running]:
    with running_fake_stripe() as running:
        yield running


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Account:
    if TEST_KEY:
        if not TEST_KEY.startswith(("sk_test_", "rk_test_")):
            pytest.fail("STRIPE_TEST_KEY must be a key of the test mode")
        return Account(StripeGateway(api_key=TEST_KEY), stripe.StripeClient(TEST_KEY))
    return on_fake(request.getfixturevalue("fake"))


def on_fake(running: Running, *, network_retries: int = 2) -> Account:
    return Account(
        StripeGateway(api_key=running.key, api_base=running.url, network_retries=network_retries),
        stripe.StripeClient(running.key, base_addresses={"api": running.url}),
    )


@pytest.fixture
def shop(fake: Running, transactional_db: None) -> Iterator[Shop]:
    """Its work takes many transactions."""
    with override_settings(STRIPE_API_BASE=fake.url):
        yield Shop(fake)
