"""Subscriptions over the API: anchors, zones, the timeline, the end."""

import pytest

from billing.models import Subscription, SubscriptionChange
from neruba.append_only import missing_triggers
from tests.billing.sandbox import BASE, CALLS, started

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


def test_what_this_version_does_not_do_is_refused_and_not_ignored() -> None:
    sandbox = started()
    body = {"external_id": "s", "customer": "acme", "plan": "pro"}
    for later in ("end_at", "trial_end"):
        problem = sandbox.post("/subscriptions", {**body, later: "2027-01-01T00:00:00Z"}, 400)
        assert problem["code"] == "unsupported"
        assert problem["errors"][0]["pointer"] == f"/{later}"
    sandbox.subscribe()
    change = {"type": "change_plan", "plan": "pro"}
    sandbox.post("/subscriptions/sub/changes", change, 400)
    assert (
        sandbox.post("/subscriptions/sub/changes", {"type": "pause"}, 400)["code"] == "unsupported"
    )
    now = {"type": "cancel", "at": "now"}
    assert sandbox.post("/subscriptions/sub/changes", now, 400)["errors"][0]["pointer"] == "/at"
    assert SubscriptionChange.objects.count() == 1


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
