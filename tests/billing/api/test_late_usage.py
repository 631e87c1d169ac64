"""Late usage: what comes after its invoice is corrected on the next, and never lost."""

from typing import Any

import pytest

from billing.models import Invoice, LateUsage
from ledger.models import Transfer
from ledger.selectors.verify import book_differences
from tests.billing.sandbox import BASE, CALLS, Sandbox, started

pytestmark = pytest.mark.django_db

JANUARY = "usage:calls:2026-01-01T00:00:00.000000Z"
FEBRUARY = "usage:calls:2026-02-01T00:00:00.000000Z"


def january_billed(*prices: Any, calls: int = 5) -> Sandbox:
    """Calls in January (`e0`, `e1`, …), invoiced on 1 February; the clock on the 10th."""
    sandbox = started(*prices)
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-31T00:00:00Z")
    for number in range(calls):
        sandbox.event(f"2026-01-30T{number:02d}:00:00Z", id=f"e{number}")
    sandbox.clock("2026-02-10T00:00:00Z")
    return sandbox


def void(sandbox: Sandbox, *ids: str) -> None:
    for one in ids:
        sandbox.post("/events/void", {"source": "test", "id": one, "reason": "wrong"}, 200)


def corrections(invoice: Any) -> list[Any]:
    return [line for line in invoice["lines"] if line["kind"] == "correction"]


def amounts(invoice: Any) -> list[str]:
    return [line["amount"] for line in corrections(invoice)]


def billed_to(sandbox: Sandbox, instant: str) -> list[Any]:
    """Move the clock; the invoices that came of it, each equal to its preview and verified."""
    before = {invoice["id"] for invoice in sandbox.invoices() if invoice["number"]}
    foreseen = sandbox.preview(customer="acme", as_of=instant)
    sandbox.clock(instant)
    made = [one for one in sandbox.invoices() if one["number"] and one["id"] not in before]
    assert [one["content_hash"] for one in made] == [one["content_hash"] for one in foreseen]
    for invoice in sandbox.invoices():
        if invoice["number"]:
            verdict = sandbox.post(f"/invoices/{invoice['id']}/verify", None, 200)
            assert verdict["matches"], verdict
    assert list(book_differences(sandbox.project)) == []
    return made


def test_late_events_are_billed_on_the_next_invoice_at_the_tiers_they_reach() -> None:
    sandbox = january_billed(calls=1)
    assert sandbox.totals() == ["30.00", "31.00"]  # 1 × 1.00 + the fee of February
    for day in ("05", "06"):
        sandbox.event(f"2026-01-{day}T00:00:00Z")
    (march,) = billed_to(sandbox, "2026-03-01T02:00:00Z")
    # 2 × 1.00 + 1 × 0.50 = 2.50 are known, 1.00 was printed.
    (line,) = corrections(march)
    assert (line["amount"], line["quantity"], line["id"]) == ("1.50", "2", f"correction:{JANUARY}")
    assert line["corrects"] == {
        "invoice": "period:sub:1:1",
        "line": JANUARY,
        "number": "INV-000002",
    }
    assert line["evidence"]["usage"]["quantity"] == "3"
    assert line["evidence"]["correction"] == {
        "quantity_billed": "1",
        "events_billed": 1,
        "amount_known": "2.50",
        "amount_billed": "1.00",
    }
    assert [each["kind"] for each in march["lines"]] == ["usage", "recurring", "correction"]
    assert march["total"] == "31.50"
    text = sandbox.get(f"/invoices/{march['id']}/explain")["lines"][2]["text"]
    assert text[0] == (
        "Correction of INV-000002: meter 'calls' stood at 1 when it was billed and stands at 3 "
        "now: 2.50 − 1.00 = 1.50 USD."
    )
    assert text[-1] == "That is 2.50 USD."
    assert not LateUsage.objects.exists()
    void(sandbox, "e0")
    (april,) = billed_to(sandbox, "2026-04-01T02:00:00Z")
    assert (amounts(april), april["total"]) == (["-0.50"], "29.50")  # as docs/late-usage.md has it
    (may,) = billed_to(sandbox, "2026-05-01T02:00:00Z")
    assert corrections(may) == []


