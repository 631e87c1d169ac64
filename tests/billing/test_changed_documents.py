"""What is done with the lines of changes: read in words, compared, credited, deferred, traced."""

from datetime import datetime
from typing import Any

import pytest

from billing.models import Invoice
from billing.rating.explain import explain_line
from billing.selectors.amounts import deferrals, lines_of
from billing.selectors.usage_traces import lines_of_event
from billing.selectors.verify import verify_invoices
from ingest.models import UsageEvent
from ledger.templates.invoices import Deferral
from neruba.period import parse_instant
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox, started
from tests.support.console import looking, superuser

pytestmark = pytest.mark.django_db

CHEAP = {**CALLS, "tiers": [{"up_to": None, "unit_amount": "0.40"}]}
BIG = ({**BASE, "amount": "90.00"}, SEATS, CHEAP)
CUT = "2026-01-10T12:00:00Z"
# 30.00 less 9 of 31 days.
FEE, CREDIT = (
    "recurring:base:2026-01-01T00:00:00.000000Z",
    "credit:base:2026-01-10T00:00:00.000000Z",
)
CHARGE = "proration:base:2026-01-10T00:00:00.000000Z"


def subscribed(**more: Any) -> Sandbox:
    """A month of a small plan, paid ahead, and a big plan beside it."""
    sandbox = started()
    sandbox.plan(*BIG, code="big")
    sandbox.subscribe(anchor="calendar", **more)
    sandbox.clock("2026-01-05T00:00:00Z")
    return sandbox


def upgrade(sandbox: Sandbox, invoice: str = "now") -> None:
    body = {"type": "change_plan", "plan": "big", "quantities": {"seats": "1"}, "invoice": invoice}
    sandbox.clock(CUT)
    change(sandbox, body)


def change(sandbox: Sandbox, body: dict[str, Any], status: int = 201) -> Any:
    return sandbox.post("/subscriptions/sub/changes", body, status)


def credit(sandbox: Sandbox, invoice: Any, line: str, amount: str, status: int = 201) -> Any:
    body = {
        "invoice": invoice["id"],
        "lines": [{"line": line, "amount": amount}],
        "reason": "a call",
        "settle": "balance",
    }
    return sandbox.post("/credit-notes", body, status)


def amount(invoice: Any, line: str) -> str:
    return next(one["amount"] for one in invoice["lines"] if one["id"] == line)  # type: ignore[no-any-return]


def words(sandbox: Sandbox, invoice: Any, line: str) -> list[str]:
    found = sandbox.get(f"/invoices/{invoice['id']}/explain")["lines"]
    return next(one["text"] for one in found if one["line"] == line)


def verified(sandbox: Sandbox) -> bool:
    answers = [
        sandbox.post(f"/invoices/{one['id']}/verify", {}, 200)["matches"]
        for one in sandbox.invoices()
    ]
    return all(answers)


def deferred(invoice: Any, line: str, at: str) -> Deferral | None:
    row = Invoice.objects.get(public_id=invoice["id"])
    (mine,) = [one for one in lines_of(row) if one.line_key == line]
    when: datetime = parse_instant(at)
    return deferrals(row, [mine], at=when).get(mine.pk)


# Deferred revenue


def test_a_credit_on_a_later_invoice_ends_what_is_deferred_of_its_line_at_zero() -> None:
    sandbox = subscribed()
    upgrade(sandbox)
    first, second = sandbox.invoices()
    assert amount(second, CREDIT) == "-21.29"
    # All that is left is earned when the part in force is over, and nothing more after that.
    assert deferred(first, FEE, "2026-01-05T00:00:00Z") == Deferral(FEE, 871, 387)
    for at in ("2026-01-12T00:00:00Z", "2026-02-01T00:00:00Z", "2027-01-01T00:00:00Z"):
        assert deferred(first, FEE, at) == Deferral(FEE, 871, 871)
    # The credit itself defers nothing: it took from its line.
    assert deferred(second, CREDIT, "2026-02-01T00:00:00Z") is None
    sandbox.clock("2026-01-20T00:00:00Z")
    credit(sandbox, first, FEE, "8.71")
    # The credit note recognised what was earned: nothing is left on 2100.
    assert deferred(first, FEE, "2026-02-01T00:00:00Z") == Deferral(FEE, 0, 0)


def test_a_void_of_the_later_invoice_defers_it_again() -> None:
    sandbox = subscribed()
    upgrade(sandbox)
    first, second = sandbox.invoices()
    sandbox.post(f"/invoices/{second['id']}/void", {"reason": "wrong"}, 200)
    assert deferred(first, FEE, "2026-02-01T00:00:00Z") == Deferral(FEE, 3000, 3000)


