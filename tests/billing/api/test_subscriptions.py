"""Subscriptions over the API: anchors, zones, the timeline, the end."""

from typing import Any

import pytest

from billing.models import Subscription, SubscriptionChange
from neruba.append_only import missing_triggers
from tests.billing.sandbox import BASE, CALLS, Sandbox, started

pytestmark = pytest.mark.django_db


def test_a_repeated_post_answers_the_subscription_and_another_content_is_refused() -> None:
    sandbox = started()
    first = sandbox.subscribe(anchor="calendar")
    body = {"external_id": "sub", "customer": "acme", "plan": "pro", "anchor": "calendar"}
    assert sandbox.post("/subscriptions", body, 200) == first
    sandbox.plan({**BASE, "amount": "99.00"})
    assert sandbox.post("/subscriptions", body, 200)["plan_version"] == 1
    other = {**body, "anchor": "anniversary"}
    assert sandbox.post("/subscriptions", other, 409)["code"] == "conflict"
    assert Subscription.objects.count() == SubscriptionChange.objects.count() == 1


def test_the_zone_is_its_own_else_the_customers_else_the_projects() -> None:
    sandbox = started(BASE, timezone="Europe/Berlin")
    sandbox.customer("tokyo", timezone="Asia/Tokyo")
    assert sandbox.subscribe("a")["timezone"] == "Europe/Berlin"
    assert sandbox.subscribe("b", customer="tokyo")["timezone"] == "Asia/Tokyo"
    assert sandbox.subscribe("c", timezone="America/Lima")["timezone"] == "America/Lima"


def test_a_second_subscription_that_would_bill_the_same_meter_is_refused() -> None:
    sandbox = started()
    sandbox.subscribe("one")
    body = {"external_id": "two", "customer": "acme", "plan": "pro"}
    assert sandbox.post("/subscriptions", body, 409)["code"] == "meter_already_billed"
    sandbox.post("/subscriptions/one/changes", {"type": "cancel", "at": "period_end"})
    after = {**body, "start_at": "2026-02-01T00:00:00Z"}
    sandbox.post("/subscriptions", after, 201)
    early = {**body, "external_id": "three", "start_at": "2026-01-31T23:59:59Z"}
    assert sandbox.post("/subscriptions", early, 409)["code"] == "meter_already_billed"


def test_a_cancellation_is_a_dated_row_of_the_timeline() -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-10T00:00:00Z")
    body = {"type": "cancel", "at": "period_end", "reason": "too dear"}
    change = sandbox.post("/subscriptions/sub/changes", body, key="k1")
    assert change["effective_at"] == "2026-02-01T00:00:00.000000Z"
    assert sandbox.post("/subscriptions/sub/changes", body, key="k1") == change
    sandbox.post("/subscriptions/sub/changes", body, 409)
    timeline = sandbox.get("/subscriptions/sub/timeline")["data"]
    assert [row["type"] for row in timeline] == ["create", "cancel"]
    assert timeline[1]["reason"] == "too dear"
    assert sandbox.get("/subscriptions/sub")["status"] == "active"
    assert sandbox.get("/subscriptions/sub?at=2026-02-01T00:00:00Z")["status"] == "canceled"
    # As it stood before anybody asked for its end.
    assert sandbox.get("/subscriptions/sub?at=2026-01-05T00:00:00Z")["end_at"] is None


def test_a_subscription_that_has_not_begun_is_pending() -> None:
    sandbox = started()
    assert sandbox.subscribe(start_at="2026-03-01T00:00:00Z")["status"] == "pending"
    sandbox.clock("2026-02-28T00:00:00Z")
    assert sandbox.totals() == []
    sandbox.clock("2026-03-01T00:00:00Z")
    assert sandbox.totals() == ["30.00"]


def test_a_backdated_subscription_is_caught_up_with_one_invoice_a_boundary() -> None:
    sandbox = started(BASE, start="2026-04-10T00:00:00Z")
    sandbox.subscribe(start_at="2026-01-31T12:00:00Z")
    sandbox.post("/billing-runs", {}, 202)
    starts = [invoice["period"]["start"][:10] for invoice in sandbox.invoices()]
    # Counted from the anchor, never from a clamped date.
    assert starts == ["2026-01-31", "2026-01-31", "2026-02-28"]
    assert sandbox.get("/subscriptions/sub")["next_boundary_at"] == "2026-04-30T00:00:00.000000Z"


