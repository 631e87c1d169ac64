"""Prices on rhythms of their own: a yearly fee with monthly usage, and the like."""

from datetime import UTC, datetime
from typing import Any

import pytest

from billing.models import Invoice, LateUsage, Period, PlanVersion, Subscription
from billing.selectors.retention import needs_of_billing
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox, started

pytestmark = pytest.mark.django_db

YEARLY = {"code": "licence", "kind": "recurring", "model": "flat", "amount": "365.00",
          "interval": "year"}  # fmt: skip
QUARTERLY = {**BASE, "code": "support", "amount": "90.00", "interval": "month", "interval_count": 3}
CALL = {"code": "calls", "kind": "usage", "meter": "calls", "model": "per_unit",
        "unit_amount": "1.00"}  # fmt: skip


def lines(sandbox: Sandbox) -> dict[str, list[tuple[str, str, str]]]:
    """What was issued: by the day of the boundary each line's price, first day and amount."""
    boundaries = dict(Invoice.objects.values_list("public_id", "boundary_at"))
    found: dict[str, list[tuple[str, str, str]]] = {}
    for invoice in sandbox.invoices():
        if invoice["number"]:
            found.setdefault(boundaries[invoice["id"]].date().isoformat(), []).extend(
                (line["price"], line["period"]["start"][:10], line["amount"])
                for line in invoice["lines"]
            )
    return found


def verified(sandbox: Sandbox) -> None:
    for invoice in sandbox.invoices():
        if invoice["number"]:
            verdict = sandbox.post(f"/invoices/{invoice['id']}/verify", {}, 200)
            assert verdict["matches"], verdict


def billed_to(sandbox: Sandbox, instant: str) -> None:
    """Set the clock, and do what is due by then in one run: it issues what its preview showed."""
    sandbox.now_at(instant)
    before = {invoice["id"] for invoice in sandbox.invoices() if invoice["number"]}
    foreseen = sandbox.preview(customer="acme", as_of=instant)
    sandbox.post("/billing-runs", {}, 202)
    made = [one for one in sandbox.invoices() if one["number"] and one["id"] not in before]
    hashes = [one["content_hash"] for one in made]
    assert hashes == [one["content_hash"] for one in foreseen[: len(made)]]
    assert made


def calls(sandbox: Sandbox, *days: str) -> None:
    events = [
        {"id": day, "source": "test", "type": "calls", "subject": "acme",
         "time": f"{day}T00:00:00Z", "data": {}}
        for day in days
    ]  # fmt: skip
    assert sandbox.post("/events/batch", {"events": events}, 200)["accepted"] == len(days)


def test_a_yearly_fee_is_billed_with_monthly_usage_over_fourteen_months() -> None:
    sandbox = started(YEARLY, CALL, start="2027-03-15T02:00:00Z")
    sandbox.subscribe(start_at="2026-01-15T00:00:00Z")
    months = [f"2026-{month:02}" for month in range(2, 13)] + ["2027-01", "2027-02", "2027-03"]
    calls(sandbox, *(f"{month}-09" for month in months))
    billed_to(sandbox, "2027-03-15T02:00:00Z")
    found = lines(sandbox)
    assert found["2026-01-15"] == [("licence", "2026-01-15", "365.00")]
    assert found["2027-01-15"] == [
        ("calls", "2026-12-15", "1.00"),
        ("licence", "2027-01-15", "365.00"),
    ]
    others = [month for month in months if month != "2027-01"]
    assert all([row[0] for row in found[f"{month}-15"]] == ["calls"] for month in others)
    assert len(found) == 15
    verified(sandbox)