def test_a_write_off_takes_only_what_stands_deferred_after_a_credit() -> None:
    sandbox = subscribed()
    upgrade(sandbox)
    first = sandbox.invoices()[0]
    sandbox.post(f"/invoices/{first['id']}/write-off", {"reason": "bankrupt"}, 200)
    # All of the 8.71 was recognised, and nothing of what the credit took is taken twice.
    assert deferred(first, FEE, "2026-02-01T00:00:00Z") == Deferral(FEE, 0, 0)
    assert verified(sandbox)


# Credit notes


def test_a_credit_note_gives_back_no_more_than_a_credit_left_of_a_line() -> None:
    sandbox = subscribed()
    upgrade(sandbox)
    first, second = sandbox.invoices()
    assert credit(sandbox, first, FEE, "8.72", 400)["errors"][0]["pointer"] == "/lines/0/amount"
    assert credit(sandbox, second, CREDIT, "0.01", 400)["errors"][0]["pointer"] == "/lines/0/amount"
    assert sandbox.get("/credit-notes")["data"] == []
    credit(sandbox, first, FEE, "8.71")
    credit(sandbox, second, CHARGE, "63.87")
    assert credit(sandbox, second, CHARGE, "0.01", 400)["errors"][0]["pointer"] == "/lines/0/amount"
    assert verified(sandbox)


def test_what_a_credit_note_gave_back_before_a_change_does_not_come_back_again() -> None:
    sandbox = subscribed()
    credit(sandbox, sandbox.invoices()[0], FEE, "20.00")
    upgrade(sandbox)
    second = sandbox.invoices()[1]
    assert amount(second, CREDIT) == "-10.00"
    assert words(sandbox, second, CREDIT)[-2:] == [
        "20.00 USD were given back by credit notes.",
        "30.00 − 8.71 = 21.29 USD; what is left of it comes back: 10.00 USD.",
    ]
    # Nothing is left of the line.
    credit(sandbox, sandbox.invoices()[0], FEE, "0.01", 400)
    assert verified(sandbox)


def test_a_credit_note_on_a_charge_lowers_what_a_later_change_takes_back_of_it() -> None:
    sandbox = subscribed()
    upgrade(sandbox)
    credit(sandbox, sandbox.invoices()[1], CHARGE, "50.00")
    sandbox.clock("2026-01-12T00:00:00Z")
    change(sandbox, {"type": "pause", "invoice": "now"})
    third = sandbox.invoices()[2]
    # 63.87 for 22 days, of which 2 are kept: 58.06 would come back, and 13.87 are left.
    back = {one["price"]: one["amount"] for one in third["lines"]}
    assert back == {"base": "-13.87", "seats": "-6.45"}
    assert verified(sandbox)


# In words, and beside each other


def test_parts_credits_and_charges_say_how_they_came_about() -> None:
    sandbox = subscribed()
    sandbox.event("2026-01-05T00:00:00Z")
    upgrade(sandbox, "next")
    sandbox.clock("2026-02-01T02:00:00Z")
    second = sandbox.invoices()[1]
    assert words(sandbox, second, CREDIT) == [
        (
            "Credit on INV-000001: base, billed for the period 2026-01-01 up to but not including "
            "2026-02-01, is due no more from 2026-01-10 00:00:00 up to 2026-02-01 00:00:00 (UTC): "
            "22 of 31 days."
        ),
        "A fixed 30 = 30 USD.",
        "The line came to 30.00 USD.",
        (
            "It is kept for 9 of the 31 days of the whole period 2026-01-01 to 2026-02-01 "
            "(policy day@1)."
        ),
        "8.71 USD of it are kept.",
        "30.00 − 8.71 = 21.29 USD come back.",
    ]
    assert words(sandbox, second, CHARGE)[1:] == [
        "Due since a change, from 2026-01-10 00:00:00 up to 2026-02-01 00:00:00 (UTC).",
        "A fixed 90 = 90 USD.",
        "For 22 of the 31 days of the whole period 2026-01-01 to 2026-02-01 (policy day@1).",
        "That is 63.870967741935 USD, rounded half up to 63.87 USD.",
    ]
    (first_part, last_part) = [one["id"] for one in second["lines"] if one["kind"] == "usage"]
    assert words(sandbox, second, first_part)[1] == (
        "This price is in force from 2026-01-01 00:00:00 up to 2026-01-10 12:00:00 (UTC): the "
        "usage of that time counts."
    )
    explained = sandbox.get(f"/invoices/{second['id']}/explain")["lines"]
    links = {one["line"]: one["events"] for one in explained}
    assert len(sandbox.get(links[first_part].removeprefix("/api/v1"))["data"]) == 1
    assert sandbox.get(links[last_part].removeprefix("/api/v1"))["data"] == []


