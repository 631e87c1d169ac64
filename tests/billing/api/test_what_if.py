"""What real usage would have come to under a draft of the plan."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import PlanVersion
from billing.selectors.plans import standing_on
from ingest.models import UsageWindow, WindowSeries
from neruba.models import Project
from neruba.period import parse_instant
from tests.billing.sandbox import Sandbox
from tests.isolation.walk import fingerprint

pytestmark = pytest.mark.django_db

SETUP = {"code": "setup", "kind": "one_time", "model": "flat", "amount": "99.00"}
BASE = {"code": "base", "kind": "recurring", "model": "flat", "amount": "30.00"}
DESK = {**BASE, "code": "desk", "amount": "7.77", "billing": "in_arrears"}
CALLS = {
    "code": "calls",
    "kind": "usage",
    "meter": "calls",
    "model": "graduated",
    "tiers": [
        {"up_to": "2", "unit_amount": "1.005"},
        {"up_to": None, "unit_amount": "0.335", "flat_amount": "1.00"},
    ],
}
PRICES = (SETUP, BASE, DESK, CALLS)
DRAFTS = {
    "dearer calls": (SETUP, BASE, DESK, {**CALLS, "tiers": [{"up_to": None, "unit_amount": "9"}]}),
    "another fee": (SETUP, {**BASE, "amount": "1.01"}, DESK, CALLS),
    "billed the other way": (SETUP, {**BASE, "billing": "in_arrears"}, DESK, CALLS),
    "one less, one more": (
        BASE,
        CALLS,
        {"code": "stored", "kind": "usage", "meter": "stored", "model": "per_unit",
         "unit_amount": "0.125", "free_units": "3"},
    ),
}  # fmt: skip
NOTHING: dict[str, Any] = {}
UNTIL = "2026-03-01T06:00:00Z"
SPAN = {"from": "2026-01-01T00:00:00Z", "to": "2026-05-01T00:00:00Z"}
# Customer, day of each month, how much is stored.
EVENTS = [
    ("acme", "2026-01-05T10:00:00Z", "1.5"),
    ("acme", "2026-01-20T22:59:59Z", "2"),
    ("acme", "2026-01-31T23:30:00Z", "4"),
    ("acme", "2026-02-03T10:00:00Z", "0.25"),
    ("acme", "2026-02-28T23:00:00Z", "9"),
    ("beta", "2026-01-16T00:00:00Z", "11"),
    ("beta", "2026-02-10T10:00:00Z", "3"),
    ("beta", "2026-02-11T10:00:00Z", "5"),
    ("gamma", "2026-02-11T10:00:00Z", "5"),
]


def billed(*prices: dict[str, Any], until: str = UNTIL) -> Sandbox:
    """Three customers who started at different times, in two zones, billed up to `until`."""
    sandbox = Sandbox()
    sandbox.meter()
    sandbox.meter("stored", event_type="calls", aggregation="sum", value_property="gb")
    sandbox.plan(*prices)
    for name, zone, start in (
        ("acme", "Europe/Berlin", "2026-01-01T00:00:00Z"),
        ("beta", "UTC", "2026-01-15T12:00:00Z"),
        ("gamma", "America/New_York", "2026-02-11T00:00:00Z"),
    ):
        sandbox.customer(name, timezone=zone)
        sandbox.subscribe(f"{name}-1", customer=name, start_at=start, anchor="calendar")
    sandbox.now_at("2026-03-01T00:00:00Z")
    for index, (subject, at, gb) in enumerate(EVENTS):
        sandbox.event(at, id=f"e{index}", subject=subject, data={"gb": gb})
    Project.objects.filter(pk=sandbox.project.pk).update(clock_at="2026-01-01T00:00:00Z")
    sandbox.clock(until)
    return sandbox


def printed(sandbox: Sandbox) -> dict[tuple[str, str], Decimal]:
    """What invoices printed, by subscription and price, for periods that are over."""
    sums = defaultdict[tuple[str, str], Decimal](Decimal)
    for invoice in sandbox.invoices():
        for line in invoice["lines"]:
            if line["period"]["end"] <= UNTIL:
                sums[invoice["subscription"], line["price"]] += Decimal(line["amount"])
    return dict(sums)


def asked(
    sandbox: Sandbox, *prices: dict[str, Any], status: int = 200, body: dict[str, Any] = NOTHING
) -> Any:
    draft = {"name": "Next", "currency": "USD", "interval": "month", "prices": prices}
    return sandbox.post("/plans/pro/what-if", {"draft": draft, **SPAN, **body}, status)


def by_price(answer: Any, name: str) -> dict[tuple[str, str], Decimal]:
    return {
        (each["subscription"], price["price"]): Decimal(price[name])
        for each in answer["customers"]
        for price in each["prices"]
    }


def test_the_same_prices_make_no_difference_and_are_what_invoices_printed() -> None:
    sandbox = billed(*PRICES)
    answer = asked(sandbox, *PRICES)
    assert by_price(answer, "old") == printed(sandbox)
    assert by_price(answer, "new") == by_price(answer, "old")
    assert (answer["difference"], answer["left_out"]) == ("0.00", {})
    assert {each["difference"] for each in answer["customers"]} == {"0.00"}
    assert answer["periods"] == 2 + 2 + 1
    assert Decimal(answer["old"]) == sum(printed(sandbox).values())


@pytest.mark.parametrize("draft", DRAFTS)
def test_other_prices_come_to_what_a_project_with_those_prices_printed(draft: str) -> None:
    mine, parallel = billed(*PRICES), billed(*DRAFTS[draft])
    answer = asked(mine, *DRAFTS[draft])
    new = {place: amount for place, amount in by_price(answer, "new").items() if amount}
    theirs = printed(parallel)
    assert new == {place: amount for place, amount in theirs.items() if amount}
    assert Decimal(answer["new"]) == sum(theirs.values())
    assert Decimal(answer["difference"]) == Decimal(answer["new"]) - Decimal(answer["old"])


def test_the_largest_difference_comes_first_and_totals_are_of_all() -> None:
    sandbox = billed(*PRICES)
    answer = asked(sandbox, *DRAFTS["dearer calls"])
    sizes = [abs(Decimal(each["difference"])) for each in answer["customers"]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]
    first = asked(sandbox, *DRAFTS["dearer calls"], body={"limit": 1})
    assert first["customers"] == answer["customers"][:1]
    assert {**first, "customers": []} == {**answer, "customers": []}
    assert first["subscriptions"] == 3
    sums = defaultdict[str, Decimal](Decimal)
    for each in answer["customers"]:
        for price in each["prices"]:
            sums[price["price"]] += Decimal(price["difference"])
    assert {one["price"]: Decimal(one["difference"]) for one in answer["prices"]} == sums


def test_only_periods_that_lie_whole_in_the_time_and_are_over_count() -> None:
    sandbox = billed(*PRICES)
    february = {"from": "2026-01-31T23:00:00Z", "to": "2026-03-01T05:00:00Z"}
    answer = asked(sandbox, *PRICES, body=february)
    # Beta's begins an hour after Berlin's; gamma's first period began within February.
    assert {each["subscription"]: each["periods"] for each in answer["customers"]} == {
        "acme-1": 1,
        "beta-1": 1,
        "gamma-1": 1,
    }
    assert asked(sandbox, *PRICES, body={"to": "2026-01-31T22:59:59Z"})["periods"] == 0
    # March has begun and is not over.
    assert asked(sandbox, *PRICES, body={"from": "2026-02-28T00:00:00Z"})["periods"] == 0


def test_a_meter_that_no_window_was_kept_for_is_rated_from_raw_usage() -> None:
    sandbox = billed(*PRICES)
    sandbox.meter("eu", event_type="calls", aggregation="max", value_property="gb")
    assert not WindowSeries.objects.filter(meter__code="eu").exists()
    price = {"code": "eu", "kind": "usage", "meter": "eu", "model": "per_unit", "unit_amount": "2"}
    answer = asked(sandbox, *PRICES, price)
    # The highest of each period: in Berlin the 4 is February's and the 9 is March's.
    assert by_price(answer, "new")["acme-1", "eu"] == 2 * Decimal(2 + 4)
    assert by_price(answer, "new")["beta-1", "eu"] == 2 * Decimal(11 + 5)
    assert by_price(answer, "new")["gamma-1", "eu"] == 2 * Decimal(5)
    assert {each["old"] for each in answer["prices"] if each["price"] == "eu"} == {"0.00"}
    assert not WindowSeries.objects.filter(meter__code="eu").exists()


def test_nothing_is_stored_and_nothing_changes() -> None:
    sandbox = billed(*PRICES)
    before, windows = fingerprint(sandbox.project), UsageWindow.objects.count()
    with CaptureQueriesContext(connection) as captured:
        sandbox.client.post(
            "/api/v1/plans/pro/what-if",
            {"draft": {"interval": "month", "prices": DRAFTS["dearer calls"]}, **SPAN},
            format="json",
        )
    after = fingerprint(sandbox.project)
    assert after == before
    assert UsageWindow.objects.count() == windows
    verbs = {query["sql"].split()[0] for query in captured.captured_queries}
    assert verbs <= {"SELECT", "UPDATE"}
    # A key's last use is noted at every request.
    tables = {q["sql"].split()[1] for q in captured.captured_queries if q["sql"][0] == "U"}
    assert {name.strip('"`') for name in tables} <= {"neruba_apikey"}


def test_the_number_of_queries_does_not_grow_with_the_customers() -> None:
    def queries(sandbox: Sandbox) -> int:
        asked(sandbox, *PRICES)
        with CaptureQueriesContext(connection) as captured:
            asked(sandbox, *PRICES)
        return len(captured)

    sandbox = billed(*PRICES, until="2026-02-01T06:00:00Z")
    few = queries(sandbox)
    for index in range(6):
        sandbox.customer(f"more-{index}")
        name = {"external_id": f"more-{index}", "customer": f"more-{index}"}
        sandbox.post("/subscriptions", {**name, "plan": "pro", "start_at": "2026-01-01T00:00:00Z"})
    sandbox.clock("2026-02-01T08:00:00Z")
    assert asked(sandbox, *PRICES)["subscriptions"] == 2 + 6
    assert queries(sandbox) <= few + 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"tiers": [{"up_to": "5", "unit_amount": "1"}]}, "/draft/prices/1/tiers/0/up_to"),
        (
            {"tiers": [{"up_to": "5", "unit_amount": "1"}, {"up_to": "5", "unit_amount": "1"},
                       {"up_to": None, "unit_amount": "1"}]},
            "/draft/prices/1/tiers/1/up_to",
        ),
        ({"tiers": [{"up_to": None, "unit_amount": "-1"}]}, "/draft/prices/1/tiers/0/unit_amount"),
        ({"meter": "nobody"}, "/draft/prices/1/meter"),
        ({"code": "base"}, "/draft/prices/1/code"),
        ({"model": "guess"}, "/draft/prices/1/model"),
    ],
)  # fmt: skip
def test_a_draft_that_makes_no_sense_points_at_its_field(
    change: dict[str, Any], pointer: str
) -> None:
    sandbox = Sandbox()
    sandbox.meter()
    sandbox.plan(BASE, CALLS)
    answer = asked(sandbox, BASE, {**CALLS, **change}, status=400)
    assert [error["pointer"] for error in answer["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"from": "2026-06-01T00:00:00Z"}, "/to"),
        ({"limit": 0}, "/limit"),
        ({"limit": 1001}, "/limit"),
        ({"from": "2026-01-01"}, "/from"),
        ({"draft": {"interval": "fortnight", "prices": []}}, "/draft/interval"),
        ({"draft": {"code": "other", "interval": "month", "prices": []}}, "/draft/code"),
        ({"draft": {"interval": "month"}}, "/draft/prices"),
    ],
)
def test_a_question_that_makes_no_sense_points_at_its_field(
    body: dict[str, Any], pointer: str
) -> None:
    sandbox = Sandbox()
    sandbox.meter()
    sandbox.plan(BASE, CALLS)
    assert [each["pointer"] for each in asked(sandbox, BASE, status=400, body=body)["errors"]] == [
        pointer
    ]


def test_subscriptions_of_another_rhythm_or_currency_are_left_out_and_counted() -> None:
    sandbox = billed(*PRICES, until="2026-02-01T06:00:00Z")
    yearly = {"draft": {"interval": "year", "prices": [BASE]}}
    answer = asked(sandbox, body=yearly)
    assert (answer["left_out"], answer["periods"], answer["old"]) == ({"rhythm": 2}, 0, "0.00")
    euros = {"draft": {"interval": "month", "currency": "EUR", "prices": [BASE]}}
    answer = asked(sandbox, body=euros)
    assert (answer["left_out"], answer["currency"]) == ({"currency": 2}, "EUR")


def test_subscriptions_of_other_plans_are_not_asked_about() -> None:
    sandbox = billed(*PRICES, until="2026-02-01T06:00:00Z")
    sandbox.plan(BASE, code="other")
    answer = sandbox.post(
        "/plans/other/what-if", {"draft": {"interval": "month", "prices": [BASE]}, **SPAN}, 200
    )
    assert (answer["customers"], answer["periods"]) == ([], 0)
    sandbox.post("/plans/nothing/what-if", {"draft": {"prices": [BASE]}, **SPAN}, 404)


def test_a_question_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = billed(*PRICES, until="2026-02-01T06:00:00Z")
    monkeypatch.setattr("billing.selectors.what_if.MAX_PERIODS", 1)
    answer = asked(sandbox, *PRICES, status=400)
    assert answer["errors"][0]["pointer"] == "/from"


def test_what_a_subscription_agreed_to_for_itself_stays_and_each_rhythm_has_its_periods() -> None:
    seats = {"code": "seats", "kind": "seat", "model": "per_unit", "unit_amount": "5"}
    support = {**BASE, "code": "support", "amount": "8", "interval": "week", "interval_count": 2}
    sandbox = Sandbox()
    sandbox.meter()
    sandbox.plan(BASE, CALLS, seats, support, interval="week")
    sandbox.customer()
    own = [{"code": "base", "amount": "11.00"}]
    sandbox.subscribe("own", anchor="anniversary", overrides=own, quantities={"seats": "3"})
    sandbox.clock("2026-01-15T02:00:00Z")

    def weekly(*prices: dict[str, Any], to: str = "2026-01-15T00:00:00Z") -> Any:
        draft = {"interval": "week", "prices": prices}
        return asked(sandbox, body={"draft": draft, "to": to})

    dearer = ({**BASE, "amount": "99"}, CALLS, {**seats, "unit_amount": "6"}, support)
    answer = weekly(*dearer)
    assert answer["periods"] == 2 + 1
    assert by_price(answer, "new") == {
        ("own", "base"): Decimal(2 * 11),  # agreed to for this subscription alone
        ("own", "calls"): Decimal(0),
        ("own", "seats"): Decimal(2 * 3 * 6),
        ("own", "support"): Decimal(8),
    }
    assert by_price(answer, "old")["own", "seats"] == Decimal(2 * 3 * 5)
    # The first week lies there whole, the fortnight does not.
    assert weekly(*dearer, to="2026-01-08T00:00:00Z")["new"] == "29.00"
    # Of new seats there are none yet; a rhythm without periods cannot be rated.
    added = weekly(*dearer, {**seats, "code": "more-seats"})
    assert by_price(added, "new")["own", "more-seats"] == Decimal(0)
    assert weekly(BASE, {**support, "interval_count": 4})["left_out"] == {"rhythm": 1}


def test_the_minimum_of_the_draft_counts_the_fees_of_all_rhythms() -> None:
    sandbox = Sandbox()
    sandbox.meter()
    weekly = {**BASE, "code": "weekly", "amount": "4", "interval": "week", "interval_count": 1}
    month = {**BASE, "amount": "20", "interval": "week", "interval_count": 2}
    sandbox.plan(month, weekly, interval="week", interval_count=2)
    sandbox.customer()
    sandbox.subscribe("own", anchor="anniversary")
    sandbox.clock("2026-01-15T02:00:00Z")
    draft = {"interval": "week", "interval_count": 2, "prices": [month, weekly]}
    body = {"draft": {**draft, "minimum_commitment": "50.00"}, "to": "2026-01-15T00:00:00Z"}
    answer = asked(sandbox, body=body)
    # 20 and twice 4 were; the minimum leaves 22 open.
    assert (answer["old"], answer["new"]) == ("28.00", "50.00")
    rest = {"price": None, "old": "0.00", "new": "22.00", "difference": "22.00"}
    assert answer["prices"][-1] == rest


def test_cells_and_events_of_real_usage_are_rated() -> None:
    sandbox = Sandbox()
    meter = {"event_type": "paid", "aggregation": "sum", "value_property": "money"}
    sandbox.meter("money", **meter, group_by=["region"])
    flat = {"code": "pay", "kind": "usage", "meter": "money"}
    sandbox.plan(BASE, {**flat, "model": "per_unit", "unit_amount": "0.01"})
    sandbox.customer()
    sandbox.subscribe("own", anchor="calendar")
    sandbox.clock("2026-01-10T00:00:00Z")
    for region, money in (("eu", "100"), ("us", "50"), ("eu", "30")):
        data = {"region": region, "money": money}
        sandbox.event("2026-01-05T00:00:00Z", type="paid", data=data)
    sandbox.clock("2026-02-01T02:00:00Z")
    cells = [{"match": {"region": "eu"}, "unit_amount": "0.02"}]
    matrix = {**flat, "model": "matrix", "cells": cells, "default_unit_amount": "0.05"}
    # 130 × 0.02 + 50 × 0.05; and 1 % with 0.30 for each of three events.
    assert by_price(asked(sandbox, BASE, matrix), "new")["own", "pay"] == Decimal("5.10")
    share = {**flat, "model": "percentage", "rate_percent": "1", "fixed_fee": "0.30"}
    answer = asked(sandbox, BASE, share)
    assert by_price(answer, "new")["own", "pay"] == Decimal("2.70")
    assert by_price(answer, "old")["own", "pay"] == Decimal("1.80")


def test_a_subscription_that_moved_is_rated_as_far_as_it_was_on_the_plan() -> None:
    sandbox = Sandbox()
    sandbox.meter()
    sandbox.plan(SETUP, BASE, CALLS)
    big = sandbox.plan({**BASE, "amount": "90.00"}, CALLS, code="big")
    sandbox.customer()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-11T00:00:00Z")
    sandbox.event("2026-01-05T00:00:00Z")
    sandbox.event("2026-01-10T00:00:00Z")
    sandbox.post("/subscriptions/sub/changes", {"type": "change_plan", "plan": "big"})
    sandbox.clock(UNTIL)
    same = asked(sandbox, SETUP, BASE, CALLS)
    # February is of the other plan alone.
    assert (same["periods"], same["difference"]) == (1, "0.00")
    january = defaultdict[str, Decimal](Decimal)
    for invoice in sandbox.invoices():
        for line in invoice["lines"]:
            if line["period"]["end"] <= "2026-02-01T00:00:00.000000Z":
                january[line["price"]] += Decimal(line["amount"])
    old = {price: amount for (_, price), amount in by_price(same, "old").items()}
    assert old == dict(january)
    dearer = asked(sandbox, SETUP, {**BASE, "amount": "60.00"}, CALLS)
    # 10 of 31 days at 60.00, and the other 21 as they were.
    new = {price: amount for (_, price), amount in by_price(dearer, "new").items()}
    assert new["base"] - old["base"] == Decimal("19.35") - Decimal("9.68")
    assert dearer["difference"] == "9.67"
    rows = PlanVersion.objects.filter(project=sandbox.project).select_related("plan")
    by_code = {row.plan.code: row.pk for row in rows}
    for at, pro in (("2026-01-10T00:00:00Z", 1), ("2026-01-11T00:00:00Z", 0)):
        counts = standing_on(sandbox.project, by_code.values(), at=parse_instant(at))
        assert counts == {by_code["pro"]: pro, by_code[big["code"]]: 1 - pro}
