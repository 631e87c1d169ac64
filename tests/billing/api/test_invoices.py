"""Drafts, grace, finalisation, explanation, verification."""

from datetime import UTC, datetime

import pytest

from billing.models import BillingRun, Invoice, InvoiceLine, NumberSeries
from ledger.models import JournalEntry, Transfer
from neruba.append_only import purging
from tests.billing.sandbox import BASE, CALLS, Sandbox, started

pytestmark = pytest.mark.django_db

# Equal for any number of runs, on any database: made of natural keys and business times alone.
FINGERPRINT = "d529d5e545cca8b2c9feed661afa4ef3249142bbc60dd41df1fcab2db04317a5"


def with_a_month_of_calls() -> Sandbox:
    """Five calls in January, a fee ahead, the default grace of an hour; the clock half way through
    it.
    """
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-31T00:00:00Z")
    for hour in range(5):
        sandbox.event(f"2026-01-30T{hour:02d}:00:00Z")
    sandbox.clock("2026-02-01T00:30:00Z")
    return sandbox


def test_a_draft_counts_late_events_until_its_grace_ends() -> None:
    sandbox = with_a_month_of_calls()
    draft = sandbox.invoices("&status=draft")[0]
    assert (draft["number"], draft["finalized_at"], draft["document_hash"]) == (None, None, None)
    assert draft["total"] == "33.50"  # 2 × 1.00 + 3 × 0.50 + 30.00
    assert not InvoiceLine.objects.filter(invoice__public_id=draft["id"]).exists()
    sandbox.event("2026-01-31T23:59:59.999999Z")
    sandbox.event("2026-02-01T00:00:00Z")  # the next period's
    assert sandbox.get(f"/invoices/{draft['id']}")["total"] == "34.00"
    sandbox.clock("2026-02-01T01:00:00Z")
    issued = sandbox.get(f"/invoices/{draft['id']}")
    assert (issued["status"], issued["number"], issued["total"]) == ("open", "INV-000002", "34.00")
    assert issued["finalized_at"] == "2026-02-01T01:00:00.000000Z"
    assert issued["due_at"] == "2026-03-03T01:00:00.000000Z"
    assert issued["amount_due"] == "34.00"


def test_an_invoice_is_a_view_of_the_ledger() -> None:
    sandbox = with_a_month_of_calls()
    sandbox.clock("2026-02-01T01:00:00Z")
    invoice = Invoice.objects.get(sequence=2)
    lines = list(invoice.lines.order_by("position").select_related("transfer"))
    sides = [
        (
            line.transfer.debit_account.code,
            line.transfer.credit_account.code,
            line.transfer.amount_minor,
        )
        for line in lines
        if line.transfer is not None
    ]
    assert sides == [("1100", "4010", 350), ("1100", "2100", 3000)]
    assert JournalEntry.objects.filter(object=invoice.operation_key).count() == 1
    balance = sandbox.get("/customers/acme/balance")
    assert balance["data"][0]["owed"] == "63.50"


def test_an_event_retracted_in_time_is_not_billed_and_later_does_not_change_what_was_issued() -> (
    None
):
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-31T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z", id="stays")
    sandbox.event("2026-01-05T00:00:00Z", id="goes")
    sandbox.post("/events/void", {"source": "test", "id": "goes", "reason": "test traffic"}, 200)
    sandbox.clock("2026-02-01T01:00:00Z")
    invoice = sandbox.invoices()[1]
    assert invoice["lines"][0]["quantity"] == "1"
    sandbox.post("/events/void", {"source": "test", "id": "stays", "reason": "wrong"}, 200)
    sandbox.event("2026-01-06T00:00:00Z")
    assert sandbox.get(f"/invoices/{invoice['id']}") == invoice
    verdict = sandbox.post(f"/invoices/{invoice['id']}/verify", None, 200)
    assert verdict["matches"], verdict
    assert verdict["rebuilt_hash"] == invoice["content_hash"]


def test_nothing_but_zero_usage_makes_no_invoice_unless_the_plan_has_a_fee() -> None:
    sandbox = started(CALLS)
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-02-02T00:00:00Z")
    assert sandbox.invoices() == []
    sandbox.plan({**BASE, "amount": "0.00"}, code="free")
    sandbox.subscribe("free", plan="free", anchor="calendar")
    sandbox.clock("2026-02-02T01:00:00Z")
    (invoice,) = sandbox.invoices()
    assert (invoice["total"], invoice["status"]) == ("0.00", "paid")
    entry = JournalEntry.objects.get()
    assert not Transfer.objects.filter(entry=entry).exists()
    # The boundary without an invoice is done: a later run does not look at it again.
    assert sandbox.post("/billing-runs", {}, 202)["counts"]["invoiced"] == 0


