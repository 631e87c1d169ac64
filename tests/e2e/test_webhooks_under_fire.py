"""Webhooks under fire: 5,000 by eight clients, in no order, a third of them again, a tenth forged,
while workers work on them. None is lost, none counts twice, no forged one leaves a trace.
"""

import json
import random
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.conf import settings
from django.db import connection
from django.test import override_settings

from bin.lib import services
from bin.lib.fake_stripe import Running, running_fake_stripe
from bin.lib.fake_stripe.delivery import signature
from ledger.selectors.balances import trial_balance
from ledger.selectors.verify import book_differences
from neruba.edge import run_atomic
from neruba.models import Project
from payments.models import Payment, ProviderEvent, ProviderEventWork, Refund
from tests import factories
from tests.databases import database_named
from tests.e2e.processes import fleet
from tests.e2e.server import Server, running
from tests.e2e.webhook_senders import Parcel, post_all
from tests.payments.shop import use_fake

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor == "sqlite",
        reason="SQLite lets one writer in at a time: rivals only wait for each other there",
    ),
]

CLIENTS = 8
DELIVERIES = 5000
FORGED = DELIVERIES // 10
DISTINCT = (DELIVERIES - FORGED) * 2 // 3
PAYMENTS = 120
INVOICES = 40
REFUNDS = 40
LIMIT_S = 120
MINOR = 5000
FEE = 175  # 2.9 % and 0.30


def played(fake: Running, invoices: list[str]) -> list[dict[str, Any]]:
    """What happens at Stripe: payments, of which some pay invoices and some are refunded, and news
    of customers, from which nothing follows; all events of it.
    """
    client = stripe.StripeClient(fake.key, base_addresses={"api": fake.url}).v1

    def pay(number: int) -> None:
        metadata = {"neruba_customer": "acme"}
        if number < len(invoices):
            metadata["neruba_invoice"] = invoices[number]
        made = client.payment_intents.create(
            {
                "amount": MINOR,
                "currency": "usd",
                "payment_method": "card_visa",
                "confirm": True,
                "metadata": metadata,
            }
        )
        if number >= PAYMENTS - REFUNDS:
            client.refunds.create({"payment_intent": made.id, "amount": MINOR // 5})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(pay, range(PAYMENTS)))
        events = every_event(client)
        list(pool.map(lambda _: client.customers.create({}), range(DISTINCT - len(events))))
    return every_event(client)


def every_event(client: Any) -> list[dict[str, Any]]:
    return [row.to_dict() for row in client.events.list({"limit": 100}).auto_paging_iter()]


def shares(events: list[dict[str, Any]], secret: str) -> list[list[Parcel]]:
    """What each client posts: signed events, half of them twice and by another client, and forged
    ones, in no order.
    """
    chance, now = random.Random("webhooks"), int(time.time())
    bodies = [json.dumps(event, indent=2).encode() for event in events]
    again = chance.sample(bodies, DELIVERIES - FORGED - len(bodies))
    parcels = [(body, signature(secret, body, now)) for body in (*bodies, *again)]
    for number in range(FORGED):
        body = bodies[number].replace(b'"evt_', b'"evt_forged_')
        forgeries = (
            signature("whsec_of_nobody", body, now),
            signature(secret, bodies[number], now),
            signature(secret, body, now - 3600),
        )
        parcels.append((body, forgeries[number % len(forgeries)]))
    chance.shuffle(parcels)
    return [parcels[client::CLIENTS] for client in range(CLIENTS)]


def wait_until_worked_on(log: Path) -> None:
    stop_at = time.monotonic() + LIMIT_S
    waiting = ProviderEventWork.objects.filter(state="waiting")
    while waiting.exists():
        assert time.monotonic() < stop_at, (waiting.count(), log.read_text()[-3000:])
        time.sleep(0.2)


def set_up(server: Server) -> list[str]:
    """A live project with a customer and open invoices, by public id."""
    server.create_project("fire", "--currency", "USD")
    project = Project.objects.get(slug="fire")
    keys = services.THROWAWAY.get("NERUBA_ENCRYPTION_KEYS", "")
    with override_settings(ENCRYPTION_KEYS=keys.split(",") if keys else settings.ENCRYPTION_KEYS):
        use_fake(project)
    customer = run_atomic(partial(factories.customer, project=project, external_id="acme"))
    made = partial(factories.invoice, customer=customer, amount="50.00")
    return [run_atomic(made).public_id for _ in range(INVOICES)]


def test_no_webhook_is_lost_doubled_or_forged(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_fake_stripe() as fake:
        monkeypatch.setenv("NERUBA_STRIPE_API_BASE", fake.url)
        with (
            running(database_url, tmp_path / "server.log") as server,
            database_named(database_url.rpartition("/")[2]),
        ):
            events = played(fake, set_up(server))
            port, path = int(server.url.rpartition(":")[2]), "/webhooks/stripe/fire"
            with (
                fleet(server, tmp_path / "background.log") as background,
                ProcessPoolExecutor(CLIENTS, mp_context=get_context("spawn")) as clients,
            ):
                background.worker("one")
                background.worker("two")
                background.schedule()
                sent = [
                    clients.submit(post_all, port, path, one) for one in shares(events, fake.secret)
                ]
                answers = sum((one.result() for one in sent), Counter[int]())
                wait_until_worked_on(tmp_path / "background.log")
            assert_all_is_there_once(events, answers)
            assert "no difference" in server.manage("verify", "--project", "fire")
            assert "incident" not in server.log.read_text()


def assert_all_is_there_once(events: list[dict[str, Any]], answers: Counter[int]) -> None:
    assert answers == {200: DELIVERIES - FORGED, 400: FORGED}
    stored = Counter(ProviderEvent.objects.values_list("event_id", flat=True))
    assert stored == Counter(event["id"] for event in events)
    assert not ProviderEventWork.objects.exclude(state__in=["done", "ignored"]).exists()
    project = Project.objects.get(slug="fire")
    states = Counter(Payment.objects.values_list("state", flat=True))
    assert states == {"succeeded": PAYMENTS}
    assert Counter(Refund.objects.values_list("state", flat=True)) == {"succeeded": REFUNDS}
    assert list(book_differences(project)) == []
    rows = trial_balance(project)
    balances = {row.account.code: row.balance_minor for row in rows if row.balance_minor}
    back = REFUNDS * MINOR // 5
    assert balances == {
        "1000": PAYMENTS * (MINOR - FEE) - back,
        "2020": (PAYMENTS - INVOICES) * MINOR - back,
        "4000": INVOICES * MINOR,
        "5000": PAYMENTS * FEE,
    }
