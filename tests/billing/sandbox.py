"""A sandbox project with a caller: what the tests of billing tell their stories with."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from neruba.models import Project
from tests import factories

BASE = {"code": "base", "kind": "recurring", "model": "flat", "amount": "30.00"}
CALLS = {
    "code": "calls",
    "kind": "usage",
    "meter": "calls",
    "model": "graduated",
    "tiers": [
        {"up_to": "2", "unit_amount": "1.00"},
        {"up_to": None, "unit_amount": "0.50"},
    ],
}

SEATS = {"code": "seats", "kind": "seat", "model": "per_unit", "unit_amount": "10.00"}


class Sandbox:
    """Calls the API as an admin; every call says which status it expects."""

    def __init__(self, *, start: str = "2026-01-01T00:00:00Z", **project: Any) -> None:
        self.project: Project = factories.project(**project)
        self.client = factories.client(project=self.project)
        Project.objects.filter(pk=self.project.pk).update(clock_at=start)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int,
        key: str | None = None,
    ) -> Any:
        # Queries may hold what a query string keeps for itself.
        response = self.client.generic(
            method,
            f"/api/v1{path}",
            data="" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"idempotency-key": key or uuid4().hex},
        )
        assert response.status_code == status, response.content
        return response.json() if response.content else None

    def get(self, path: str, status: int = 200) -> Any:
        return self.call("GET", path, status=status)

    def post(self, path: str, body: Any, status: int = 201, key: str | None = None) -> Any:
        return self.call("POST", path, body, status=status, key=key)

    def clock(self, to: str) -> None:
        self.post("/clock", {"to": to}, 200)

    def now_at(self, to: str) -> Project:
        """Move the clock, and do nothing of what falls due on the way; returns the project."""
        Project.objects.filter(pk=self.project.pk).update(clock_at=to)
        return Project.objects.get(pk=self.project.pk)

    def meter(self, code: str = "calls", **more: Any) -> None:
        body = {"code": code, "event_type": code, "aggregation": "count", **more}
        self.post("/meters", body)

    def plan(self, *prices: Mapping[str, Any], code: str = "pro", **more: Any) -> Any:
        body = {"code": code, "currency": "USD", "interval": "month", "prices": prices, **more}
        return self.post("/plans", body)

    def customer(self, external_id: str = "acme", **more: Any) -> Any:
        return self.post("/customers", {"external_id": external_id, "name": external_id, **more})

    def subscribe(
        self, external_id: str = "sub", *, customer: str = "acme", plan: str = "pro", **more: Any
    ) -> Any:
        body = {"external_id": external_id, "customer": customer, "plan": plan, **more}
        return self.post("/subscriptions", body)

    def event(self, at: str, *, id: str | None = None, subject: str = "acme", **more: Any) -> None:
        body = {"id": id or uuid4().hex, "source": "test", "type": "calls", "subject": subject,
                "time": at, "data": {}, **more}  # fmt: skip
        self.post("/events", body)

    def invoices(self, query: str = "") -> list[Any]:
        found: list[Any] = self.get(f"/invoices?limit=1000{query}")["data"]
        return found

    def totals(self) -> list[str]:
        return [invoice["total"] for invoice in self.invoices()]

    def preview(self, **body: Any) -> list[Any]:
        found: list[Any] = self.post("/invoices/preview", body, 200)["data"]
        return found


def started(*prices: Mapping[str, Any], **project: Any) -> Sandbox:
    """A sandbox with the meter, a plan of these prices (left out: a fee ahead and calls), and one
    customer.
    """
    sandbox = Sandbox(**project)
    sandbox.meter()
    sandbox.plan(*(prices or (BASE, CALLS)))
    sandbox.customer()
    return sandbox