def test_periods_of_each_rhythm_tile_and_name_it() -> None:
    sandbox = started(YEARLY, CALL, start="2027-02-01T02:00:00Z")
    sandbox.subscribe(anchor="calendar", start_at="2026-02-10T00:00:00Z")
    billed_to(sandbox, "2027-02-01T02:00:00Z")
    rows = sandbox.get("/subscriptions/sub/periods")["data"]
    by_rhythm: dict[str, list[Any]] = {}
    for row in rows:
        by_rhythm.setdefault(f"{row['interval']}:{row['interval_count']}", []).append(row)
    assert sorted(by_rhythm) == ["month:1", "year:1"]
    for several in by_rhythm.values():
        assert [row["number"] for row in several] == list(range(len(several)))
        assert [row["end"] for row in several[:-1]] == [row["start"] for row in several[1:]]
    assert [row["starts_on"] for row in by_rhythm["year:1"]] == ["2026-02-10", "2027-01-01"]
    # The year's first period is short: 325 of the 365 days of 2026.
    assert lines(sandbox)["2026-02-10"] == [("licence", "2026-02-10", "325.00")]
    assert sandbox.get("/subscriptions/sub")["next_boundary_at"].startswith("2027-03-01")


def test_the_policy_of_a_year_is_the_one_that_it_opened_with() -> None:
    sandbox = started({**YEARLY, "billing": "in_arrears"}, BASE)
    sandbox.subscribe(anchor="calendar", start_at="2026-10-01T00:00:00Z")
    billed_to(sandbox, "2026-10-02T00:00:00Z")
    settings = {"settings": {"proration_basis": "day_30"}}
    sandbox.call("PATCH", f"/projects/{sandbox.project.slug}", settings, status=200)
    billed_to(sandbox, "2027-01-01T00:00:00Z")
    (licence, base) = lines(sandbox)["2027-01-01"]
    assert licence == ("licence", "2026-10-01", "92.00")  # days of 365, not of 360
    assert base == ("base", "2027-01-01", "30.00")


def test_a_quarterly_fee_in_arrears_beside_a_monthly_one() -> None:
    sandbox = started(BASE, {**QUARTERLY, "billing": "in_arrears"}, start="2026-07-01T00:00:00Z")
    sandbox.subscribe(anchor="calendar", start_at="2026-02-01T00:00:00Z")
    billed_to(sandbox, "2026-07-01T00:00:00Z")
    found = lines(sandbox)
    # February and March are 59 of the 90 days of the first quarter.
    assert found["2026-04-01"] == [
        ("support", "2026-02-01", "59.00"),
        ("base", "2026-04-01", "30.00"),
    ]
    assert found["2026-07-01"] == [
        ("support", "2026-04-01", "90.00"),
        ("base", "2026-07-01", "30.00"),
    ]
    assert found["2026-05-01"] == [("base", "2026-05-01", "30.00")]
    verified(sandbox)


def test_an_anniversary_on_the_31st_keeps_to_the_months_last_days() -> None:
    sandbox = started(BASE, QUARTERLY, start="2026-08-01T00:00:00Z")
    sandbox.subscribe(start_at="2026-01-31T00:00:00Z")
    billed_to(sandbox, "2026-08-01T00:00:00Z")
    support = [day for day, rows in lines(sandbox).items() if ("support", day, "90.00") in rows]
    assert support == ["2026-01-31", "2026-04-30", "2026-07-31"]


def test_a_year_from_a_leap_day_ends_on_the_28th() -> None:
    sandbox = started(YEARLY, CALL, start="2029-03-01T00:00:00Z")
    sandbox.subscribe(start_at="2028-02-29T00:00:00Z")
    billed_to(sandbox, "2029-03-01T00:00:00Z")
    years = [day for day, rows in lines(sandbox).items() if ("licence", day, "365.00") in rows]
    assert years == ["2028-02-29", "2029-02-28"]


