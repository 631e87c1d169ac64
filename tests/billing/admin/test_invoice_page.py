"""The page of an invoice and its print view say what the API says."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from billing.models import Invoice, InvoiceLine
from neruba.append_only import purging
from tests.billing.sandbox import Sandbox
from tests.support.console import invoice_row, looking, superuser, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def page(public_id: str, query: str = "") -> Any:
    address = reverse("admin:billing_invoice_change", args=[invoice_row(public_id).pk])
    return looking(superuser()).get(address + query)


def printed(public_id: str) -> str:
    address = reverse("admin:billing_invoice_print", args=[invoice_row(public_id).pk])
    answer = looking(superuser()).get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def plain(text: str) -> str:
    """A number as the API writes it."""
    return text.replace(",", "")


def issued(sandbox: Sandbox) -> list[Any]:
    return [invoice for invoice in sandbox.invoices() if invoice["number"]]


def draft(sandbox: Sandbox) -> Any:
    drafts = [invoice for invoice in sandbox.invoices() if invoice["status"] == "draft"]
    return next(invoice for invoice in drafts if invoice["customer"] == "acme")


def test_the_page_shows_the_numbers_of_the_api() -> None:
    sandbox = world()
    sandbox.clock("2026-02-01T02:00:00Z")  # the grace is over
    for invoice in issued(sandbox):
        answer = page(invoice["id"])
        html = answer.content.decode()
        shown = answer.context
        assert [plain(line.amount) for line in shown["lines"]] == [
            line["amount"] for line in invoice["lines"]
        ]
        assert [Decimal(plain(line.quantity)) for line in shown["lines"]] == [
            Decimal(line["quantity"]) for line in invoice["lines"]
        ]
        words, total = shown["sums"][-1]
        assert (words, plain(total)) == ("Total", f"{invoice['total']} {invoice['currency']}")
        assert shown["document"].due.amount == invoice["amount_due"]
        for text in (invoice["number"], invoice["content_hash"], invoice["document_hash"]):
            assert text in html
        explained = sandbox.get(f"/invoices/{invoice['id']}/explain")
        assert [list(line.text) for line in shown["lines"]] == [
            line["text"] for line in explained["lines"]
        ]
    assert any("1,234.50" in printed(invoice["id"]) for invoice in issued(sandbox))


def test_each_line_is_the_amount_of_a_transfer_on_the_page() -> None:
    sandbox = world()
    sandbox.clock("2026-02-01T02:00:00Z")
    for invoice in issued(sandbox):
        rows = page(invoice["id"]).context["transfers"].rows
        lines = {line["id"]: line["amount"] for line in invoice["lines"] if moves(line)}
        issue = [row for row in rows if "invoice.issue" in str(row[1])]
        found = {line: amount for *_, line, amount in issue}
        put = sum(len(one["lines"]) for one in invoice["discounts"] + invoice["taxes"])
        assert len(found) == len(lines) + put
        for key, amount in lines.items():
            assert any(key in str(cell) for cell in found)
            assert f"{amount} USD" in {plain(text) for text in found.values()}


def moves(line: Any) -> bool:
    """Whether the line moves anything."""
    return Decimal(line["amount"]) != 0


def test_the_evidence_is_whole_in_words_and_as_stored() -> None:
    sandbox = world()
    sandbox.clock("2026-02-01T02:00:00Z")
    invoice = next(one for one in issued(sandbox) if len(one["lines"]) > 1)
    html = page(invoice["id"]).content.decode()
    usage = next(line for line in invoice["lines"] if line["kind"] == "usage")["evidence"]["usage"]
    assert usage["checksum"] in html
    assert "As stored (JSON)" in html
    for words in ("Plan", "Price", "Usage", "Policy", "Events counted", "Exact amount"):
        assert words in html


def test_a_draft_says_that_it_is_computed_now_and_stores_nothing() -> None:
    sandbox = world()
    invoice = draft(sandbox)
    lines = InvoiceLine.objects.count()
    answer = page(invoice["id"], "?verify")
    html = answer.content.decode()
    assert "Draft, computed now." in html
    assert plain(answer.context["sums"][-1][1]) == f"{invoice['total']} USD"
    assert answer.context["verdict"] is None
    assert "Draft, computed now. Not an invoice." in printed(invoice["id"])
    assert InvoiceLine.objects.count() == lines
    assert Invoice.objects.get(public_id=invoice["id"]).content_hash == ""


def test_verify_shows_what_was_changed_behind_its_back() -> None:
    sandbox = world()
    row = invoice_row(issued(sandbox)[0]["id"])
    client = looking(superuser())
    address = reverse("admin:billing_invoice_change", args=[row.pk]) + "?verify"
    assert "Verified just now" in client.get(address).content.decode()
    with purging(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_transfer SET amount_minor = amount_minor + 1 WHERE document = %s",
            [row.document],
        )
    html = client.get(address).content.decode()
    assert "Verified just now" not in html
    assert "Not what was issued" in html


def test_the_print_view_shows_the_parties_of_the_issue() -> None:
    sandbox = world()
    invoice = next(one for one in issued(sandbox) if one["customer"] == "beta")
    sandbox.call("PATCH", "/customers/beta", {"name": "Renamed"}, status=200)
    sheet = printed(invoice["id"])
    assert "Renamed" not in sheet
    for text in ("1 Quay", "Hamburg", "b@b.example", sandbox.project.name, invoice["number"]):
        assert text in sheet
    assert sheet.index("1 Quay") < sheet.index("Hamburg")


def test_the_print_view_asks_nothing_of_other_addresses() -> None:
    sandbox = world()
    sheet = printed(issued(sandbox)[0]["id"])
    assert "http://" not in sheet
    assert "https://" not in sheet
    assert re.findall(r'<script(?! src="/static/)', sheet) == []
    assert '<link rel="icon" href="data:,">' in sheet