def test_fees_in_arrears_come_after_their_period_and_one_time_prices_at_the_start() -> None:
    arrears = {**BASE, "code": "support", "billing": "in_arrears", "amount": "31.00"}
    once = {"code": "setup", "kind": "one_time", "model": "flat", "amount": "99.00"}
    sandbox = started(arrears, once)
    sandbox.subscribe(anchor="calendar", start_at="2026-01-11T00:00:00Z")
    sandbox.post("/subscriptions/sub/changes", {"type": "cancel", "at": "period_end"})
    sandbox.clock("2026-05-01T00:00:00Z")
    assert sandbox.totals() == ["99.00", "21.00"]  # 21 of 31 days
    line = sandbox.invoices()[1]["lines"][0]
    assert line["evidence"]["share"]["numerator"] == 21
    assert line["evidence"]["policy"]["proration"] == "day@1"
    codes = {row["code"]: row["balance"] for row in sandbox.get("/ledger/trial-balance")["data"]}
    assert codes == {"1100": "120.00", "4000": "120.00"}


def test_a_price_that_is_not_prorated_is_whole_in_a_short_period() -> None:
    sandbox = started({**BASE, "prorate": False})
    sandbox.subscribe(anchor="calendar", start_at="2026-01-31T00:00:00Z")
    sandbox.clock("2026-01-31T00:00:00Z")
    assert sandbox.totals() == ["30.00"]


def test_explain_says_each_line_in_words_from_evidence_alone() -> None:
    sandbox = with_a_month_of_calls()
    draft = sandbox.invoices("&status=draft")[0]
    usage, fee = sandbox.get(f"/invoices/{draft['id']}/explain")["lines"]
    assert usage["amount"] == "3.50"
    assert "The first 2 at 1 each = 2 USD." in usage["text"]
    assert "The next 3, above 2, at 0.5 each = 1.5 USD." in usage["text"]
    assert usage["text"][-1] == "That is 3.50 USD."
    assert fee["text"][-1] == "A fixed 30 = 30 USD."
    assert fee["text"][0].startswith("base of plan 'pro' (version 1), 2026-02-01")


def test_rounding_follows_the_policy_of_the_period() -> None:
    half = {
        "code": "calls",
        "kind": "usage",
        "meter": "calls",
        "model": "per_unit",
        "unit_amount": "0.005",
    }
    for rounding, total in (("half_up", "0.01"), ("half_even", "0.00")):
        sandbox = Sandbox(settings={"rounding": rounding})
        sandbox.meter()
        sandbox.plan(half, BASE)
        sandbox.customer()
        sandbox.subscribe(anchor="calendar")
        sandbox.event("2026-01-01T00:00:00Z")
        sandbox.clock("2026-02-01T01:00:00Z")
        assert sandbox.invoices()[1]["lines"][0]["amount"] == total


def test_verify_names_what_was_changed_behind_its_back() -> None:
    sandbox = with_a_month_of_calls()
    sandbox.clock("2026-02-01T01:00:00Z")
    invoice = Invoice.objects.get(sequence=2)
    path = f"/invoices/{invoice.public_id}/verify"
    assert sandbox.post(path, None, 200) == {
        "matches": True,
        "content_hash": invoice.content_hash,
        "rebuilt_hash": invoice.content_hash,
        "differences": [],
    }
    transfer = invoice.lines.get(position=0).transfer
    assert transfer is not None
    with purging():
        Transfer.objects.filter(pk=transfer.pk).update(amount_minor=351)
    verdict = sandbox.post(path, None, 200)
    assert not verdict["matches"]
    assert "what is shown from rows and ledger is not what was issued" in verdict["differences"]
    assert verdict["rebuilt_hash"] == invoice.content_hash


def test_verify_sees_an_invoice_whose_evidence_dates_or_parties_were_changed() -> None:
    sandbox = with_a_month_of_calls()
    sandbox.clock("2026-02-01T01:00:00Z")
    invoice = Invoice.objects.get(sequence=1)
    path = f"/invoices/{invoice.public_id}/verify"
    moved = datetime(2026, 1, 2, tzinfo=UTC)
    Invoice.objects.filter(pk=invoice.pk).update(finalized_at=moved)
    assert any("dates" in text for text in sandbox.post(path, None, 200)["differences"])
    Invoice.objects.filter(pk=invoice.pk).update(finalized_at=invoice.finalized_at)
    invoice.party.content = invoice.party.content.replace("acme", "evil")
    invoice.party.save()
    assert any("parties" in text for text in sandbox.post(path, None, 200)["differences"])


def test_a_draft_has_nothing_to_verify_and_anothers_invoice_does_not_exist() -> None:
    sandbox = with_a_month_of_calls()
    draft = sandbox.invoices("&status=draft")[0]
    sandbox.post(f"/invoices/{draft['id']}/verify", None, 409)
    stranger = Sandbox()
    for path in (f"/invoices/{draft['id']}", f"/invoices/{draft['id']}/explain"):
        assert stranger.get(path, 404)["code"] == "not_found"
    assert stranger.invoices() == []
    stranger.post("/invoices/preview", {"subscription": "sub"}, 404)


