"""Good requests about what settles an invoice, and what the world needs for them."""

import uuid
from typing import Any

from rest_framework.test import APIClient

from tests.api.endpoints import BASE

# A text in a body that stands for what PATHS of the world finds.
INVOICE = "{invoices/public_id}"
CREDIT_NOTE: dict[str, Any] = {
    "invoice": INVOICE,
    "lines": [{"line": "charge:setup-1", "amount": "1.00", "quantity": "1"}],
    "reason": "a mistake",
    "settle": "invoice",
}
RECEIVED: dict[str, Any] = {
    "method": "bank_transfer",
    "reference": "a transfer",
    "received_at": "2026-02-01T01:00:00Z",
}
PAYMENT: dict[str, Any] = {
    **RECEIVED,
    "customer": "acme",
    "amount": "3.00",
    "currency": "USD",
    "invoices": [INVOICE],
}
RECOVERY: dict[str, Any] = {**RECEIVED, "amount": "2.00", "reason": "they paid after all"}


def filled(value: object, paths: dict[str, str]) -> object:
    """The value with what its texts such as INVOICE stand for."""
    if isinstance(value, dict):
        return {name: filled(member, paths) for name, member in value.items()}
    if isinstance(value, list):
        return [filled(member, paths) for member in value]
    if isinstance(value, str) and value[:1] == "{":
        return paths.get(value[1:-1], value)
    return value


def settle(client: APIClient) -> None:
    """A payment; the last invoice is in part written off, and in part due again since a credit note
    on it is void. Another credit note stands.
    """

    def post(path: str, body: dict[str, Any]) -> Any:
        key = uuid.uuid4().hex
        answer = client.post(f"/{BASE}{path}", body, format="json", HTTP_IDEMPOTENCY_KEY=key)
        assert answer.status_code < 300, (path, answer.content)
        return answer.json()

    invoices = client.get(f"/{BASE}invoices?customer=acme").json()["data"]
    first, last = (row["id"] for row in invoices)
    line = {"line": "charge:setup-1", "amount": "4.00"}
    void = post("credit-notes", {**CREDIT_NOTE, "invoice": last, "lines": [line]})
    post(f"invoices/{last}/write-off", {"reason": "bankrupt"})
    post(f"credit-notes/{void['id']}/void", {"reason": "a test"})
    fee = {"line": invoices[0]["lines"][0]["id"]}
    post("credit-notes", {**CREDIT_NOTE, "invoice": first, "lines": [fee]})
    post("payments", {**PAYMENT, "amount": "0.50", "invoices": [last]})
    # The last one can be refunded: it lies on a customer balance.
    post("payments", {**RECEIVED, "customer": "beta", "amount": "5.00", "currency": "USD"})
