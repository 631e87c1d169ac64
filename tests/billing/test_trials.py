"""Trials: what is due until they end, what begins then, and what no invoice is made of."""

from typing import Any

import pytest

from tests.billing.sandbox import BASE, CALLS, Sandbox, started

pytestmark = pytest.mark.django_db

SETUP = {"code": "setup", "kind": "one_time", "model": "flat", "amount": "50.00"}
TRIAL_END = "2026-01-15T00:00:00Z"


def tried(*prices: dict[str, Any], clock: str = "2026-03-01T00:00:00Z", **more: Any) -> Sandbox:
    """A subscription with a trial of two weeks, and a call in it and after it."""
    sandbox = started(*(prices or (BASE, CALLS)))
    sandbox.subscribe(**{"trial_end": TRIAL_END, **more})
    for day in (5, 20):
        sandbox.clock(f"2026-01-{day:02}T00:00:00Z")
        sandbox.event(f"2026-01-{day:02}T00:00:00Z")
    sandbox.clock(clock)
    return sandbox


def lines(invoice: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["id"].rpartition(":2026")[0], one["quantity"], one["amount"])
            for one in invoice["lines"]]  # fmt: skip


def test_the_first_paid_period_begins_where_a_trial_ends() -> None:
    sandbox = tried()
    first, second = sandbox.invoices()
    # The call of the trial is due, its fee is not.
    assert lines(first) == [("usage:calls", "1", "1.00"), ("recurring:base", "1", "30.00")]
    assert lines(second) == [("usage:calls", "1", "1.00"), ("recurring:base", "1", "30.00")]
    starts = [one["start"][:10] for one in sandbox.get("/subscriptions/sub/periods")["data"]]
    assert starts == ["2026-01-01", "2026-01-15", "2026-02-15"]


def test_usage_of_a_free_trial_is_kept_and_not_billed() -> None:
    sandbox = tried(trial_usage="free")
    first, second = sandbox.invoices()
    assert lines(first) == [("recurring:base", "1", "30.00")]
    assert lines(second) == [("usage:calls", "1", "1.00"), ("recurring:base", "1", "30.00")]


def test_what_is_due_once_is_due_at_the_end_of_a_trial() -> None:
    sandbox = tried(SETUP, BASE)
    first, second = sandbox.invoices()
    assert lines(first) == [("one_time:setup", "1", "50.00"), ("recurring:base", "1", "30.00")]
    assert lines(second) == [("recurring:base", "1", "30.00")]


@pytest.mark.parametrize("usage", ["billed", "free"])
def test_a_trial_without_usage_makes_no_invoice_of_nothing(usage: str) -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar", trial_end="2026-03-15T00:00:00Z", trial_usage=usage)
    sandbox.clock("2026-03-14T00:00:00Z")
    assert sandbox.invoices() == []
    sandbox.clock("2026-03-16T00:00:00Z")
    # On the calendar the first paid period is the rest of the month: 17 of 31 days.
    assert sandbox.totals() == ["16.45"]


def test_a_pause_without_usage_makes_no_invoice_of_nothing() -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-31T00:00:00Z")
    sandbox.post("/subscriptions/sub/changes", {"type": "pause"})
    sandbox.clock("2026-05-01T12:00:00Z")
    assert sandbox.totals() == ["30.00", "-0.97"]
    sandbox.post("/subscriptions/sub/changes", {"type": "resume"})
    sandbox.clock("2026-06-01T12:00:00Z")
    assert sandbox.totals()[2:] == ["60.00"]


def test_a_plan_with_a_free_fee_is_still_billed_every_period() -> None:
    sandbox = started({**BASE, "amount": "0.00"}, CALLS)
    sandbox.subscribe(anchor="calendar", end_at="2027-01-01T00:00:00Z")
    sandbox.clock("2026-03-01T12:00:00Z")
    assert sandbox.totals() == ["0.00", "0.00", "0.00"]


def test_a_trial_of_the_plan_ends_at_a_local_midnight() -> None:
    sandbox = started(BASE, timezone="Asia/Tokyo", start="2026-01-01T10:00:00Z")
    sandbox.plan(BASE, code="tried", trial_days=14)
    made = sandbox.subscribe(plan="tried")
    assert made["trial_end"] == "2026-01-14T15:00:00.000000Z"
    assert made["status"] == "trialing"
    sandbox.clock("2026-01-14T14:59:59Z")
    assert sandbox.totals() == []
    sandbox.clock("2026-01-14T15:00:00Z")
    assert sandbox.totals() == ["30.00"]


def test_a_trial_that_somebody_ends_is_paid_from_then_on() -> None:
    sandbox = started()
    sandbox.subscribe(trial_end="2026-02-15T00:00:00Z")
    sandbox.clock("2026-01-10T00:00:00Z")
    sandbox.post("/subscriptions/sub/changes", {"type": "end_trial"})
    sandbox.clock("2026-01-12T00:00:00Z")
    (only,) = sandbox.invoices()
    assert only["total"] == "30.00"
    again = sandbox.post("/subscriptions/sub/changes", {"type": "end_trial"}, 409)
    assert again["code"] == "conflict"
    starts = [one["start"][:10] for one in sandbox.get("/subscriptions/sub/periods")["data"]]
    assert starts == ["2026-01-01", "2026-01-10"]
