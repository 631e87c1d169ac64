"""A customer's story, told to the real API of a sandbox project."""

from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any

from billing.scenarios import play
from neruba.period import rfc3339

API = "/api/v1"
OK = 400
CUSTOMER, SUBSCRIPTION = "acme", "acme-sub"


class Story:
    """Calls, played in the order of time; documents are issued without grace."""

    def __init__(self, *, currency: str, timezone: str = "UTC", **settings: str) -> None:
        self.project = {
            "currency": currency,
            "timezone": timezone,
            "settings": {"finalization_grace": "PT0S", **settings},
        }
        self.steps: list[dict[str, Any]] = []
        self.answers: list[Any] = []
        self._numbers = count(1)

    def call(
        self, at: datetime, call: str, body: Any = None, *, save: Mapping[str, str] | None = None
    ) -> None:
        method, _, path = call.partition(" ")
        step = {"at": rfc3339(at), "call": f"{method} {API}{path}", "save": dict(save or {})}
        self.steps.append(step if body is None else {**step, "body": body})

    def customer(self, at: datetime, *, is_taxed: bool = False, name: str = CUSTOMER) -> None:
        rates = ["vat"] if is_taxed else []
        body = {"external_id": name, "name": name, "tax_rates": rates}
        self.call(at, "POST /customers", body)

    def grant(self, at: datetime, customer: str, amount: str) -> None:
        """A wallet with so much of free credit."""
        wallet = {"customer": customer, "name": "credits"}
        self.call(at, "POST /wallets", wallet, save={"wallet": "id"})
        grant = {"amount": amount, "kind": "promotional", "reason": "as it is told"}
        self.call(at, "POST /wallets/{wallet}/grants", grant)

    def plan(self, at: datetime, code: str, prices: list[Any], **more: Any) -> None:
        plan = {"code": code, "interval": "month", "prices": prices, **more}
        self.call(at, "POST /plans", plan)

    def subscribe(self, at: datetime, plan: str, *, customer: str = CUSTOMER, **more: Any) -> None:
        name = SUBSCRIPTION if customer == CUSTOMER else f"{customer}-sub"
        body = {"external_id": name, "customer": customer, "plan": plan, **more}
        self.call(at, "POST /subscriptions", body)

    def change(self, when: datetime, type: str, **given: Any) -> None:
        body = {"type": type, "reason": "as it is told", **given}
        self.call(when, f"POST /subscriptions/{SUBSCRIPTION}/changes", body)

    def event(
        self,
        at: datetime,
        type: str,
        data: Mapping[str, str],
        *,
        customer: str = CUSTOMER,
        **more: Any,
    ) -> None:
        given = {"source": "story", "type": type, "subject": customer, "data": dict(data)}
        body = {"id": f"e{next(self._numbers)}", **given, **more}
        self.call(at, "POST /events", body)

    def told(self, slug: str) -> list[Any]:
        """Play it; the answers to its calls. Each must have been taken."""
        self.steps.sort(key=lambda step: str(step["at"]))
        played = play({"name": slug, "project": self.project, "steps": self.steps}, slug=slug)
        assert len(played["steps"]) == len(self.steps)
        for step in played["steps"]:
            assert step["status"] < OK, step
            assert "failed" not in step, step
        self.answers = [step["body"] for step in played["steps"]]
        return self.answers

    def documents(self, at: datetime, slug: str) -> list[Any]:
        """Play it up to an instant; the documents that were issued by then, in their order."""
        self.call(at, "GET /invoices?limit=100")
        documents = [one for one in self.told(slug)[-1]["data"] if one["number"] is not None]
        return sorted(documents, key=lambda one: str(one["number"]))


def flat(code: str, amount: str, **more: Any) -> dict[str, Any]:
    """A fee of a plan."""
    return {"code": code, "kind": "recurring", "model": "flat", "amount": amount, **more}