def test_a_monthly_price_of_a_yearly_plan_makes_the_boundaries_monthly() -> None:
    sandbox = started(start="2026-07-01T02:00:00Z")
    sandbox.plan(
        {**BASE, "amount": "365.00"},
        {**CALL, "interval": "month"},
        {**SEATS, "interval": "month", "interval_count": 6},
        code="yearly",
        interval="year",
    )
    sandbox.subscribe(plan="yearly", start_at="2026-01-01T00:00:00Z", quantities={"seats": "2"})
    billed_to(sandbox, "2026-07-01T02:00:00Z")
    found = lines(sandbox)
    assert found["2026-01-01"] == [
        ("base", "2026-01-01", "365.00"),
        ("seats", "2026-01-01", "20.00"),
    ]
    assert found["2026-07-01"] == [
        ("calls", "2026-06-01", "0.00"),
        ("seats", "2026-07-01", "20.00"),
    ]
    # Nothing but a zero line is issued where the plan has a fee, whatever the fee's rhythm.
    assert found["2026-02-01"] == [("calls", "2026-01-01", "0.00")]
    verified(sandbox)


def test_usage_of_a_year_is_rated_over_the_year_and_corrected_when_it_is_late() -> None:
    tiers = [{"up_to": "2", "unit_amount": "10.00"}, {"up_to": None, "unit_amount": "1.00"}]
    yearly = {**CALLS, "interval": "year", "tiers": tiers}
    sandbox = started(BASE, yearly, start="2027-01-01T00:30:00Z")
    sandbox.subscribe(start_at="2026-01-01T00:00:00Z")
    calls(sandbox, "2026-02-09", "2026-06-09", "2026-11-09")
    billed_to(sandbox, "2027-01-01T00:30:00Z")
    # Months without usage of their own are finalised at the boundary; the year's has its grace.
    assert lines(sandbox)["2026-12-01"] == [("base", "2026-12-01", "30.00")]
    assert "2027-01-01" not in lines(sandbox)
    billed_to(sandbox, "2027-01-01T02:00:00Z")
    assert lines(sandbox)["2027-01-01"] == [
        ("calls", "2026-01-01", "21.00"),
        ("base", "2027-01-01", "30.00"),
    ]
    sandbox.now_at("2027-01-20T00:00:00Z")
    calls(sandbox, "2026-03-05")
    billed_to(sandbox, "2027-02-01T02:00:00Z")
    (correction,) = [
        line
        for invoice in sandbox.invoices()
        for line in invoice["lines"]
        if line["kind"] == "correction"
    ]
    assert (correction["amount"], correction["quantity"]) == ("1.00", "1")
    (year_end,) = [
        invoice["number"]
        for invoice in sandbox.invoices()
        if any(line["kind"] == "usage" for line in invoice["lines"])
    ]
    assert correction["corrects"]["number"] == year_end
    billed_to(sandbox, "2027-03-01T02:00:00Z")  # once, and never again
    assert lines(sandbox)["2027-03-01"] == [("base", "2027-03-01", "30.00")]
    verified(sandbox)


def test_a_late_event_of_a_year_that_still_runs_is_none() -> None:
    yearly = {**CALL, "interval": "year"}
    sandbox = started(BASE, yearly, start="2026-03-01T02:00:00Z")
    sandbox.subscribe(start_at="2026-01-01T00:00:00Z")
    billed_to(sandbox, "2026-03-01T02:00:00Z")
    calls(sandbox, "2026-01-09")  # its month is over, its year is not
    billed_to(sandbox, "2026-04-01T02:00:00Z")
    assert lines(sandbox)["2026-04-01"] == [("base", "2026-04-01", "30.00")]
    assert not LateUsage.objects.exists()


def test_a_cancellation_takes_the_end_of_the_coarsest_period() -> None:
    sandbox = started(YEARLY, CALL, start="2026-05-10T00:00:00Z")
    sandbox.subscribe(start_at="2026-01-01T00:00:00Z")
    billed_to(sandbox, "2026-05-10T00:00:00Z")
    change = sandbox.post("/subscriptions/sub/changes", {"type": "cancel", "at": "period_end"})
    assert change["effective_at"] == "2027-01-01T00:00:00.000000Z"
    billed_to(sandbox, "2027-03-01T00:00:00Z")
    assert sandbox.get("/subscriptions/sub")["next_boundary_at"] is None
    assert Period.objects.count() == 13
    assert sum(row[0] == "licence" for rows in lines(sandbox).values() for row in rows) == 1


