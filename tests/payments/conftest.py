"""The fake Stripe, and a shop that uses it."""

from collections.abc import Iterator

import pytest
from django.test.utils import override_settings

from bin.lib.fake_stripe.running import Running, running_fake_stripe
from tests.payments.shop import Shop


@pytest.fixture
def fake() -> Iterator[Running]:
    with running_fake_stripe() as running, override_settings(STRIPE_API_BASE=running.url):
        yield running


@pytest.fixture
def shop(fake: Running, transactional_db: None) -> Shop:
    """Its work takes many transactions."""
    return Shop(fake)
