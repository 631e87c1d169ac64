"""A webhook's receipt, and the work on it, are killed at a point; sent again and worked on again,
everything ends like where nothing was killed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings

from billing.models import CreditNote, Invoice
from bin.lib.fake_stripe import Running, running_fake_stripe
from ledger.models import Transfer
from ledger.selectors.balances import trial_balance
from ledger.selectors.verify import book_differences
from neruba import clock
from neruba.models import Project
from payments.models import Payment, ProviderEvent, ProviderEventWork, Refund
from payments.services.inbox import IN_HAND, Hands, work_on_subject
from payments.stripe_gateway import stripe_gateway_of
from tests.crash.killing import kill_at, points_of
from tests.payments.shop import Shop, post_event

pytestmark = [
    pytest.mark.usefixtures("shared_database"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]

HANDS = Hands(stripe_gateway_of, clock.now)
# A prime, so that the sample falls on every kind of statement in turn.
EVERY = 37


@pytest.fixture
def fake() -> Iterator[Running]:
    with running_fake_stripe() as running, override_settings(STRIPE_API_BASE=running.url):
        yield running


@dataclass(frozen=True, slots=True)
class Told:
    """A shop whose invoice was paid and in part refunded at the provider, and an event of it."""

    shop: Shop
    body: bytes
    subject: str

    def work(self, *, later: timedelta = timedelta(0)) -> None:
        """The event comes, and is worked on."""
        assert post_event(self.shop.project.slug, self.body) == 200
        wall = clock.wall() + later
        work_on_subject(self.shop.project, self.subject, hands=HANDS, wall=wall)

    def again(self) -> None:
        """The provider sends it again; whoever held it is not heard of any more."""
        self.work(later=2 * IN_HAND)


def told(fake: Running) -> Told:
    shop = Shop(fake)
    shop.paid()
    (intent, *_) = shop.objects("payment_intents")
    shop.create("refunds", payment_intent=intent["id"], amount="2500")
    about = {"object": "event", "api_version": "x", "created": 1767225600}
    event: dict[str, Any] = {
        "id": f"evt_of_{intent['id']}",
        "type": "payment_intent.succeeded",
        "data": {"object": {"id": intent["id"], "object": "payment_intent"}},
        **about,
    }
    return Told(shop, json.dumps(event).encode(), intent["id"])


def end_state(project: Project) -> dict[str, Any]:
    """Everything that must be equal, by what does not differ between projects."""
    assert list(book_differences(project)) == []
    moves = Transfer.objects.filter(project=project).order_by()
    works = ProviderEventWork.objects.filter(project=project)
    return {
        "moves": sorted(
            moves.values_list(
                *("entry__kind", "entry__occurrence", "debit_account__code"),
                *("credit_account__code", "amount_minor"),
            )
        ),
        "balances": [(one.account.code, one.balance_minor) for one in trial_balance(project)],
        "events": ProviderEvent.objects.filter(project=project).count(),
        "works": list(works.values_list("type", "state")),
        "payments": list(Payment.objects.filter(project=project).values_list("state", "fee_minor")),
        "refunds": list(
            Refund.objects.filter(project=project).values_list("state", "amount_minor")
        ),
        "notes": list(CreditNote.objects.filter(project=project).values_list("sequence", "status")),
        "invoices": list(Invoice.objects.filter(project=project).values_list("status", flat=True)),
    }


def test_a_webhook_killed_at_a_point_and_sent_again_ends_like_one_that_was_not(
    fake: Running,
) -> None:
    undisturbed = told(fake)
    points = points_of(partial(undisturbed.work))
    expected = end_state(undisturbed.shop.project)
    assert expected["works"] == [("payment_intent.succeeded", "done")]
    commits = [number for number, kind in enumerate(points, 1) if "COMMIT" in kind]
    sample = sorted({*commits, *range(1, len(points) + 1, EVERY)})
    if connection.vendor != "sqlite":
        sample = commits
    for point in sample:
        killed = told(fake)
        kill_at(point, killed.work)
        killed.again()
        found = end_state(killed.shop.project)
        assert found == expected, f"{point}: {points[point - 1]}"