def test_a_part_of_a_fee_says_what_was_billed_before_it() -> None:
    line = {
        "kind": "proration",
        "amount": "10.66",
        "corrects": None,
        "period": {"start": "2026-01-11T00:00:00.000000Z", "end": "2026-01-22T00:00:00.000000Z"},
        "evidence": {
            "price": {**BASE, "name": "base", "billing": "in_advance", "prorate": True},
            "plan": {"code": "pro", "version": 1},
            "policy": {"proration": "day@1", "rounding": "half_up", "timezone": "UTC"},
            "period": {"starts_on": "2026-01-01", "ends_on": "2026-02-01"},
            "steps": [],
            "amount_exact": "10.645161290323",
            "share": {
                "numerator": 11,
                "denominator": 31,
                "unit": "days",
                "before": 10,
                "whole": {"starts_on": "2026-01-01", "ends_on": "2026-02-01"},
            },
        },
    }
    assert list(explain_line(line, "USD"))[-1] == (
        "10 days of it were billed before: 21 of 31 come to 20.32, 10 to 9.68: "
        "20.32 − 9.68 = 10.64 USD."
    )


def test_a_minimum_of_two_plans_says_each_with_its_days() -> None:
    sandbox = started()
    sandbox.plan({**BASE, "amount": "1.00"}, code="small", minimum_commitment="31.00")
    sandbox.plan({**BASE, "amount": "2.00"}, code="large", minimum_commitment="310.00")
    sandbox.subscribe(plan="small", anchor="calendar")
    sandbox.clock("2026-01-11T00:00:00Z")
    change(sandbox, {"type": "change_plan", "plan": "large"})
    sandbox.clock("2026-02-01T02:00:00Z")
    second = sandbox.invoices()[1]
    key = next(one["id"] for one in second["lines"] if one["kind"] == "minimum")
    text = words(sandbox, second, key)
    assert text[0].startswith("Plan 'small' (version 1) comes to 31.00 USD at least")
    assert text[1].startswith("It holds for 10 of the 31 days")
    assert text[2].startswith("Plan 'large' (version 1) comes to 310.00 USD at least")
    assert text[3].startswith("It holds for 21 of the 31 days")
    assert text[4] == "Together that is 220.00 USD."
    assert verified(sandbox)


def test_documents_with_changes_compare_and_their_causes_sum_to_the_difference() -> None:
    sandbox = subscribed()
    upgrade(sandbox, "next")
    sandbox.clock("2026-03-01T02:00:00Z")
    _, second, third = sandbox.invoices()
    found = sandbox.get(f"/invoices/{third['id']}/compare?with={second['id']}")
    parts = {(one["price"], one["cause"]): one["amount"] for one in found["parts"]}
    # 63.87 of charges less 21.29 of credits are not repeated.
    assert parts == {("base", "proration"): "-42.58", ("seats", "proration"): "-7.10"}
    assert found["difference"] == "-49.68"


def test_a_fee_in_parts_compares_with_a_whole_one_by_its_price() -> None:
    sandbox = started({**BASE, "billing": "in_arrears"})
    sandbox.plan({**BASE, "billing": "in_arrears", "amount": "90.00"}, code="big")
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-02-11T00:00:00Z")
    change(sandbox, {"type": "change_plan", "plan": "big"})
    sandbox.clock("2026-04-01T02:00:00Z")
    first, second, third = sandbox.invoices()
    # 10 of 28 days at 30.00 and 18 at 90.00.
    assert [one["total"] for one in (first, second, third)] == ["30.00", "68.57", "90.00"]
    for new, old, cost in ((second, first, "38.57"), (third, second, "21.43")):
        found = sandbox.get(f"/invoices/{new['id']}/compare?with={old['id']}")
        assert [(one["cause"], one["amount"]) for one in found["parts"]] == [("unit_price", cost)]


@pytest.mark.once
def test_pages_and_print_views_show_the_lines_of_changes() -> None:
    sandbox = subscribed()
    sandbox.event("2026-01-05T00:00:00Z")
    upgrade(sandbox, "next")
    sandbox.clock("2026-02-01T02:00:00Z")
    browser = looking(superuser(), sandbox.project)
    row = Invoice.objects.get(public_id=sandbox.invoices()[1]["id"])
    for page in ("change", "print"):
        shown = browser.get(f"/admin/billing/invoice/{row.pk}/{page}/").content.decode()
        assert "base, unused (22 of 31 days)" in shown, page
    page = browser.get(f"/admin/billing/invoice/{row.pk}/change/").content.decode()
    for label in ("Credit of what is unused", "Credited before", "In force", "21.29"):
        assert label in page, label