def test_a_preview_shows_a_late_event_at_once_and_so_does_the_draft() -> None:
    sandbox = january_billed()
    sandbox.event("2026-01-05T00:00:00Z")
    (coming,) = sandbox.preview(subscription="sub")
    assert amounts(coming) == ["0.50"]
    assert not LateUsage.objects.exists()
    sandbox.clock("2026-03-01T00:30:00Z")
    (draft,) = sandbox.invoices("&status=draft")
    assert amounts(draft) == ["0.50"]
    sandbox.event("2026-01-06T00:00:00Z")
    (draft,) = sandbox.invoices("&status=draft")
    assert amounts(draft) == ["1.00"]


def test_a_void_after_issue_is_given_back() -> None:
    sandbox = january_billed()
    void(sandbox, "e0")
    (march,) = billed_to(sandbox, "2026-03-01T02:00:00Z")
    (line,) = corrections(march)
    assert (line["amount"], line["quantity"], march["total"]) == ("-0.50", "-1", "29.50")
    transfer = Transfer.objects.select_related("debit_account", "credit_account").get(
        line=f"correction:{JANUARY}"
    )
    sides = (transfer.debit_account.code, transfer.credit_account.code, transfer.amount_minor)
    assert sides == ("4010", "1100", 50)


def test_an_invoice_below_zero_goes_to_the_balance_and_the_next_one_uses_it() -> None:
    sandbox = january_billed(CALLS)
    assert sandbox.totals() == ["3.50"]
    sandbox.event("2026-02-09T00:00:00Z")  # 1.00 in February
    void(sandbox, *(f"e{number}" for number in range(5)))
    (march,) = billed_to(sandbox, "2026-03-01T02:00:00Z")
    assert (march["total"], march["status"], amounts(march)) == ("-2.50", "paid", ["-3.50"])
    assert (march["balance_applied"], march["amount_due"]) == ("-2.50", "0.00")
    assert not LateUsage.objects.exists()
    (balance,) = sandbox.get("/customers/acme/balance")["data"]
    assert (balance["owed"], balance["credit"]) == ("3.50", "2.50")
    # Nothing in March: no invoice.
    assert billed_to(sandbox, "2026-04-01T02:00:00Z") == []
    for hour in range(10):
        sandbox.event(f"2026-04-01T{hour // 5:02d}:00:00Z")  # 2 × 1.00 + 8 × 0.50 = 6.00
    (may,) = billed_to(sandbox, "2026-05-01T02:00:00Z")
    shown = [may[name] for name in ("total", "balance_applied", "amount_due", "status")]
    assert (shown, amounts(may)) == (["6.00", "2.50", "3.50", "open"], [])


def test_what_is_owed_late_makes_room_for_what_is_given_back() -> None:
    sandbox = january_billed(CALLS)
    sandbox.event("2026-02-09T00:00:00Z")
    (march,) = billed_to(sandbox, "2026-03-01T02:00:00Z")
    assert march["total"] == "1.00"
    void(sandbox, "e0", "e1")  # -1.00 in January
    sandbox.event("2026-02-08T00:00:00Z")  # +1.00 in February
    (april,) = billed_to(sandbox, "2026-04-01T02:00:00Z")
    assert amounts(april) == ["-1.00", "1.00"]
    assert april["total"] == "0.00"


def test_a_period_whose_invoice_was_not_made_is_corrected_too() -> None:
    sandbox = january_billed(CALLS, calls=0)
    assert sandbox.invoices() == []
    sandbox.event("2026-01-05T00:00:00Z")
    (march,) = billed_to(sandbox, "2026-03-01T02:00:00Z")
    (line,) = corrections(march)
    assert line["amount"] == "1.00"
    assert line["corrects"] == {"invoice": "period:sub:1:1", "line": JANUARY, "number": None}
    text = sandbox.get(f"/invoices/{march['id']}/explain")["lines"][1]["text"]
    assert text[0].startswith("Correction of the period 2026-01-01 up to 2026-02-01: meter ")


