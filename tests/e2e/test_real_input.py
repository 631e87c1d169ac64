"""The main loop on real input: 28,185 requests to two LLM services, from HTTP to invoices that
explain themselves.
"""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import BASE_DIR, Server

TOOL = BASE_DIR.parent / "shared" / "tools" / "azure_llm_events"
BATCH = 1000
CUSTOMERS = 40
# The same on every machine and database: it is made of natural keys and business times alone.
FINGERPRINT = "968e8d0a5170e260a85cb5b90c9dac4486a04cb7ef3b7a7f524969c2afac4a4e"

pytestmark = pytest.mark.skipif(
    not TOOL.exists(), reason="the real input is not beside the project"
)


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    printed = subprocess.run(
        [sys.executable, str(TOOL)], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in printed.stdout.splitlines()]


class Azure:
    """The sandbox project of the story."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.key = server.create_project(
            "azure", "--currency", "USD", "--mode", "sandbox", "--clock", "2023-11-01T00:00:00Z",
            "--settings", '{"finalization_grace": "PT0S"}',
        )  # fmt: skip

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.server.call(method, f"/api/v1{path}", body, key=self.key)
        assert answer.status == status, answer
        return answer.body

    def set_up(self) -> None:
        for meter in ("input_tokens", "output_tokens"):
            definition = {
                "code": meter,
                "event_type": "llm.request",
                "aggregation": "sum",
                "value_property": meter,
            }
            self.call("POST", "/meters", definition, 201)
        prices = [
            {"code": "base", "kind": "recurring", "model": "flat", "amount": "20.00"},
            {"code": "input", "kind": "usage", "model": "per_unit", "meter": "input_tokens",
             "unit_amount": "0.0000025"},
            {"code": "output", "kind": "usage", "model": "per_unit", "meter": "output_tokens",
             "unit_amount": "0.00001"},
        ]  # fmt: skip
        plan = {"code": "llm", "currency": "USD", "interval": "month", "prices": prices}
        self.call("POST", "/plans", plan, 201)
        for number in range(CUSTOMERS):
            name = f"acct-{number:02d}"
            self.call("POST", "/customers", {"external_id": name, "name": name}, 201)
            subscription = {
                "external_id": f"sub-{number:02d}",
                "customer": name,
                "plan": "llm",
                "anchor": "calendar",
                "timezone": "UTC",
                "start_at": "2023-11-01T00:00:00Z",
            }
            self.call("POST", "/subscriptions", subscription, 201)

    def clock(self, to: str) -> None:
        self.call("POST", "/clock", {"to": to})

    def send(self, events: list[dict[str, Any]], batch: int = BATCH) -> dict[str, int]:
        counts = dict.fromkeys(("accepted", "duplicate", "conflict", "failed"), 0)
        for start in range(0, len(events), batch):
            answer = self.call("POST", "/events/batch", {"events": events[start : start + batch]})
            for outcome in counts:
                counts[outcome] += answer[outcome]
        return counts

    def previews(self, as_of: str) -> dict[str, Any]:
        return {
            name: self._preview(name, as_of)
            for name in (f"sub-{number:02d}" for number in range(CUSTOMERS))
        }

    def _preview(self, subscription: str, as_of: str) -> Any:
        answer = self.call(
            "POST", "/invoices/preview", {"subscription": subscription, "as_of": as_of}
        )
        (only,) = answer["data"]
        return only

    def invoices(self) -> list[Any]:
        return list(self._pages("/invoices?limit=30"))

    def _pages(self, path: str) -> Iterator[Any]:
        cursor = ""
        while cursor is not None:
            page = self.call("GET", path + (f"&cursor={cursor}" if cursor else ""))
            yield from page["data"]
            cursor = page["next_cursor"]


def cents(amounts: Iterator[str]) -> int:
    return sum(int(amount.replace(".", "")) for amount in amounts)


SAME = ("lines", "discounts", "taxes", "subtotal", "total", "content_hash", "period", "currency")


def assert_preview_is_invoice(previews: dict[str, Any], invoices: list[Any]) -> None:
    assert len(invoices) == CUSTOMERS
    for invoice in invoices:
        preview = previews[invoice["subscription"]]
        assert {name: preview[name] for name in SAME} == {name: invoice[name] for name in SAME}


def test_the_main_loop_on_real_input(
    server: Server, events: list[dict[str, Any]], tmp_path: Path
) -> None:
    azure = Azure(server)
    azure.set_up()
    first_previews = azure.previews("2023-11-01T00:00:00Z")
    azure.clock("2023-11-20T00:00:00Z")
    first = azure.invoices()
    assert [invoice["total"] for invoice in first] == ["20.00"] * CUSTOMERS
    assert_preview_is_invoice(first_previews, first)

    assert azure.send(events) == {"accepted": 28_185, "duplicate": 0, "conflict": 0, "failed": 0}
    second_previews = azure.previews("2023-12-01T00:00:00Z")
    azure.clock("2023-12-01T00:00:00Z")
    invoices = azure.invoices()
    second = invoices[CUSTOMERS:]
    assert_preview_is_invoice(second_previews, second)
    assert [invoice["number"] for invoice in invoices] == [
        f"INV-{number:06d}" for number in range(1, 2 * CUSTOMERS + 1)
    ]
    lines = [line for invoice in second for line in invoice["lines"]]
    usage = [line for line in lines if line["kind"] == "usage"]
    assert sum(int(x["quantity"]) for x in usage if x["price"] == "input") == 40_421_844
    assert sum(int(x["quantity"]) for x in usage if x["price"] == "output") == 4_334_561
    assert cents(line["amount"] for line in usage) == 14_440
    assert cents(invoice["total"] for invoice in second) == 94_440
    balance = azure.call("GET", "/ledger/trial-balance")
    assert [total["difference"] for total in balance["totals"]] == ["0.00"]

    run = _bill_again(azure)
    _send_again(azure, events)
    assert _bill_again(azure)["fingerprint"] == run["fingerprint"]
    assert azure.invoices() == invoices
    assert run["fingerprint"] == FINGERPRINT
    _verify_sees_a_changed_row(server)


def _bill_again(azure: Azure) -> Any:
    run = azure.call("POST", "/billing-runs", {"as_of": "2023-12-01T00:00:00Z"}, 202)
    assert run["counts"] == {
        "due": 0, "invoiced": 0, "finalized": 0, "unchanged": 2 * CUSTOMERS, "failed": 0,
    }  # fmt: skip
    return run


def _send_again(azure: Azure, events: list[dict[str, Any]]) -> None:
    shuffled = random.Random(7).sample(events, len(events))
    counts = azure.send(shuffled, batch=777)
    assert counts == {"accepted": 0, "duplicate": 28_185, "conflict": 0, "failed": 0}


def _verify_sees_a_changed_row(server: Server) -> None:
    assert "no difference" in server.manage("verify", "--project", "azure")
    server.manage(
        "shell", "--command",
        "from neruba.append_only import purging; from ledger.models import Transfer\n"
        "with purging():\n"
        "    row = Transfer.objects.order_by('pk')[50]\n"
        "    Transfer.objects.filter(pk=row.pk).update(amount_minor=row.amount_minor + 1)",
    )  # fmt: skip
    printed = server.manage("verify", "--project", "azure", status=1)
    assert "invoice INV-" in printed
    assert "entry" in printed
