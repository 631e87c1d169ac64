"""`manage.py bill` and `manage.py verify`."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.models import Invoice, InvoiceLine
from ledger.models import JournalEntry
from neruba.append_only import purging
from tests.billing.runs.stories import TOO_MUCH, customers_of_a_month, use
from tests.billing.sandbox import BASE, Sandbox, started

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def billed() -> Sandbox:
    sandbox = started(BASE)
    sandbox.subscribe()
    run("bill", "--project", sandbox.project.slug)
    return sandbox


def test_bill_prints_the_run_and_bills_once() -> None:
    sandbox = billed()
    again = json.loads(run("bill", "--project", sandbox.project.slug))
    assert again["counts"] == {"due": 0, "invoiced": 0, "finalized": 0, "unchanged": 1, "failed": 0}
    assert sandbox.totals() == ["30.00"]


def test_a_run_is_repeated_and_compared() -> None:
    sandbox = billed()
    slug, run_id = sandbox.project.slug, sandbox.get("/billing-runs")["data"][-1]["id"]
    again = json.loads(run("bill", "--project", slug, "--repeat", run_id))
    assert (again["repeats"], again["matches"], again["counts"]["finalized"]) == (run_id, True, 1)
    Invoice.objects.update(content_hash="0" * 64)
    with pytest.raises(CommandError, match="1 customers came out otherwise"):
        run("bill", "--project", slug, "--repeat", run_id)
    with pytest.raises(CommandError, match="no run 'run_0'"):
        run("bill", "--project", slug, "--repeat", "run_0")


def test_parked_customers_are_an_exit_status() -> None:
    sandbox = customers_of_a_month("anna", "huge")
    use(sandbox, "huge", TOO_MUCH)
    slug = sandbox.now_at("2026-02-01T01:00:00Z").slug
    with pytest.raises(CommandError, match="1 customers are parked, everybody else is billed"):
        run("bill", "--project", slug)
    assert "31.00" in sandbox.totals()


def test_bill_as_of_the_future_is_refused_but_for_a_dry_run() -> None:
    slug = billed().project.slug
    with pytest.raises(CommandError, match="ahead of the project's time"):
        run("bill", "--project", slug, "--as-of", "2026-02-01T00:00:00Z")
    dry = run("bill", "--project", slug, "--as-of", "2026-02-01T00:00:00Z", "--dry-run")
    assert json.loads(dry)["total"] == [{"currency": "USD", "amount": "30.00"}]
    assert Invoice.objects.count() == 1


def test_an_unknown_project_is_refused_with_those_there_are() -> None:
    slug = billed().project.slug
    with pytest.raises(CommandError, match=f"no project 'nobody'. Projects: {slug}"):
        run("bill", "--project", "nobody")


def test_verify_says_so_when_there_is_no_difference() -> None:
    slug = billed().project.slug
    assert "1 invoices rebuilt and the books checked: no difference" in run(
        "verify", "--project", slug
    )
    assert "1 invoices" in run("verify", "--project", slug, "--invoice", "INV-000001")
    with pytest.raises(CommandError, match="no finalised invoice"):
        run("verify", "--project", slug, "--invoice", "INV-000002")


def test_verify_finds_a_lost_number_a_lost_line_and_an_entry_without_its_invoice() -> None:
    slug = billed().project.slug
    Invoice.objects.update(sequence=3)
    InvoiceLine.objects.all().delete()
    out = StringIO()
    with pytest.raises(CommandError, match="differences"):
        call_command("verify", "--project", slug, stdout=out, stderr=StringIO())
    assert "after number 0 comes 3" in out.getvalue()
    assert "not what was issued" in out.getvalue()


def test_verify_finds_an_entry_whose_accounting_date_was_moved() -> None:
    slug = billed().project.slug
    entry = JournalEntry.objects.get()
    with purging():
        JournalEntry.objects.update(occurred_at=entry.occurred_at.replace(year=2025))
    with pytest.raises(CommandError, match="differences"):
        run("verify", "--project", slug)