def test_periods_tile_and_keep_the_policy_they_opened_with() -> None:
    sandbox = started(CALLS, BASE, timezone="America/New_York")
    sandbox.subscribe(start_at="2026-02-10T15:00:00Z", anchor="calendar")
    sandbox.clock("2026-03-20T00:00:00Z")
    settings = {"settings": {"proration_basis": "day_30", "payment_terms_days": 7}}
    sandbox.call("PATCH", f"/projects/{sandbox.project.slug}", settings, status=200)
    sandbox.clock("2026-05-01T12:00:00Z")
    periods = sandbox.get("/subscriptions/sub/periods")["data"]
    assert [period["start"] for period in periods] == [
        "2026-02-10T15:00:00.000000Z",
        "2026-03-01T05:00:00.000000Z",
        "2026-04-01T04:00:00.000000Z",
        "2026-05-01T04:00:00.000000Z",
    ]
    assert [p["end"] for p in periods[:-1]] == [p["start"] for p in periods[1:]]
    terms = [period["policy"]["payment_terms_days"] for period in periods]
    assert terms == [30, 30, 7, 7]
    later = sandbox.get(
        "/subscriptions/sub/periods?from=2026-04-01T04:00:00Z&to=2026-05-01T04:00:00Z"
    )
    assert [period["number"] for period in later["data"]] == [2]


REFUSED = [
    ({"trial_end": "2026-01-01T00:00:00Z"}, "/trial_end"),
    ({"trial_end": "2025-12-01T00:00:00Z"}, "/trial_end"),
    ({"end_at": "2026-01-01T00:00:00Z"}, "/end_at"),
    ({"billing_day": 15}, "/billing_day"),
    ({"billing_day": 15, "anchor": "anniversary"}, "/billing_day"),
    ({"billing_day": 32, "anchor": "calendar"}, "/billing_day"),
    ({"trial_usage": "perhaps"}, "/trial_usage"),
]


@pytest.mark.parametrize(("more", "pointer"), REFUSED)
def test_what_does_not_fit_a_subscription_is_refused(more: dict[str, Any], pointer: str) -> None:
    sandbox = started()
    body = {"external_id": "s", "customer": "acme", "plan": "pro"}
    problem = sandbox.post("/subscriptions", {**body, **more}, 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert not Subscription.objects.exists()
    assert not SubscriptionChange.objects.exists()


def test_a_last_period_that_an_agreed_end_cuts_is_billed_ahead_only_up_to_it() -> None:
    sandbox = started()
    made = sandbox.subscribe(anchor="calendar", end_at="2026-02-15T00:00:00Z")
    assert made["end_at"] == "2026-02-15T00:00:00.000000Z"
    sandbox.clock("2026-02-10T00:00:00Z")
    sandbox.event("2026-02-10T00:00:00Z")
    sandbox.clock("2026-04-01T00:00:00Z")
    # 14 of the 28 days of February are paid ahead; nothing comes back at the end.
    assert sandbox.totals() == ["30.00", "15.00", "1.00"]
    last = sandbox.invoices()[-1]
    assert last["period"]["end"] == "2026-02-15T00:00:00.000000Z"
    assert [line["kind"] for line in last["lines"]] == ["usage"]
    assert sandbox.get("/subscriptions/sub")["status"] == "canceled"
    change = {"type": "pause"}
    assert sandbox.post("/subscriptions/sub/changes", change, 409)["code"] == "conflict"


def test_a_billing_day_begins_with_a_part_up_to_it() -> None:
    sandbox = started(BASE)
    sandbox.subscribe(anchor="calendar", billing_day=16)
    sandbox.clock("2026-03-20T00:00:00Z")
    # 15 of the 31 days from 16 December to 16 January.
    assert sandbox.totals() == ["14.52", "30.00", "30.00", "30.00"]
    starts = [period["starts_on"] for period in sandbox.get("/subscriptions/sub/periods")["data"]]
    assert starts == ["2026-01-01", "2026-01-16", "2026-02-16", "2026-03-16"]


def test_money_is_not_moved_without_an_idempotency_key() -> None:
    sandbox = started()
    sandbox.subscribe()
    response = sandbox.client.post(
        "/api/v1/subscriptions/sub/changes", {"type": "cancel"}, format="json"
    )
    assert response.status_code == 400
    assert "Idempotency-Key" in response.json()["detail"]


def test_the_timeline_is_append_only() -> None:
    assert [name for name in missing_triggers() if name.startswith("billing")] == []


def test_one_that_is_canceled_before_it_begins_is_never_billed() -> None:
    sandbox = Sandbox(start="2026-01-01T00:00:00Z")
    sandbox.plan({"code": "fee", "kind": "recurring", "model": "flat", "amount": "28.00"})
    sandbox.customer()
    sandbox.subscribe(start_at="2026-01-20T10:00:00Z")
    body = {"type": "cancel", "at": "now"}
    previewed = sandbox.post("/subscriptions/sub/changes/preview", body, 200)
    sandbox.post("/subscriptions/sub/changes", body, 201)
    sandbox.clock("2026-03-01T00:00:00Z")

    assert previewed["data"] == []
    assert sandbox.invoices() == []
    ended = sandbox.get("/subscriptions/sub")
    assert (ended["status"], ended["next_boundary_at"]) == ("canceled", None)
