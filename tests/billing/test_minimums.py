"""Minimum commitments of plans and minimums of prices, on whole invoices."""

import pytest

from tests.billing.composed import redeemed, taxed, verified
from tests.billing.sandbox import BASE, CALLS, started

pytestmark = pytest.mark.django_db


def test_the_plans_minimum_is_trued_up_at_the_end_of_the_period() -> None:
    sandbox = started()
    sandbox.plan(BASE, CALLS, code="committed", minimum_commitment="50.00")
    taxed(sandbox)
    redeemed(sandbox, "TEN", percent_off="10", prices=["calls"])
    sandbox.subscribe(plan="committed")
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in ("05", "06", "07"):
        sandbox.event(f"2026-01-{day}T00:00:00Z", id=day)
    sandbox.clock("2026-02-01T02:00:00Z")
    invoice = verified(sandbox)[1]
    line = next(one for one in invoice["lines"] if one["kind"] == "minimum")
    # The fee of January (30.00, on the first invoice) and calls net of discount: 2.50 less 0.25.
    assert line["evidence"]["minimum"] == {
        "commitment": "50.00",
        "counted": "32.25",
        "counted_on_other_documents": "30.00",
    }
    assert (line["amount"], line["price"], line["tax_amount"]) == ("17.75", None, "3.55")
    # Late usage counts towards it too: what it costs more, the minimum costs less.
    sandbox.event("2026-01-09T00:00:00Z", id="late")
    sandbox.clock("2026-03-01T02:00:00Z")
    corrected = [one for one in verified(sandbox)[2]["lines"] if one["kind"] == "correction"]
    assert [(one["amount"], one["discount_amount"]) for one in corrected] == [
        ("0.50", "0.05"),
        ("-0.45", "0.00"),
    ]
    assert corrected[1]["corrects"]["line"].startswith("minimum:committed:2026-01-01")
    sandbox.post("/events/void", {"source": "test", "id": "late", "reason": "a test"}, 200)
    sandbox.clock("2026-04-01T02:00:00Z")
    again = [one for one in verified(sandbox)[3]["lines"] if one["kind"] == "correction"]
    assert [one["amount"] for one in again] == ["-0.50", "0.45"]


def test_a_minimum_that_is_reached_has_no_line_and_a_short_period_has_its_share() -> None:
    sandbox = started(start="2026-01-16T00:00:00Z")
    sandbox.plan({**BASE, "billing": "in_arrears"}, code="reached", minimum_commitment="30.00")
    sandbox.plan(CALLS, code="short", minimum_commitment="62.00")
    sandbox.subscribe("one", plan="reached", anchor="calendar")
    sandbox.subscribe("two", plan="short", anchor="calendar")
    sandbox.clock("2026-03-01T02:00:00Z")
    found = verified(sandbox)
    by_plan: dict[str, list[list[tuple[str, str]]]] = {}
    for invoice in found:
        rows = [(line["kind"], line["amount"]) for line in invoice["lines"]]
        by_plan.setdefault(invoice["subscription"], []).append(rows)
    assert by_plan["one"] == [[("recurring", "15.48")], [("recurring", "30.00")]]
    assert by_plan["two"] == [
        [("usage", "0.00"), ("minimum", "32.00")],  # 16 of 31 days
        [("usage", "0.00"), ("minimum", "62.00")],
    ]


def test_the_minimum_of_a_price_is_scaled_in_a_short_period() -> None:
    floor = {**CALLS, "minimum_amount": "62.00"}
    sandbox = started(
        floor, {**floor, "code": "whole", "prorate": False}, start="2026-01-16T00:00:00Z"
    )
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-03-01T02:00:00Z")
    amounts = [[line["amount"] for line in one["lines"]] for one in verified(sandbox)]
    assert amounts == [["32.00", "62.00"], ["62.00", "62.00"]]  # 16 of 31 days


def test_the_minimum_of_a_yearly_plan_counts_the_usage_of_its_months() -> None:
    sandbox = started()
    monthly = {**CALLS, "interval": "month", "interval_count": 1}
    sandbox.plan(BASE, monthly, code="yearly", interval="year", minimum_commitment="100.00")
    sandbox.subscribe(plan="yearly")
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in ("05", "06", "07"):
        sandbox.event(f"2026-01-{day}T00:00:00Z")
    sandbox.clock("2027-01-01T00:30:00Z")
    sandbox.event("2026-11-09T00:00:00Z", id="late")
    sandbox.clock("2027-01-01T02:00:00Z")
    last = verified(sandbox)[-1]
    (minimum,) = [line for line in last["lines"] if line["kind"] == "minimum"]
    # The year's fee, January's calls, and a call of November that this invoice corrects.
    assert minimum["evidence"]["minimum"]["counted"] == "33.50"
    assert minimum["amount"] == "66.50"
    sandbox.event("2026-10-09T00:00:00Z", id="later")
    sandbox.clock("2027-02-01T02:00:00Z")
    again = [line for line in verified(sandbox)[-1]["lines"] if line["kind"] == "correction"]
    assert [line["amount"] for line in again] == ["1.00", "-1.00"]