def test_verify_rebuilds_each_document_from_the_changes_that_it_knew() -> None:
    sandbox = subscribed()
    upgrade(sandbox)
    for day, seats in (("12", "5"), ("14", "2"), ("16", "7")):
        sandbox.clock(f"2026-01-{day}T00:00:00Z")
        body = {"type": "set_quantity", "price": "seats", "quantity": seats, "invoice": "now"}
        change(sandbox, body)
    sandbox.clock("2026-01-20T00:00:00Z")
    # The row of the first period is cut; its first document knew nothing of that.
    change(sandbox, {"type": "cancel", "at": "now"})
    sandbox.clock("2026-02-02T00:00:00Z")
    rows = list(Invoice.objects.filter(project=sandbox.project, sequence__isnull=False))
    # Many documents of one subscription at once, four of them of no boundary.
    verdicts = list(verify_invoices(sandbox.project, rows))
    assert [verdict.differences for verdict in verdicts] == [()] * 6


# Traces


def traced(event: str) -> list[str]:
    row = UsageEvent.objects.get(event_id=event)
    return [one["line"].removeprefix("usage:calls:")[:10] for one in lines_of_event(row)]


def test_an_event_is_traced_to_the_line_of_the_part_that_it_lies_in() -> None:
    sandbox = subscribed()
    upgrade(sandbox, "next")
    sandbox.clock("2026-01-20T00:00:00Z")
    change(sandbox, {"type": "change_plan", "plan": "pro"})
    # Back on the first plan its price has two parts, and one line.
    for day in ("05", "15", "25"):
        sandbox.clock(f"2026-01-{max(int(day), 20):02}T01:00:00Z")
        sandbox.event(f"2026-01-{day}T00:00:00Z", id=day)
    sandbox.clock("2026-02-01T02:00:00Z")
    second = sandbox.invoices()[1]
    usage = [one for one in second["lines"] if one["kind"] == "usage"]
    assert {one["id"][12:22]: one["quantity"] for one in usage} == {
        "2026-01-01": "2",
        "2026-01-10": "1",
    }
    assert [traced(day) for day in ("05", "15", "25")] == [
        ["2026-01-01"],
        ["2026-01-10"],
        ["2026-01-01"],
    ]
    days = sandbox.get(
        "/usage?customer=acme&meter=calls&window=day"
        "&from=2026-01-01T00:00:00Z&to=2026-02-02T00:00:00Z"
    )["data"]
    # The day of the change lies in two lines.
    states = [one["state"] for one in days if one["window"]["end"] <= "2026-02-01T00:00:00.000000Z"]
    assert states == ["final"] * len(states)
    assert len(states) >= 3
    sandbox.event("2026-01-16T00:00:00Z", id="late")
    sandbox.clock("2026-03-01T02:00:00Z")
    shown = sandbox.get("/events/one?source=test&id=late")
    assert [one["line"] for one in shown["corrections"]] == [
        "correction:usage:calls:2026-01-10T12:00:00.000000Z"
    ]
    assert shown["invoice_lines"] == []
    assert verified(sandbox)


def test_an_event_of_a_level_is_traced_to_every_part_that_ends_after_it() -> None:
    sandbox = Sandbox()
    sandbox.meter("calls", aggregation="weighted_sum", value_property="n")
    sandbox.plan(BASE, {**CHEAP, "model": "graduated"})
    sandbox.plan(BASE, {**CALLS}, code="other")
    sandbox.customer()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-10T12:00:00Z")
    change(sandbox, {"type": "change_plan", "plan": "other"})
    for day in ("05", "15"):
        sandbox.clock(f"2026-01-{max(int(day), 11):02}T00:00:00Z")
        sandbox.event(f"2026-01-{day}T00:00:00Z", id=day, data={"n": "31"})
    sandbox.clock("2026-02-01T02:00:00Z")
    usage = {one["id"][12:22]: one["quantity"] for one in sandbox.invoices()[1]["lines"]
             if one["kind"] == "usage"}  # fmt: skip
    # 31 for 5.5 days; for 21.5 days, and 31 more for 17.
    assert usage == {"2026-01-01": "5.5", "2026-01-10": "38.5"}
    assert [traced(day) for day in ("05", "15")] == [["2026-01-01", "2026-01-10"], ["2026-01-10"]]


def test_what_a_void_invoice_billed_is_not_billed_anew_by_a_later_change() -> None:
    sandbox = subscribed()
    (first,) = sandbox.invoices()
    sandbox.post(f"/invoices/{first['id']}/void", {"reason": "goodwill"}, 200)
    upgrade(sandbox)

    _, second = sandbox.invoices()

    # The part of the big plan alone: nothing is left of the void one that could come back.
    assert [line["kind"] for line in second["lines"]] == ["proration"] * len(second["lines"])
    assert all(line["amount"].startswith("-") is False for line in second["lines"])
    assert {line["price"] for line in second["lines"]} <= {price["code"] for price in BIG}
    verdict = sandbox.post(f"/invoices/{second['id']}/verify", {}, 200)
    assert verdict["matches"]
