"""What plans entitle to, and what customers have of it: written, kept, and read at any instant."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import PlanVersion, SubscriptionChange
from billing.rating.terms import Terms
from neruba.canonical import canonical_json
from tests import factories
from tests.billing.sandbox import BASE, CALLS, Sandbox, started
from tests.isolation.walk import fingerprint

pytestmark = pytest.mark.django_db

SSO = {"feature": "sso", "type": "boolean"}
LIMIT = {"feature": "calls", "type": "limit", "limit": "5"}
SEATS = {"feature": "seats", "type": "limit", "limit": "3"}
# Of the same content, before there were entitlements.
HASH_BEFORE = "daab624ca11baf6bb42532ceae2f4eb7e52faa3dbd3a95a6b9d4e153d7c6c6d2"
JANUARY = {"start": "2026-01-01T00:00:00.000000Z", "end": "2026-02-01T00:00:00.000000Z"}


def entitled(*entitlements: dict[str, Any], **project: Any) -> Sandbox:
    """A sandbox whose plan entitles to these, with a subscription since January 1st."""
    sandbox = Sandbox(**project)
    sandbox.meter()
    sandbox.plan(BASE, entitlements=entitlements)
    sandbox.customer()
    sandbox.subscribe()
    return sandbox


def features(sandbox: Sandbox, at: str = "", customer: str = "acme") -> dict[str, Any]:
    query = f"?at={at}" if at else ""
    body = sandbox.get(f"/customers/{customer}/entitlements{query}")
    return {one["feature"]: one for one in body["entitlements"]}


def numbers(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["limit"], one["used"], one["remaining"], one["has_access"]


def test_a_plan_says_what_it_entitles_to_and_the_next_version_may_say_another_thing() -> None:
    sandbox = started()
    shown = [
        {"feature": "sso", "type": "boolean", "limit": None, "meter": None},
        {"feature": "calls", "type": "limit", "limit": "5", "meter": "calls"},
        {"feature": "seats", "type": "limit", "limit": "3", "meter": None},
    ]
    given = [SSO, {**LIMIT, "limit": "5.0"}, SEATS]
    first = sandbox.plan(BASE, entitlements=given)
    assert first["entitlements"] == shown
    body = {"code": "pro", "currency": "USD", "interval": "month", "prices": [BASE]}
    # What was answered says the same as what was asked.
    assert sandbox.post("/plans", {**body, "entitlements": shown}, 200) == first
    assert sandbox.get("/plans/pro")["entitlements"] == shown
    more = sandbox.post("/plans", {**body, "entitlements": [SSO, {**LIMIT, "limit": "6"}]})
    assert more["version"] == first["version"] + 1
    found = sandbox.get("/plans/pro/diff")["changes"]
    assert [(one["change"], one["price"], one["field"]) for one in found] == [
        ("removed", None, "/entitlements/2"),
        ("changed", None, "/entitlements/1/limit"),
    ]
    assert found[0]["text"] == "Entitlement 'seats' is gone: 3 each period."
    assert found[1]["text"] == "Entitlement 'calls': the limit rises from 5 to 6."


def test_a_version_without_entitlements_keeps_its_hash() -> None:
    sandbox = started()
    plain = sandbox.plan(BASE, entitlements=[])
    assert plain["entitlements"] == []
    assert PlanVersion.objects.get(version=plain["version"]).content_hash == HASH_BEFORE


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ([{"type": "boolean"}], "/entitlements/0/feature"),
        ([{"feature": "", "type": "boolean"}], "/entitlements/0/feature"),
        ([{"feature": "sso"}], "/entitlements/0/type"),
        ([{"feature": "sso", "type": "metered"}], "/entitlements/0/type"),
        ([SSO, {"feature": "api", "type": "limit"}], "/entitlements/1/limit"),
        ([{**LIMIT, "limit": None}], "/entitlements/0/limit"),
        ([{**LIMIT, "limit": "-1"}], "/entitlements/0/limit"),
        ([{**LIMIT, "limit": 1.5}], "/entitlements/0/limit"),
        ([{**LIMIT, "limit": "1.0000000001"}], "/entitlements/0/limit"),
        ([{**SSO, "limit": "1"}], "/entitlements/0/limit"),
        ([{**SSO, "meter": "calls"}], "/entitlements/0/meter"),
        ([{**LIMIT, "meter": "unknown"}], "/entitlements/0/meter"),
        ([SSO, LIMIT, {"feature": "sso", "type": "boolean"}], "/entitlements/2/feature"),
        ([{**SSO, "enabled": True}], "/entitlements/0/enabled"),
        (["sso"], "/entitlements/0"),
        ("sso", "/entitlements"),
    ],
)  # fmt: skip
def test_an_entitlement_that_makes_no_sense_is_refused_at_its_field(
    given: Any, pointer: str
) -> None:
    sandbox = started()
    body = {"code": "pro", "currency": "USD", "interval": "month", "prices": [BASE]}
    before = fingerprint(sandbox.project)
    problem = sandbox.post("/plans", {**body, "entitlements": given}, 400)
    assert problem["errors"][0]["pointer"] == pointer
    assert fingerprint(sandbox.project) == before


def test_a_subscription_keeps_what_its_version_entitled_to() -> None:
    sandbox = entitled(SSO, LIMIT)
    sandbox.plan(BASE, entitlements=[{**LIMIT, "limit": "900"}])
    assert set(features(sandbox)) == {"sso", "calls"}
    assert features(sandbox)["calls"]["limit"] == "5"
    terms = Terms.read(SubscriptionChange.objects.get().content)
    assert Terms.read(canonical_json(terms.content())) == terms
    assert [one.feature for one in terms.entitlements] == ["sso", "calls"]


def test_a_customer_sees_features_limits_and_what_is_used() -> None:
    sandbox = entitled(SSO, LIMIT, SEATS)
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in ("05", "06"):
        sandbox.event(f"2026-01-{day}T00:00:00Z")
    body = sandbox.get("/customers/acme/entitlements")
    assert (body["customer"], body["at"]) == ("acme", "2026-01-20T00:00:00.000000Z")
    counted = {
        "type": "limit",
        "limit": "5",
        "used": "2",
        "remaining": "3",
        "meter": "calls",
        "period": JANUARY,
        "subscriptions": ["sub"],
    }
    calls, seats, sso = body["entitlements"]
    assert calls == {"feature": "calls", "has_access": True, **counted, "parts": [counted]}
    assert numbers(seats) == ("3", None, None, True)
    assert seats["period"] == JANUARY
    assert (sso["type"], sso["period"], *numbers(sso)) == ("boolean", None, None, None, None, True)


def test_a_limit_that_is_used_up_gives_no_access_and_the_next_period_begins_at_nothing() -> None:
    sandbox = entitled(LIMIT, {**SEATS, "limit": "0"})
    sandbox.clock("2026-01-20T00:00:00Z")
    for number in range(6):
        sandbox.event("2026-01-05T00:00:00Z", id=str(number))
    assert numbers(features(sandbox)["calls"]) == ("5", "6", "0", False)
    assert numbers(features(sandbox)["seats"]) == ("0", None, None, False)
    sandbox.clock("2026-02-01T00:00:00Z")
    calls = features(sandbox)["calls"]
    assert numbers(calls) == ("5", "0", "5", True)
    assert calls["period"]["start"] == JANUARY["end"]


def test_at_an_instant_of_the_past_it_is_as_it_was_then() -> None:
    sandbox = entitled(LIMIT)
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in ("05", "06", "19"):
        sandbox.event(f"2026-01-{day}T00:00:00Z")
    sandbox.post("/subscriptions/sub/changes", {"type": "cancel", "at": "period_end"})
    assert features(sandbox, "2025-12-31T23:59:59.999999Z") == {}
    used = {
        "2026-01-01T00:00:00Z": "0",
        "2026-01-04T23:59:59.999999Z": "0",
        # The instant itself counts.
        "2026-01-05T00:00:00Z": "1",
        "2026-01-18T00:00:00%2B00:00": "2",
        "2026-01-31T23:59:59.999999Z": "3",
    }
    assert {at: features(sandbox, at)["calls"]["used"] for at in used} == used
    sandbox.clock("2026-03-01T00:00:00Z")
    assert {at: features(sandbox, at)["calls"]["used"] for at in used} == used
    # Canceled by then.
    assert features(sandbox, "2026-02-01T00:00:00Z") == {}
    assert features(sandbox) == {}


def test_the_period_is_that_of_the_plan_in_the_subscriptions_zone() -> None:
    sandbox = Sandbox(timezone="Europe/Berlin")
    sandbox.meter()
    by_day = {**CALLS, "interval": "day"}
    sandbox.plan(BASE, by_day, entitlements=[LIMIT])
    sandbox.customer()
    sandbox.subscribe(anchor="calendar", billing_day=15)
    sandbox.clock("2026-01-20T00:00:00Z")
    sandbox.event("2026-01-14T22:30:00Z")
    sandbox.event("2026-01-14T23:30:00Z")  # the 15th in Berlin
    calls = features(sandbox)["calls"]
    assert calls["used"] == "1"
    assert calls["period"] == {
        "start": "2026-01-14T23:00:00.000000Z",
        "end": "2026-02-14T23:00:00.000000Z",
    }
    # A period that has not opened is there all the same.
    later = features(sandbox, "2026-04-20T00:00:00Z")["calls"]
    assert later["period"]["start"] == "2026-04-14T22:00:00.000000Z"


def test_a_limit_counts_the_meter_that_it_names() -> None:
    sandbox = Sandbox()
    sandbox.meter()
    sandbox.meter("storage", aggregation="max", value_property="gb")
    limit = {"feature": "Disk space", "type": "limit", "limit": "10.5", "meter": "storage"}
    sandbox.plan(BASE, entitlements=[limit])
    sandbox.customer()
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    for gb in ("8.25", "7"):
        sandbox.event("2026-01-05T00:00:00Z", type="storage", data={"gb": gb})
    disk = features(sandbox)["Disk space"]
    assert (disk["meter"], *numbers(disk)) == ("storage", "10.5", "8.25", "2.25", True)


def test_limits_of_one_period_add_up_and_an_event_counts_once() -> None:
    sandbox = entitled(SSO, LIMIT)
    sandbox.plan(BASE, code="pack", entitlements=[{**LIMIT, "limit": "10"}])
    sandbox.subscribe("pack", plan="pack")
    sandbox.subscribe("late", plan="pack", start_at="2026-03-01T00:00:00Z")
    sandbox.clock("2026-01-20T00:00:00Z")
    for named in ({}, {"subscription": "sub"}, {"subscription": "pack"}, {"subscription": "late"}):
        sandbox.event("2026-01-05T00:00:00Z", **named)
    found = features(sandbox)
    # One that names neither of the two counts for neither.
    assert numbers(found["calls"]) == ("15", "3", "12", True)
    assert found["calls"]["subscriptions"] == ["pack", "sub"]
    assert found["sso"]["subscriptions"] == ["sub"]
    assert len(found["calls"]["parts"]) == 1


def test_limits_of_different_periods_are_counted_apart() -> None:
    sandbox = entitled(LIMIT)
    sandbox.plan(BASE, code="pack", entitlements=[{**LIMIT, "limit": "10"}])
    sandbox.clock("2026-01-20T00:00:00Z")
    sandbox.subscribe("pack", plan="pack", start_at="2026-01-10T00:00:00Z")
    for day in ("05", "06", "15"):
        sandbox.event(f"2026-01-{day}T00:00:00Z")
    calls = features(sandbox)["calls"]
    assert [(one["subscriptions"], one["used"], one["remaining"]) for one in calls["parts"]] == [
        (["pack"], "1", "9"),
        (["sub"], "3", "2"),
    ]
    # The event of the 15th is taken off both.
    assert numbers(calls) == ("15", None, "11", True)
    assert (calls["meter"], calls["period"]) == (None, None)


def test_what_is_granted_without_a_limit_by_one_has_none() -> None:
    sandbox = entitled({**LIMIT, "limit": "0"})
    sandbox.plan(BASE, code="all", entitlements=[{"feature": "calls", "type": "boolean"}])
    assert not features(sandbox)["calls"]["has_access"]
    sandbox.subscribe("all", plan="all")
    calls = features(sandbox)["calls"]
    assert (calls["type"], *numbers(calls)) == ("boolean", None, None, None, True)
    assert [one["type"] for one in calls["parts"]] == ["boolean", "limit"]


def test_a_customer_without_subscriptions_is_entitled_to_nothing() -> None:
    sandbox = started()
    assert features(sandbox) == {}
    sandbox.subscribe()
    assert features(sandbox) == {}


def test_unknown_foreign_and_erased_customers_are_not_found() -> None:
    sandbox = entitled(SSO)
    other = Sandbox()
    other.get("/customers/acme/entitlements", 404)
    sandbox.get("/customers/nobody/entitlements", 404)
    sandbox.customer("gone")
    assert features(sandbox, customer="gone") == {}
    sandbox.post("/customers/gone/erase", {"reason": "asked for it"}, 200)
    sandbox.get("/customers/gone/entitlements", 404)


@pytest.mark.parametrize("query", ["at=yesterday", "at=2026-01-01T00:00:00", "when=now"])
def test_a_query_that_makes_no_sense_is_refused(query: str) -> None:
    entitled(SSO).get(f"/customers/acme/entitlements?{query}", 400)


@pytest.mark.parametrize(
    ("scope", "status"), [("usage:read", 200), ("admin", 200), ("billing:read", 403)]
)
def test_it_is_read_with_the_scope_of_usage(scope: str, status: int) -> None:
    sandbox = entitled(SSO)
    caller = factories.client(project=sandbox.project, scopes=[scope])
    assert caller.get("/api/v1/customers/acme/entitlements").status_code == status


def test_more_subscriptions_and_features_take_no_more_queries() -> None:
    sandbox = entitled(SSO, LIMIT, SEATS)
    sandbox.meter("other")
    sandbox.clock("2026-01-20T12:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z")

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            features(sandbox)
        return len(asked)

    before = queries()
    more = {"feature": "more", "type": "limit", "limit": "7", "meter": "other"}
    for number in range(4):
        code = f"plan-{number}"
        sandbox.plan(BASE, code=code, entitlements=[LIMIT, more])
        sandbox.subscribe(code, plan=code, start_at=f"2026-01-1{number}T00:00:00Z")
    assert queries() == before
    assert len(features(sandbox)["calls"]["parts"]) == 5


def test_entitlements_follow_a_subscription_through_its_changes() -> None:
    sandbox = entitled(LIMIT, SSO)
    sandbox.plan({**BASE, "amount": "90.00"}, entitlements=[{**LIMIT, "limit": "50"}], code="big")
    sandbox.clock("2026-01-05T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.clock("2026-01-10T12:00:00Z")

    def change(body: dict[str, Any]) -> None:
        sandbox.post("/subscriptions/sub/changes", body)

    change({"type": "change_plan", "plan": "big"})
    sandbox.clock("2026-01-20T00:00:00Z")
    sandbox.event("2026-01-19T00:00:00Z")
    # The period goes on, and so does what is used of it.
    before, after = (features(sandbox, f"2026-01-{day}T00:00:00Z") for day in ("10", "20"))
    assert numbers(before["calls"]) == ("5", "1", "4", True)
    assert "sso" in before
    assert numbers(after["calls"]) == ("50", "2", "48", True)
    assert "sso" not in after
    assert before["calls"]["period"] == after["calls"]["period"] == JANUARY
    change({"type": "pause"})
    sandbox.clock("2026-01-25T00:00:00Z")
    assert features(sandbox) == {}
    assert "calls" in features(sandbox, "2026-01-19T00:00:00Z")
    change({"type": "resume"})
    assert numbers(features(sandbox)["calls"]) == ("50", "2", "48", True)
    change({"type": "cancel", "at": "2026-01-28T00:00:00Z"})
    ending = features(sandbox, "2026-01-27T00:00:00Z")
    assert ending["calls"]["period"]["end"] == "2026-01-28T00:00:00.000000Z"
    sandbox.clock("2026-01-28T00:00:00Z")
    assert features(sandbox) == {}


def test_a_whole_new_period_begins_to_count_from_nothing() -> None:
    sandbox = entitled(LIMIT)
    sandbox.plan({**BASE, "amount": "90.00"}, entitlements=[LIMIT], code="big")
    sandbox.clock("2026-01-09T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.clock("2026-01-10T00:00:00Z")
    body = {"type": "change_plan", "plan": "big", "proration": "full_period"}
    sandbox.post("/subscriptions/sub/changes", body)
    sandbox.clock("2026-01-12T00:00:00Z")
    sandbox.event("2026-01-11T00:00:00Z")
    sandbox.event("2026-01-11T12:00:00Z")
    # Both periods are stored, and on the grid both hold this instant.
    now = features(sandbox)["calls"]
    assert numbers(now) == ("5", "2", "3", True)
    assert now["period"] == {
        "start": "2026-01-10T00:00:00.000000Z",
        "end": "2026-02-10T00:00:00.000000Z",
    }
    old = features(sandbox, "2026-01-09T00:00:00Z")["calls"]
    assert numbers(old) == ("5", "1", "4", True)


def test_a_trial_grants_what_its_plan_does() -> None:
    sandbox = entitled(LIMIT)
    sandbox.customer("other")
    sandbox.subscribe("tried", customer="other", trial_end="2026-01-20T00:00:00Z")
    found = features(sandbox, "2026-01-10T00:00:00Z", "other")
    assert found["calls"]["period"]["end"] == "2026-01-20T00:00:00.000000Z"
    sandbox.clock("2026-01-21T00:00:00Z")
    assert features(sandbox, customer="other")["calls"]["period"] == {
        "start": "2026-01-20T00:00:00.000000Z",
        "end": "2026-02-20T00:00:00.000000Z",
    }
