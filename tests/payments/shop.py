"""A project that takes payments through the fake Stripe, and the doors through which it does."""

import atexit
import json
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from billing.models import Invoice
from billing.selectors.verify_settlements import settlement_differences
from bin.lib.fake_stripe.delivery import signature
from bin.lib.fake_stripe.running import KEY, SECRET, Running, running_fake_stripe
from ledger.selectors.balances import trial_balance
from ledger.selectors.verify import book_differences
from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.models import Customer, Project, ProjectSecret
from neruba.services.secrets import set_secret
from neruba.tasks import deliver_due
from payments.models import Payment
from payments.tasks import work_on_due_events
from tests import factories

VISA = "4242424242424242"
DECLINED = "4000000000000002"
DISPUTED = "4000000000000259"
ADDRESSES = {"success_url": "https://shop.example/ok", "cancel_url": "https://shop.example/no"}
PACK: dict[str, Any] = {
    "code": "large",
    "price": "500.00",
    "currency": "USD",
    "credits": "500.00",
    "bonus_credits": "50.00",
    "expires_after": "P365D",
}
CHECKOUT: dict[str, Any] = {"for": {"credit_pack": "small", "customer": "acme"}, **ADDRESSES}
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


_PAYER = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))


def use_fake(project: Project, *, key: str = KEY, secret: str = SECRET) -> None:
    """Give the project the fake's credentials."""
    for name, value in (
        (ProjectSecret.Name.STRIPE_API_KEY, key),
        (ProjectSecret.Name.STRIPE_WEBHOOK_SECRET, secret),
    ):
        set_secret(
            project=project,
            name=name,
            value=value,
            actor=SYSTEM,
            at=clock.now(project),
            wall=clock.wall(),
        )


@cache
def _provider() -> Running:
    """One fake Stripe for the whole process, which ends with it."""
    running = running_fake_stripe()
    found = running.__enter__()
    atexit.register(running.__exit__, None, None, None)
    return found


def use_provider(project: Project) -> None:
    """Let the project take payments through the fake of the process."""
    settings.STRIPE_API_BASE = _provider().url
    use_fake(project)


@dataclass
class Shop:
    """A project, its caller of the API, a customer, and the fake."""

    fake: Running
    project: Project = field(default_factory=factories.project)
    api: APIClient = field(init=False)
    customer: Customer = field(init=False)

    def __post_init__(self) -> None:
        use_fake(self.project)
        self.api = factories.client(project=self.project)
        make = partial(factories.customer, project=self.project, external_id="acme")
        self.customer = run_atomic(make)

    def post(self, path: str, body: dict[str, Any], status: int = 201, key: str = "") -> Any:
        answer = self.api.post(
            f"/api/v1/{path}",
            body,
            format="json",
            HTTP_IDEMPOTENCY_KEY=key or uuid.uuid4().hex,
        )
        assert answer.status_code == status, answer.content
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.api.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def invoice(self, amount: str = "100.00") -> Invoice:
        return run_atomic(partial(factories.invoice, customer=self.customer, amount=amount))

    def transfer(self, amount: str, *invoices: Invoice) -> Payment:
        """Money from a bank, for these invoices or else the oldest."""
        pay = partial(factories.payment, customer=self.customer, amount=amount)
        return run_atomic(partial(pay, invoices=invoices or None))

    def checkout(self, invoice: Invoice, status: int = 201, **more: Any) -> Any:
        body = {"for": {"invoice": invoice.public_id}, **ADDRESSES}
        return self.post("checkout-sessions", body, status, **more)

    def buy(self, pack: str) -> Any:
        wanted = {"credit_pack": pack, "customer": self.customer.external_id}
        return self.post("checkout-sessions", {"for": wanted, **ADDRESSES})

    def pack(self, bonus: str = "20.00", expires_after: str | None = "P365D") -> str:
        body = {"code": "p100", "price": "100.00", "credits": "100.00", "bonus_credits": bonus}
        self.post("credit-packs", {**body, "expires_after": expires_after})
        return "p100"

    def pay(self, session: Any, card: str = VISA) -> int:
        """The payer types a card number; the status of the page."""
        return pay_page(session["url"], card)

    def paid(self, amount: str = "100.00", card: str = VISA) -> Invoice:
        """An invoice that was paid on the page; nothing of it was told yet."""
        invoice = self.invoice(amount)
        assert self.pay(self.checkout(invoice), card) == 303
        return invoice

    def events(self) -> list[dict[str, Any]]:
        """All events so far, oldest first."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self._stripe(f"events?limit=100{after}")
            found += page["data"]
            if not page["has_more"]:
                return found[::-1]
            after = f"&starting_after={found[-1]['id']}"

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """Objects of a kind at the provider, newest first."""
        rows: list[dict[str, Any]] = self._stripe(f"{kind}?limit=100")["data"]
        return rows

    def create(self, path: str, **params: str) -> Any:
        """What somebody does at the provider, beside us."""
        address, key = f"{self.fake.url}/v1/{path}", {"Authorization": f"Bearer {KEY}"}
        form = urllib.parse.urlencode(params).encode()
        request = urllib.request.Request(address, form, headers=key)  # noqa: S310
        with _OPENER.open(request, timeout=10) as answer:
            return json.load(answer)

    def _stripe(self, path: str) -> Any:
        address, key = f"{self.fake.url}/v1/{path}", {"Authorization": f"Bearer {KEY}"}
        request = urllib.request.Request(address, headers=key)  # noqa: S310
        with _OPENER.open(request, timeout=10) as answer:
            return json.load(answer)

    def deliver(self, *events: dict[str, Any]) -> list[int]:
        """Post these events, in this order; the answers' statuses."""
        return [post_event(self.project.slug, json.dumps(event).encode()) for event in events]

    def work(self) -> None:
        """Do what is due: news of the outbox, then received webhooks."""
        deliver_due()
        work_on_due_events()

    def settle(self, events: Sequence[dict[str, Any]] | None = None) -> None:
        """Deliver what there is, and work on it."""
        assert set(self.deliver(*(self.events() if events is None else events))) <= {200}
        self.work()

    def books(self) -> dict[str, int]:
        """The balance of each code that is not zero; the books hold."""
        assert list(book_differences(self.project)) == []
        assert list(settlement_differences(self.project)) == []
        rows = trial_balance(self.project)
        return {row.account.code: row.balance_minor for row in rows if row.balance_minor}


def pay_page(url: str, card: str) -> int:
    """Type a card number on a page of the fake; 303: it was paid."""
    form = urllib.parse.urlencode({"number": card}).encode()
    try:
        with _PAYER.open(url, form, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def post_event(slug: str, body: bytes, *, secret: str = SECRET, header: str | None = None) -> int:
    """What the endpoint answers to these bytes, signed now unless a header is given."""
    signed = signature(secret, body, int(time.time())) if header is None else header
    answer = Client(enforce_csrf_checks=True).post(
        f"/webhooks/stripe/{slug}",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": signed} if signed else {},
    )
    return answer.status_code