def test_raw_events_of_a_running_year_are_still_needed_only_where_usage_is_billed_by_it() -> None:
    before = datetime(2026, 2, 20, tzinfo=UTC)
    for yearly, beside in ((YEARLY, CALL), ({**CALL, "interval": "year"}, BASE)):
        sandbox = started(yearly, beside, start="2026-03-01T02:00:00Z")
        sandbox.subscribe(start_at="2026-01-01T00:00:00Z")
        billed_to(sandbox, "2026-03-01T02:00:00Z")
        needs = list(needs_of_billing(sandbox.project, before))
        assert [need.partition(" from ")[2] for need in needs] == (
            [] if yearly is YEARLY
            else ["2026-01-01T00:00:00.000000Z to 2027-01-01T00:00:00.000000Z is not billed"]
        )  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "rhythms", "pointer"),
    [
        ({"interval": "month"}, [{"interval": "week"}], "/prices/0/interval"),
        ({"interval": "week"}, [{"interval": "month"}], "/prices/0/interval"),
        ({"interval": "month", "interval_count": 2}, [{"interval": "month", "interval_count": 3}],
         "/prices/0/interval"),
        ({"interval": "month"}, [{"interval": "month", "interval_count": 2},
         {"interval": "month", "interval_count": 3}], "/prices/1/interval"),
        ({"interval": "day", "interval_count": 2}, [{"interval": "week"}], "/prices/0/interval"),
        ({"interval": "month"}, [{"interval": "decade"}], "/prices/0/interval"),
        ({"interval": "month"}, [{"interval_count": 3}], "/prices/0/interval_count"),
        ({"interval": "month"}, [{"interval": "month", "interval_count": 0}],
         "/prices/0/interval_count"),
        ({"interval": "month"}, [{"interval": "month", "interval_count": "3"}],
         "/prices/0/interval_count"),
        ({"interval": "month"}, [{"interval": "year", "kind": "one_time"}], "/prices/0/interval"),
    ],
)  # fmt: skip
def test_a_rhythm_that_does_not_nest_is_refused(
    plan: dict[str, Any], rhythms: list[dict[str, Any]], pointer: str
) -> None:
    sandbox = Sandbox()
    prices = [{**BASE, "code": f"p{i}", **rhythm} for i, rhythm in enumerate(rhythms)]
    problem = sandbox.post(
        "/plans", {"code": "pro", "currency": "USD", **plan, "prices": prices}, 400
    )
    assert problem["errors"][0]["pointer"] == pointer, problem
    assert not PlanVersion.objects.exists()


def test_weeks_beside_days_need_an_anniversary_and_an_override_must_nest_too() -> None:
    sandbox = started()
    sandbox.plan({**BASE, "interval": "week"}, code="weekly", interval="day", interval_count=7)
    body = {"external_id": "sub", "customer": "acme", "plan": "weekly"}
    problem = sandbox.post("/subscriptions", {**body, "anchor": "calendar"}, 400)
    assert problem["errors"][0]["pointer"] == "/anchor"
    odd = {**body, "plan": "pro", "overrides": [{"code": "base", "interval": "week"}]}
    problem = sandbox.post("/subscriptions", odd, 400)
    assert problem["errors"][0]["pointer"] == "/overrides/0/interval"
    assert not Subscription.objects.exists()
    sandbox.subscribe(plan="weekly")
    own = {**body, "external_id": "own", "plan": "pro"}
    made = sandbox.post(
        "/subscriptions", {**own, "overrides": [{"code": "base", "interval": "year"}]}
    )
    assert made["prices"][0]["interval"] == "year"
