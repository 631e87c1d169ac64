"""Webhooks of the fake, verified by Stripe's own library, and each way in which they go wrong."""

import json
from collections.abc import Iterator

import pytest
import stripe

from bin.lib.fake_stripe import Running, running_fake_stripe
from tests.fake_stripe.conftest import client_of
from tests.fake_stripe.hearing import Hearing
from tests.fake_stripe.test_api import pay

OF_A_PAYMENT = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "charge.updated",
]


@pytest.fixture
def fake(hearing: Hearing) -> Iterator[Running]:
    with running_fake_stripe(webhook=hearing.url) as running:
        yield running


def verified(fake: Running, hearing: Hearing) -> list[str]:
    """The types of what Stripe's library accepts; raises at the first that it does not."""
    return [
        stripe.Webhook.construct_event(heard.body, heard.signature, fake.secret).type
        for heard in hearing.messages
    ]


def test_a_payment_is_told_in_order_and_verifies(fake: Running, hearing: Hearing) -> None:
    pay(client_of(fake))
    fake.control.delivered()

    assert verified(fake, hearing) == OF_A_PAYMENT
    assert {heard.event["api_version"] for heard in hearing.messages} == {"2026-10-28.endive"}


def test_an_event_shows_the_object_as_it_was(fake: Running, hearing: Hearing) -> None:
    pay(client_of(fake))
    fake.control.delivered()

    by_type = {heard.event["type"]: heard.event["data"] for heard in hearing.messages}
    assert by_type["payment_intent.created"]["object"]["status"] == "requires_payment_method"
    assert by_type["charge.succeeded"]["object"]["balance_transaction"] is None
    assert by_type["charge.updated"]["object"]["balance_transaction"] is not None
    assert by_type["charge.updated"]["previous_attributes"] == {"balance_transaction": None}


def test_an_endpoint_made_by_the_api_hears_what_it_asked_for(
    fake: Running, hearing: Hearing
) -> None:
    api = client_of(fake)
    for row in api.v1.webhook_endpoints.list().data:
        api.v1.webhook_endpoints.delete(row.id)
    made = api.v1.webhook_endpoints.create(
        {"url": hearing.url, "enabled_events": ["charge.succeeded"]}
    )
    pay(api)
    fake.control.delivered()

    heard = hearing.messages[0]
    assert hearing.types() == ["charge.succeeded"]
    assert made.secret is not None
    stripe.Webhook.construct_event(heard.body, heard.signature, made.secret)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(heard.body, heard.signature, fake.secret)


def test_what_is_not_answered_with_2xx_comes_again(fake: Running, hearing: Hearing) -> None:
    hearing.answers = [500, 302]
    client_of(fake).v1.customers.create({"name": "A"})
    fake.control.delivered()

    assert hearing.types() == ["customer.created"] * 3
    assert len({heard.event["id"] for heard in hearing.messages}) == 1
    assert [row["status"] for row in fake.control.deliveries()] == [500, 302, 200]


def test_duplicate_sends_twice(fake: Running, hearing: Hearing) -> None:
    fake.control("modes/duplicate", count=1)
    pay(client_of(fake))
    fake.control.delivered()

    assert verified(fake, hearing) == [OF_A_PAYMENT[0], *OF_A_PAYMENT]


def test_reorder_sends_the_newest_first(fake: Running, hearing: Hearing) -> None:
    fake.control("modes/reorder", count=4)
    pay(client_of(fake))
    fake.control.delivered()

    assert verified(fake, hearing) == OF_A_PAYMENT[::-1]


def test_drop_never_sends_but_lists(fake: Running, hearing: Hearing) -> None:
    fake.control("modes/drop", count=2)
    api = client_of(fake)
    pay(api)
    fake.control.delivered()

    assert verified(fake, hearing) == OF_A_PAYMENT[2:]
    listed = [event.type for event in api.v1.events.list().data]
    assert listed == OF_A_PAYMENT[::-1]


def test_delay_lets_later_events_overtake(fake: Running, hearing: Hearing) -> None:
    fake.control("modes/delay", count=1, seconds=0.3)
    pay(client_of(fake))
    fake.control.delivered()

    assert verified(fake, hearing) == [*OF_A_PAYMENT[1:], OF_A_PAYMENT[0]]


@pytest.mark.parametrize("mode", ["wrong_secret", "old_timestamp"])
def test_spoiled_signatures_are_refused_by_the_library(
    fake: Running, hearing: Hearing, mode: str
) -> None:
    fake.control(f"modes/{mode}", count=1)
    client_of(fake).v1.customers.create({"name": "A"})
    fake.control.delivered()

    with pytest.raises(stripe.SignatureVerificationError):
        verified(fake, hearing)


def test_an_older_version_is_in_the_body(fake: Running, hearing: Hearing) -> None:
    fake.control("modes/older_api_version", count=1)
    client_of(fake).v1.customers.create({"name": "A"})
    fake.control.delivered()

    assert verified(fake, hearing) == ["customer.created"]
    assert json.loads(hearing.messages[0].body)["api_version"] == "2022-11-15"


def test_paused_deliveries_wait(fake: Running, hearing: Hearing) -> None:
    fake.control("pause")
    pay(client_of(fake))
    fake.control.delivered()
    assert hearing.messages == []

    fake.control("resume")
    fake.control.delivered()
    assert hearing.types() == OF_A_PAYMENT


def test_a_changed_byte_is_refused(fake: Running, hearing: Hearing) -> None:
    client_of(fake).v1.customers.create({"name": "A"})
    fake.control.delivered()
    heard = hearing.messages[0]

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(heard.body + b" ", heard.signature, fake.secret)


def test_a_dispute_that_is_won_is_told_to_its_end(fake: Running, hearing: Hearing) -> None:
    api = client_of(fake)
    pay(api, "pm_card_createDispute")
    dispute = api.v1.disputes.list().data[0]
    fake.control(f"disputes/{dispute.id}/close", outcome="won")
    fake.control.delivered()

    assert [name for name in hearing.types() if "dispute" in name] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]
