"""Each aggregation at its edges, over the API: order, edges of windows, clock changes, digits."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from ingest.models import FailedEvent, UsageEvent
from ingest.services.windows import rebuild_windows
from neruba.models import Project
from tests import factories
from tests.factories import event_body

pytestmark = pytest.mark.django_db

NOON = "2026-01-10T12:00:00Z"


@pytest.fixture
def project() -> Project:
    project = factories.project(clock_at=factories.START.replace(month=12))
    factories.customer(project=project, external_id="acme", timezone="America/New_York")
    return project


@pytest.fixture
def caller(project: Project) -> APIClient:
    return factories.client(project=project)


def meter(caller: APIClient, **more: Any) -> None:
    body = {"code": "m", "event_type": "call", "value_property": "n", **more}
    answer = caller.post("/api/v1/meters", body, format="json")
    assert answer.status_code == 201, answer.content


def send(project: Project, *events: tuple[str, Any], **attributes: Any) -> None:
    """One batch of events: their instants, and their `n` or all of their data."""
    bodies = [
        event_body(time=time, data=data if isinstance(data, dict) else {"n": data}, **attributes)
        for time, data in events
    ]
    outcomes = factories.accept(*bodies, project=project)
    assert {outcome.outcome for outcome in outcomes} == {"accepted"}, outcomes


def rows(caller: APIClient, **query: str) -> list[dict[str, Any]]:
    asked = {
        "customer": "acme",
        "meter": "m",
        "from": "2026-01-01T05:00:00Z",  # midnight in New York
        "to": "2026-02-01T05:00:00Z",
        **{name.rstrip("_"): value for name, value in query.items()},
    }
    answer = caller.get("/api/v1/usage", asked)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def quantities(caller: APIClient, **query: str) -> list[str]:
    return [row["quantity"] for row in rows(caller, **query)]


def of_both(caller: APIClient, project: Project, **query: str) -> list[str]:
    """The quantities, which are the same before and after windows are built."""
    before = quantities(caller, **query)
    rebuild_windows(project)
    assert quantities(caller, **query) == before
    return before


@pytest.mark.parametrize("kind", ["max", "min", "latest", "sum", "weighted_sum"])
def test_of_no_events_all_are_nothing(caller: APIClient, project: Project, kind: str) -> None:
    meter(caller, aggregation=kind)
    assert of_both(caller, project) == ["0"]


def test_the_latest_is_by_time_and_then_by_arrival(caller: APIClient, project: Project) -> None:
    meter(caller, aggregation="latest")
    send(project, ("2026-01-20T00:00:00Z", 5), ("2026-01-05T00:00:00Z", 9))
    assert of_both(caller, project) == ["5"]
    # Of one batch the greater identity arrives later, whatever its place in the batch.
    for event_id, value in (("b", 2), ("a", 1)):
        factories.accept(
            event_body(id=event_id, time="2026-01-20T00:00:00Z", data={"n": value}),
            *([event_body(id="c", time="2026-01-20T00:00:00Z", data={"n": 7})] * (value == 2)),
            project=project,
        )
    assert UsageEvent.objects.order_by("-id")[0].event_id == "a"
    assert of_both(caller, project) == ["1"]


def test_in_one_batch_identities_order_what_happened_at_once(
    caller: APIClient, project: Project
) -> None:
    meter(caller, aggregation="latest")
    factories.accept(
        event_body(id="b", time=NOON, data={"n": 2}),
        event_body(id="a", time=NOON, data={"n": 1}),
        project=project,
    )
    assert of_both(caller, project) == ["2"]


def test_a_latest_below_zero_is_nothing_while_extremes_stand(
    caller: APIClient, project: Project
) -> None:
    for kind in ("latest", "max", "min"):
        meter(caller, code=kind, aggregation=kind)
    send(project, (NOON, "-5"), ("2026-01-09T00:00:00Z", "-7"))
    found = [of_both(caller, project, meter=kind) for kind in ("latest", "max", "min")]
    assert found == [["0"], ["-5"], ["-7"]]


def test_items_are_texts_or_numbers_of_any_notation(caller: APIClient, project: Project) -> None:
    meter(caller, aggregation="unique_count")
    send(project, (NOON, 1), (NOON, 1.0), (NOON, "1"), (NOON, "a"), (NOON, "A"), (NOON, 0.1))
    assert of_both(caller, project) == ["5"]


@pytest.mark.parametrize("data", [{}, {"n": None}, {"n": True}])
def test_what_names_no_item_fails_at_the_door(
    caller: APIClient, project: Project, data: dict[str, Any]
) -> None:
    meter(caller, aggregation="unique_count")
    answer = caller.post("/api/v1/events", event_body(data=data), format="json")
    assert answer.status_code == 400
    assert FailedEvent.objects.get().code == "unusable_data"
    assert not UsageEvent.objects.exists()


@pytest.mark.parametrize("kind", ["min", "latest", "weighted_sum"])
def test_what_is_no_number_fails_at_the_door(
    caller: APIClient, project: Project, kind: str
) -> None:
    meter(caller, aggregation=kind)
    for data in ({}, {"n": "x"}, {"n": False}, {"n": "0.0000000001"}):
        answer = caller.post("/api/v1/events", event_body(data=data), format="json")
        assert answer.status_code == 400
    assert not UsageEvent.objects.exists()


def test_an_item_that_is_removed_stays_out_until_it_is_added(
    caller: APIClient, project: Project
) -> None:
    meter(caller, aggregation="unique_count", carry_over=True)
    meter(caller, code="own", aggregation="unique_count")
    steps = [
        ("2025-12-10T12:00:00Z", {"n": "a"}),
        ("2025-12-11T12:00:00Z", {"n": "b", "operation": "add"}),
        ("2026-01-02T12:00:00Z", {"n": "a", "operation": "remove"}),
        ("2026-01-03T12:00:00Z", {"n": "a", "operation": "remove"}),
        ("2026-01-05T12:00:00Z", {"n": "c"}),
        ("2026-01-05T12:00:00Z", {"n": "c"}),
        ("2026-01-06T12:00:00Z", {"n": "a"}),
        ("2026-01-07T12:00:00Z", {"n": "nobody", "operation": "remove"}),
    ]
    for step in reversed(steps):  # arriving the other way round
        send(project, step)
    days = {"window": "day", "to": "2026-01-08T05:00:00Z"}
    assert of_both(caller, project, **days) == ["2", "1", "1", "1", "2", "3", "3"]
    assert of_both(caller, project, meter="own", **days) == ["0", "0", "0", "0", "1", "1", "0"]
    assert of_both(caller, project) == ["3"]


def test_an_item_is_counted_once_in_each_group_it_is_in(
    caller: APIClient, project: Project
) -> None:
    meter(caller, aggregation="unique_count", carry_over=True, group_by=["site"])
    send(
        project,
        ("2025-06-01T00:00:00Z", {"n": "a", "site": "eu"}),
        (NOON, {"n": "a", "site": "us"}),
        (NOON, {"n": "b", "site": "us"}),
    )
    found = [
        (row["group"], row["quantity"], row["events"]) for row in rows(caller, group_by="site")
    ]
    assert found == [({"site": "eu"}, "1", 1), ({"site": "us"}, "2", 2)]
    assert of_both(caller, project) == ["2"]


def test_what_is_grouped_is_in_order_as_a_whole(caller: APIClient, project: Project) -> None:
    meter(caller, code="last", aggregation="latest", group_by=["site"])
    meter(caller, code="items", aggregation="unique_count", group_by=["site"])
    for day, site, step in (
        ("05", "a", {"n": 1, "operation": "remove"}),
        ("04", "b", {"n": 1}),
        ("03", "a", {"n": 2}),
    ):
        send(project, (f"2026-01-{day}T12:00:00Z", {**step, "site": site}))
    assert of_both(caller, project, meter="last") == ["1"]
    assert of_both(caller, project, meter="last", group_by="site") == ["1", "1"]
    assert of_both(caller, project, meter="items") == ["1"]
    assert of_both(caller, project, meter="items", group_by="site") == ["1", "1"]


def test_windows_hold_their_first_instant_and_not_their_last(
    caller: APIClient, project: Project
) -> None:
    values = {"count": "", "sum": "n", "max": "n", "min": "n", "latest": "n", "unique_count": "n"}
    for kind, name in values.items():
        meter(caller, code=kind, aggregation=kind, value_property=name)
    send(
        project,
        ("2026-01-01T04:59:59.999999Z", 100),
        ("2026-01-01T05:00:00Z", 2),
        ("2026-02-01T04:59:59.999999Z", 4),
        ("2026-02-01T05:00:00Z", 1),
    )
    found = [of_both(caller, project, meter=kind) for kind in values]
    assert found == [["2"], ["6"], ["4"], ["2"], ["4"], ["2"]]


def test_a_mean_level_weighs_the_hour_that_a_month_lost(
    caller: APIClient, project: Project
) -> None:
    # March in New York has 743 hours: the clocks go forward on the 8th at 7:00 UTC.
    meter(caller, aggregation="weighted_sum")
    march = {"from_": "2026-03-01T05:00:00Z", "to": "2026-04-01T04:00:00Z"}
    send(project, ("2026-03-01T05:00:00Z", 743), ("2026-04-01T03:00:00Z", 743))
    assert of_both(caller, project, **march) == ["744"]
    days = {**march, "window": "day", "from_": "2026-03-08T05:00:00Z", "to": "2026-03-09T04:00:00Z"}
    send(project, ("2026-03-08T07:00:00Z", 23))
    assert of_both(caller, project, **days) == ["21"]  # 23 seats for 21 of 23 hours


def test_a_mean_level_is_exact_to_the_microsecond(caller: APIClient, project: Project) -> None:
    meter(caller, aggregation="weighted_sum")
    day = {"from_": "2026-01-10T05:00:00Z", "to": "2026-01-11T05:00:00Z"}
    send(project, ("2026-01-11T04:59:59.999999Z", 86_400_000_000))
    assert of_both(caller, project, **day) == ["1"]
    send(project, ("2026-01-11T04:59:59.999998Z", 43_200_000_000))
    assert of_both(caller, project, **day) == ["2"]


def test_a_mean_level_is_rounded_half_up_to_nine_decimals(
    caller: APIClient, project: Project
) -> None:
    meter(caller, aggregation="weighted_sum")
    day = {"from_": "2026-01-10T05:00:00Z", "to": "2026-01-11T05:00:00Z"}
    # One and a half billionths, and a third of a day.
    send(project, ("2026-01-10T17:00:00Z", "0.000000003"))
    assert of_both(caller, project, **day) == ["0.000000002"]
    send(project, ("2026-01-10T21:00:00Z", "1"))
    assert of_both(caller, project, **day) == ["0.333333335"]  # 0.3333333348...


def test_a_level_is_what_was_left_however_long_ago(caller: APIClient, project: Project) -> None:
    for kind in ("sum", "weighted_sum"):
        meter(caller, code=kind, aggregation=kind, carry_over=True)
    send(project, ("1970-01-01T00:00:00Z", 10), ("2009-06-01T00:00:00Z", "-2.5"))
    send(project, ("2026-01-16T17:00:00Z", "31"))  # half of the month is over
    assert of_both(caller, project, meter="sum") == ["38.5"]
    assert of_both(caller, project, meter="weighted_sum") == ["23"]
    weeks = {"window": "week", "to": "2026-01-26T05:00:00Z"}
    assert of_both(caller, project, meter="sum", **weeks) == ["7.5", "7.5", "38.5", "38.5"]
    # Four days of a week without, and its two and a half with 31 more.
    assert of_both(caller, project, meter="weighted_sum", **weeks)[2:] == ["18.571428571", "38.5"]


@pytest.mark.parametrize("carry_over", [False, True])
def test_totals_are_exact_to_the_last_digit(
    caller: APIClient, project: Project, *, carry_over: bool
) -> None:
    meter(caller, aggregation="sum", carry_over=carry_over)
    meter(caller, code="mean", aggregation="weighted_sum", carry_over=carry_over)
    send(project, ("2026-01-01T05:00:00Z", "999999999999999999.999999999"))
    send(project, *(("2026-01-01T05:00:00Z", "0.000000001") for _ in range(3)))
    assert of_both(caller, project) == ["1000000000000000000.000000002"]
    assert of_both(caller, project, meter="mean") == ["1000000000000000000.000000002"]
    later = {"from_": "2026-02-01T05:00:00Z", "to": "2026-03-01T05:00:00Z"}
    expected = "1000000000000000000.000000002" if carry_over else "0"
    for name in ("m", "mean"):
        assert of_both(caller, project, meter=name, **later) == [expected]


@pytest.mark.parametrize(
    ("rounding", "given", "expected"),
    [
        (("half_up", 2), "2.345", "2.35"),
        (("half_up", 0), "-2.5", "-3"),
        (("half_up", -2), "150", "200"),
        (("half_up", -2), "149.999999999", "100"),
        (("up", 0), "2.000000001", "3"),
        (("up", 0), "-2.5", "-2"),
        (("up", -3), "1", "1000"),
        (("down", 1), "2.99", "2.9"),
        (("down", 0), "-2.5", "-3"),
        (("up", -18), "1", "1000000000000000000"),
        (("half_up", 9), "0.123456789", "0.123456789"),
    ],
)
def test_a_meter_rounds_its_result(
    caller: APIClient, project: Project, rounding: tuple[str, int], given: str, expected: str
) -> None:
    mode, places = rounding
    meter(caller, aggregation="sum", rounding={"mode": mode, "places": places})
    send(project, (NOON, given))
    assert of_both(caller, project) == [expected]


def test_each_group_is_rounded_and_the_whole_once(caller: APIClient, project: Project) -> None:
    rounding = {"mode": "up", "places": 0}
    meter(caller, aggregation="sum", group_by=["site"], rounding=rounding)
    send(project, (NOON, {"n": 0.4, "site": "eu"}), (NOON, {"n": 0.4, "site": "us"}))
    assert of_both(caller, project, group_by="site") == ["1", "1"]
    assert of_both(caller, project) == ["1"]


def test_a_mean_level_is_rounded_from_what_it_exactly_is(
    caller: APIClient, project: Project
) -> None:
    meter(caller, aggregation="weighted_sum", rounding={"mode": "up", "places": 9})
    day = {"from_": "2026-01-10T05:00:00Z", "to": "2026-01-11T05:00:00Z"}
    send(project, ("2026-01-10T21:00:00Z", "1"))
    assert of_both(caller, project, **day) == ["0.333333334"]


def test_filters_choose_what_is_carried_too(caller: APIClient, project: Project) -> None:
    only = [{"property": "site", "in": ["eu"]}]
    meter(caller, aggregation="sum", carry_over=True, filters=only)
    send(
        project,
        ("2025-06-01T00:00:00Z", {"n": 1, "site": "eu"}),
        ("2025-06-01T00:00:00Z", {"n": 2, "site": "us"}),
        (NOON, {"n": 4, "site": "eu"}),
        (NOON, {"site": "us"}),  # no number, and nothing to this meter
    )
    assert of_both(caller, project) == ["5"]