def test_invoices_are_listed_by_customer_status_and_boundary() -> None:
    sandbox = with_a_month_of_calls()
    assert len(sandbox.invoices("&customer=acme")) == 2
    assert sandbox.invoices("&customer=nobody") == []
    assert len(sandbox.invoices("&from=2026-02-01T00:00:00Z")) == 1
    assert len(sandbox.invoices("&to=2026-02-01T00:00:00Z")) == 1
    assert len(sandbox.invoices("&subscription=sub&status=open")) == 1
    sandbox.get("/invoices?status=late", 400)
    sandbox.get("/invoices?custumer=acme", 400)


def test_a_dry_run_looks_ahead_and_stores_nothing() -> None:
    sandbox = with_a_month_of_calls()
    before = (Invoice.objects.count(), Transfer.objects.count(), NumberSeries.objects.get().last)
    ahead = {"as_of": "2026-03-01T01:00:00Z"}
    sandbox.post("/billing-runs", ahead, 400)
    dry = sandbox.post("/billing-runs", {**ahead, "dry_run": True}, 202)
    assert dry["counts"] == {"due": 2, "invoiced": 1, "finalized": 2, "unchanged": 1, "failed": 0}
    assert dry["total"] == [{"currency": "USD", "amount": "63.50"}]
    after = (Invoice.objects.count(), Transfer.objects.count(), NumberSeries.objects.get().last)
    assert after == before
    sandbox.clock("2026-03-01T01:00:00Z")
    run = sandbox.post("/billing-runs", {}, 202)
    assert run["fingerprint"] == dry["fingerprint"]
    assert run["counts"]["unchanged"] == 3


def test_a_run_in_the_past_does_just_what_was_due_by_then() -> None:
    sandbox = started(BASE, start="2026-06-15T00:00:00Z")
    sandbox.subscribe(start_at="2026-01-01T00:00:00Z")
    run = sandbox.post("/billing-runs", {"as_of": "2026-03-01T00:00:00Z"}, 202)
    assert run["counts"]["finalized"] == 3
    again = sandbox.post("/billing-runs", {"as_of": "2026-03-01T00:00:00Z"}, 202)
    assert again["fingerprint"] == run["fingerprint"]
    assert again["counts"] == {"due": 0, "invoiced": 0, "finalized": 0, "unchanged": 3, "failed": 0}
    assert sandbox.get(f"/billing-runs/{run['id']}")["fingerprint"] == run["fingerprint"]


def test_a_run_may_be_of_some_customers() -> None:
    sandbox = started(BASE)
    sandbox.customer("other")
    sandbox.subscribe("one")
    sandbox.subscribe("two", customer="other")
    sandbox.post("/billing-runs", {"customers": ["nobody"]}, 400)
    sandbox.post("/billing-runs", {"customers": ["other"]}, 202)
    assert [invoice["customer"] for invoice in sandbox.invoices()] == ["other"]
    assert BillingRun.objects.get().customers == ["other"]


@pytest.mark.parametrize(
    "stops", [["2026-04-15"], ["2026-01-31", "2026-02-02", "2026-03-01", "2026-04-15"]]
)
def test_the_documents_do_not_depend_on_how_many_runs_made_them(stops: list[str]) -> None:
    sandbox = started(start="2026-05-01T00:00:00Z")
    for day in ("2026-01-21", "2026-02-03", "2026-03-31"):
        sandbox.event(f"{day}T12:00:00Z", id=day)
    sandbox.subscribe(anchor="calendar", start_at="2026-01-20T00:00:00Z")
    for stop in stops:
        run = sandbox.post("/billing-runs", {"as_of": f"{stop}T00:00:00Z"}, 202)
    assert run["fingerprint"] == FINGERPRINT
    assert sandbox.totals() == ["11.61", "31.00", "31.00", "31.00"]


def test_an_event_names_every_line_that_it_counted_in_and_usage_says_what_is_final() -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-02T00:00:00Z")
    sandbox.event("2026-01-01T12:00:00Z", id="billed")
    usage = "/usage?customer=acme&meter=calls&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z"
    path = "/events/one?source=test&id=billed"
    assert sandbox.get(path)["invoice_lines"] == []
    assert sandbox.get(usage)["data"][0]["state"] == "open"
    sandbox.clock("2026-02-01T00:30:00Z")
    assert sandbox.get(usage)["data"][0]["state"] == "buffered"
    sandbox.clock("2026-02-01T01:00:00Z")
    assert sandbox.get(usage)["data"][0]["state"] == "final"
    (line,) = sandbox.get(path)["invoice_lines"]
    assert (line["number"], line["amount"]) == ("INV-000002", "1.00")
    sandbox.event("2026-01-01T13:00:00Z", id="late")
    assert sandbox.get("/events/one?source=test&id=late")["invoice_lines"] == []


def test_a_preview_has_an_end() -> None:
    sandbox = started(BASE)
    sandbox.subscribe()
    assert len(sandbox.preview(subscription="sub", as_of="2026-06-01T00:00:00Z")) == 6
    far = {"subscription": "sub", "as_of": "2126-01-01T00:00:00Z"}
    problem = sandbox.post("/invoices/preview", far, 400)
    assert problem["errors"][0]["pointer"] == "/as_of"
