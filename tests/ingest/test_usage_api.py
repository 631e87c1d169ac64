"""Usage: right at once for what was accepted, in the customer's days, by group."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from ingest.models import UsageWindow
from ingest.services.windows import rebuild_windows
from neruba.models import Project
from tests import factories
from tests.factories import event_body

pytestmark = pytest.mark.django_db

END = factories.START.replace(month=3)


@pytest.fixture
def project() -> Project:
    project = factories.project(clock_at=END)
    factories.customer(project=project, external_id="acme", timezone="Europe/Berlin")
    factories.meter(project=project, code="calls")
    factories.meter(
        project=project,
        code="tokens",
        aggregation="sum",
        value_property="n",
        group_by=["model", "eu"],
    )
    factories.meter(project=project, code="peak", aggregation="max", value_property="n")
    return project


@pytest.fixture
def caller(project: Project) -> APIClient:
    return factories.client(project=project, scopes=["usage:read"])


def usage(caller: APIClient, **query: str) -> Any:
    asked = {
        "customer": "acme",
        "meter": "calls",
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-02-01T00:00:00Z",
        **{name.rstrip("_"): value for name, value in query.items()},
    }
    return caller.get("/api/v1/usage", asked)


def rows(caller: APIClient, **query: str) -> list[dict[str, Any]]:
    answer = usage(caller, **query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def call(time: str, **attributes: Any) -> dict[str, Any]:
    return event_body(time=time, **attributes)


def test_usage_in_all(caller: APIClient, project: Project) -> None:
    factories.accept(
        call("2026-01-01T00:00:00Z"),
        call("2026-01-31T23:59:59.999999Z"),
        call("2026-02-01T00:00:00Z"),
        project=project,
    )
    assert rows(caller) == [
        {
            "window": {
                "start": "2026-01-01T00:00:00.000000Z",
                "end": "2026-02-01T00:00:00.000000Z",
            },
            "group": {},
            "quantity": "2",
            "events": 2,
            "state": "buffered",
        }
    ]


def test_days_are_the_customers(caller: APIClient, project: Project) -> None:
    factories.accept(call("2026-01-01T22:59:59Z"), call("2026-01-01T23:00:00Z"), project=project)
    found = rows(caller, window="day", to="2026-01-02T12:00:00Z")
    assert [(row["window"]["start"], row["window"]["end"], row["quantity"]) for row in found] == [
        ("2026-01-01T00:00:00.000000Z", "2026-01-01T23:00:00.000000Z", "1"),
        ("2026-01-01T23:00:00.000000Z", "2026-01-02T12:00:00.000000Z", "1"),
    ]


@pytest.mark.parametrize(
    ("size", "starts"),
    [
        ("week", ["01-01T00", "01-04T23", "01-11T23", "01-18T23", "01-25T23"]),
        ("month", ["01-01T00", "01-31T23"]),
    ],
)
def test_weeks_begin_on_monday_and_months_on_the_first(
    caller: APIClient, size: str, starts: list[str]
) -> None:
    found = rows(caller, window=size, to="2026-02-01T00:00:00Z")
    assert [row["window"]["start"][5:13] for row in found] == starts
    assert all(row["quantity"] == "0" for row in found)


def test_groups_are_kept_apart_and_add_up(caller: APIClient, project: Project) -> None:
    factories.accept(
        *(
            call("2026-01-05T12:00:00Z", data={"n": n, "model": model, "eu": eu})
            for n, model, eu in [(1, "a", True), (2.5, "a", False), (4, "b", True), (8, "a", True)]
        ),
        call("2026-01-05T12:00:00Z", data={"n": 16}),
        project=project,
    )
    found = rows(caller, meter="tokens", group_by="model,eu")
    assert [(row["group"], row["quantity"]) for row in found] == [
        ({"model": "a", "eu": False}, "2.5"),
        ({"model": None, "eu": None}, "16"),
        ({"model": "a", "eu": True}, "9"),
        ({"model": "b", "eu": True}, "4"),
    ]
    by_model = rows(caller, meter="tokens", group_by="model")
    assert [row["quantity"] for row in by_model] == ["11.5", "4", "16"]
    assert [row["quantity"] for row in rows(caller, meter="tokens")] == ["31.5"]


def test_sums_are_exact_to_the_last_digit(caller: APIClient, project: Project) -> None:
    factories.accept(
        *(
            call("2026-01-05T12:00:00Z", data={"n": n})
            for n in ("999999999999999999", "0.000000001")
        ),
        *(call("2026-01-06T12:00:00Z", data={"n": 0.1}) for _ in range(3)),
        project=project,
    )
    for _ in range(2):
        assert rows(caller, meter="tokens")[0]["quantity"] == "999999999999999999.300000001"
        assert rows(caller, meter="peak")[0]["quantity"] == "999999999999999999"
        rebuild_windows(project)


def test_usage_is_the_same_before_and_after_windows_are_built(
    caller: APIClient, project: Project
) -> None:
    factories.accept(
        *(call(f"2026-01-{day:02}T05:00:00Z") for day in range(1, 29)), project=project
    )
    before = rows(caller, window="week")
    assert rebuild_windows(project) > 0
    assert rows(caller, window="week") == before
    factories.accept(call("2026-01-28T05:00:00Z"), project=project)
    assert sum(int(row["quantity"]) for row in rows(caller, window="week")) == 29


def test_windows_are_what_is_read_where_they_are_clean(caller: APIClient, project: Project) -> None:
    factories.accept(call("2026-01-05T05:00:00Z"), call("2026-01-07T05:00:00Z"), project=project)
    rebuild_windows(project)
    UsageWindow.objects.filter(day="2026-01-05", meter__code="calls").update(count=41)
    assert rows(caller)[0]["quantity"] == "42"


def test_usage_before_the_customer_counts_for_it(caller: APIClient, project: Project) -> None:
    factories.accept(call("2026-01-05T05:00:00Z", subject="later"), project=project)
    assert usage(caller, customer="later").status_code == 404
    factories.customer(project=project, external_id="later")
    assert rows(caller, customer="later")[0]["quantity"] == "1"


def test_voided_events_stop_counting(caller: APIClient, project: Project) -> None:
    factories.accept(call("2026-01-05T05:00:00Z", id="a"), project=project)
    rebuild_windows(project)
    factories.client(project=project).post(
        "/api/v1/events/void", {"source": "test", "id": "a", "reason": "test call"}, format="json"
    )
    assert rows(caller)[0]["quantity"] == "0"


def test_a_window_is_open_until_its_end_has_come(project: Project) -> None:
    caller = factories.client(project=project)
    states = [row["state"] for row in rows(caller, window="month", to="2026-04-01T00:00:00Z")]
    assert states == ["buffered", "buffered", "open", "open"]


@pytest.mark.parametrize(
    ("query", "status", "pointer"),
    [
        ({"customer": "nobody"}, 404, None),
        ({"meter": "nothing"}, 404, None),
        ({"from_": "2026-01-01"}, 400, "/from"),
        ({"from_": "2026-01-01T00:00:00"}, 400, "/from"),
        ({"to": "2026-01-01T00:00:00Z"}, 400, "/to"),
        ({"window": "hour"}, 400, "/window"),
        ({"group_by": "region", "meter": "tokens"}, 400, "/group_by"),
        ({"window": "day", "to": "2030-01-01T00:00:00Z"}, 400, "/to"),
        ({"metre": "calls"}, 400, "/metre"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    caller: APIClient, query: dict[str, str], status: int, pointer: str | None
) -> None:
    answer = usage(caller, **query)
    assert answer.status_code == status
    assert [one["pointer"] for one in answer.json().get("errors", [])] == [pointer] * (
        status == 400
    )


def test_another_projects_usage_does_not_exist(project: Project) -> None:
    stranger = factories.client(project=factories.project())
    assert usage(stranger).status_code == 404


def test_usage_needs_its_scope(project: Project) -> None:
    assert usage(factories.client(project=project, scopes=["billing:read"])).status_code == 403