def test_a_correction_is_corrected_by_what_is_known_less_all_that_was_printed() -> None:
    sandbox = january_billed()  # 3.50
    sandbox.event("2026-01-05T00:00:00Z", id="late")
    (march,) = billed_to(sandbox, "2026-03-01T02:00:00Z")
    assert amounts(march) == ["0.50"]
    void(sandbox, "late", "e0", "e1", "e2", "e3")
    (april,) = billed_to(sandbox, "2026-04-01T02:00:00Z")
    (line,) = corrections(april)
    assert (line["amount"], line["quantity"]) == ("-3.00", "-5")
    assert line["corrects"]["number"] == "INV-000002"
    assert line["evidence"]["correction"]["quantity_billed"] == "6"
    assert line["evidence"]["correction"]["amount_billed"] == "4.00"


def test_an_event_three_periods_late_is_billed_by_the_prices_of_its_period() -> None:
    sandbox = january_billed()
    sandbox.clock("2026-04-10T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.event("2026-02-05T00:00:00Z")
    (may,) = billed_to(sandbox, "2026-05-01T02:00:00Z")
    assert amounts(may) == ["0.50", "1.00"]
    assert [line["corrects"]["line"] for line in corrections(may)] == [JANUARY, FEBRUARY]


def test_an_ended_subscription_gets_an_invoice_of_its_own() -> None:
    sandbox = january_billed()
    sandbox.post("/subscriptions/sub/changes", {"type": "cancel", "at": "period_end"})
    sandbox.clock("2026-03-05T00:00:00Z")
    assert sandbox.totals() == ["30.00", "33.50", "0.00"]
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.event("2026-02-05T00:00:00Z")
    (first,) = billed_to(sandbox, "2026-03-05T00:00:01Z")
    assert (first["total"], amounts(first)) == ("1.50", ["0.50", "1.00"])
    assert first["period"] == {
        "start": "2026-01-01T00:00:00.000000Z",
        "end": "2026-03-01T00:00:00.000000Z",
    }
    assert first["subscription"] == "sub"
    sandbox.event("2026-01-06T00:00:00Z")
    run = sandbox.post("/billing-runs", {}, 202)
    assert run["counts"]["finalized"] == 1
    keys = Invoice.objects.filter(reason="correction").order_by("pk")
    assert list(keys.values_list("operation_key", flat=True)) == ["late:sub:1", "late:sub:2"]
    assert sandbox.post("/billing-runs", {}, 202)["counts"]["finalized"] == 0
    assert sandbox.invoices()[-1]["total"] == "0.50"


def test_what_an_ended_subscription_is_to_get_back_goes_to_the_balance() -> None:
    sandbox = january_billed(CALLS)
    sandbox.post("/subscriptions/sub/changes", {"type": "cancel", "at": "period_end"})
    sandbox.clock("2026-03-05T00:00:00Z")
    void(sandbox, "e0", "e1")  # -1.00
    (late,) = billed_to(sandbox, "2026-03-06T00:00:00Z")
    assert (late["total"], amounts(late), late["status"]) == ("-1.00", ["-1.00"], "paid")
    assert sandbox.get("/customers/acme/balance")["data"][0]["credit"] == "1.00"
    assert billed_to(sandbox, "2026-03-07T00:00:00Z") == []
    assert not LateUsage.objects.exists()


def test_the_last_invoice_of_a_subscription_takes_the_corrections() -> None:
    sandbox = january_billed()
    sandbox.post("/subscriptions/sub/changes", {"type": "cancel", "at": "period_end"})
    sandbox.event("2026-01-05T00:00:00Z")
    (march,) = billed_to(sandbox, "2026-03-01T02:00:00Z")
    assert (march["total"], amounts(march)) == ("0.50", ["0.50"])


def test_events_of_other_types_customers_and_subscriptions_correct_nothing() -> None:
    sandbox = started()
    sandbox.meter("other")
    sandbox.customer("else")
    sandbox.subscribe(anchor="calendar")
    sandbox.subscribe("theirs", customer="else", anchor="calendar")
    sandbox.clock("2026-02-10T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z", type="other")
    sandbox.event("2026-01-05T00:00:00Z", subscription="none")
    sandbox.event("2026-01-05T00:00:00Z", subject="else")
    billed_to_march = sandbox.preview(customer="acme", as_of="2026-03-01T02:00:00Z")
    assert [corrections(one) for one in billed_to_march] == [[]]
    sandbox.clock("2026-03-01T02:00:00Z")
    by_customer = {
        one["customer"]: amounts(one) for one in sandbox.invoices("&from=2026-03-01T00:00:00Z")
    }
    assert by_customer == {"acme": [], "else": ["1.00"]}
    assert not LateUsage.objects.exists()


def test_an_event_at_the_edge_of_a_local_period_touches_only_its_own() -> None:
    sandbox = started()
    sandbox.subscribe(
        anchor="calendar", timezone="America/New_York", start_at="2026-01-01T05:00:00Z"
    )
    sandbox.clock("2026-02-10T00:00:00Z")
    sandbox.event("2026-02-01T04:59:59Z")  # January there
    (march,) = billed_to(sandbox, "2026-03-01T07:00:00Z")
    assert amounts(march) == ["1.00"]
    assert march["lines"][0]["quantity"] == "0"


def test_an_event_names_the_correction_in_which_it_began_and_ceased_to_count() -> None:
    sandbox = january_billed()
    sandbox.event("2026-01-05T00:00:00Z", id="late")
    path = "/events/one?source=test&id=late"
    sandbox.clock("2026-03-01T02:00:00Z")
    (began,) = sandbox.get(path)["corrections"]
    assert (began["number"], began["amount"]) == ("INV-000003", "0.50")
    assert sandbox.get(path)["invoice_lines"] == []
    void(sandbox, "late")
    sandbox.event("2026-01-06T00:00:00Z")
    sandbox.event("2026-01-06T01:00:00Z")
    sandbox.clock("2026-04-01T02:00:00Z")
    began, ceased = sandbox.get(path)["corrections"]
    assert (ceased["number"], ceased["amount"]) == ("INV-000004", "0.50")
    in_time = sandbox.get("/events/one?source=test&id=e0")
    assert (len(in_time["invoice_lines"]), in_time["corrections"]) == (1, [])


def test_a_dry_run_foresees_the_corrections_and_stores_none() -> None:
    sandbox = january_billed()
    sandbox.event("2026-01-05T00:00:00Z")
    ahead = {"as_of": "2026-03-01T01:00:00Z", "dry_run": True}
    dry = sandbox.post("/billing-runs", ahead, 202)
    assert dry["total"] == [{"currency": "USD", "amount": "30.50"}]
    assert not LateUsage.objects.exists()
    sandbox.clock("2026-03-01T01:00:00Z")
    assert sandbox.post("/billing-runs", {}, 202)["fingerprint"] == dry["fingerprint"]


@pytest.mark.parametrize("policy", ["credit_note", "reopen"])
def test_the_other_policies_are_refused_until_there_are_credit_notes(policy: str) -> None:
    sandbox = Sandbox()
    slug = sandbox.project.slug
    body = {"settings": {"late_event_policy": policy}}
    problem = sandbox.call("PATCH", f"/projects/{slug}", body, status=400)
    assert (problem["code"], "credit notes" in problem["detail"]) == ("unsupported", True)


def test_verify_names_a_correction_whose_line_was_changed() -> None:
    sandbox = january_billed(BASE, CALLS)
    sandbox.event("2026-01-05T00:00:00Z")
    (march,) = billed_to(sandbox, "2026-03-01T02:00:00Z")
    invoice = Invoice.objects.get(public_id=march["id"])
    line = invoice.lines.get(kind="correction")
    line.evidence = line.evidence.replace('"amount_billed":"3.50"', '"amount_billed":"3.00"')
    line.save()
    verdict = sandbox.post(f"/invoices/{march['id']}/verify", None, 200)
    assert any(
        "the evidence gives 1.00, printed is 0.50" in text for text in verdict["differences"]
    )
