"""A run repeated and compared: every document computed again comes out as it was issued."""

import pytest

from billing.models import BillingRun, Invoice, InvoiceLine
from tests.billing.runs.stories import customers_of_a_month
from tests.billing.sandbox import Sandbox

pytestmark = pytest.mark.django_db


def billed() -> tuple[Sandbox, str]:
    sandbox = customers_of_a_month("anna", "zoe")
    sandbox.clock("2026-02-01T01:00:00Z")
    return sandbox, sandbox.get("/billing-runs")["data"][-1]["id"]


def test_the_repetition_has_the_same_fingerprint_and_changes_nothing() -> None:
    sandbox, run = billed()
    before = list(Invoice.objects.order_by("pk").values())
    # What came later, early events too, is not on what was issued.
    sandbox.event("2026-01-03T00:00:00Z", subject="anna", type="tokens", data={"n": 99})
    sandbox.clock("2026-02-05T00:00:00Z")
    again = sandbox.post(f"/billing-runs/{run}/repeat", {"reason": "the auditor asks"}, 202)
    assert (again["status"], again["repeats"], again["matches"]) == ("completed", run, True)
    assert again["fingerprint"] == sandbox.get(f"/billing-runs/{run}")["fingerprint"]
    assert again["counts"]["finalized"] == len(before) == 4
    assert list(Invoice.objects.order_by("pk").values()) == before


def test_a_document_that_was_changed_is_named() -> None:
    sandbox, run = billed()
    line = InvoiceLine.objects.filter(kind="usage", invoice__customer__external_id="zoe").get()
    InvoiceLine.objects.filter(pk=line.pk).update(quantity="2")
    again = sandbox.post(f"/billing-runs/{run}/repeat", {}, 202)
    assert (again["matches"], again["progress"]["failed"]) == (False, 1)
    (item,) = sandbox.get(f"/billing-runs/{again['id']}/items?status=failed")["data"]
    assert item["customer"] == "zoe"
    assert f"invoice {line.invoice.number}: what is shown from rows" in item["cause"]
    assert item["retry_at"] is None


def test_what_did_not_bill_is_not_repeated() -> None:
    sandbox, run = billed()
    again = sandbox.post(f"/billing-runs/{run}/repeat", {}, 202)["id"]
    dry = sandbox.post("/billing-runs", {"dry_run": True}, 202)["id"]
    for other in (again, dry):
        sandbox.post(f"/billing-runs/{other}/repeat", {}, 409)
    assert BillingRun.objects.filter(repeats__isnull=False).count() == 1
