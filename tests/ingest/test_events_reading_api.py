"""Reading events back, and voiding them."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from ingest.models import DirtyMark, EventRetraction
from ingest.selectors import trace
from neruba.models import AuditRecord, Project
from tests import factories
from tests.factories import event_body

pytestmark = pytest.mark.django_db

EVENTS = "/api/v1/events"
VOID = "/api/v1/events/void"


@pytest.fixture
def project() -> Project:
    return factories.project()


@pytest.fixture
def caller(project: Project) -> APIClient:
    return factories.client(project=project, scopes=["usage:read", "usage:write"])


def ids(caller: APIClient, **query: str) -> list[str]:
    answer = caller.get(EVENTS, query)
    assert answer.status_code == 200, answer.content
    return [one["id"] for one in answer.json()["data"]]


def void(caller: APIClient, event_id: str, reason: str = "a test call") -> Any:
    body = {"source": "test", "id": event_id, "reason": reason}
    return caller.post(VOID, body, format="json")


def test_events_are_listed_in_the_order_of_arrival_and_filtered(
    caller: APIClient, project: Project
) -> None:
    for body in (
        event_body(id="b", time="2026-01-01T00:00:00Z"),
        event_body(id="a", time="2025-12-31T00:00:00Z", type="sms"),
        event_body(id="c", subject="other"),
    ):
        factories.accept(body, project=project)
    factories.accept(event_body(id="x"), project=factories.project())
    assert ids(caller) == ["b", "a", "c"]
    assert ids(caller, subject="other") == ["c"]
    assert ids(caller, type="sms") == ["a"]
    assert ids(caller, **{"from": "2026-01-01T00:00:00Z"}) == ["b", "c"]
    assert ids(caller, to="2026-01-01T00:00:00Z") == ["a"]
    assert ids(caller, subject="nobody") == []


def test_pages_go_on_where_they_ended(caller: APIClient, project: Project) -> None:
    factories.accept(*(event_body(id=str(n)) for n in range(5)), project=project)
    first = caller.get(EVENTS, {"limit": 3}).json()
    rest = caller.get(EVENTS, {"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [one["id"] for one in first["data"] + rest["data"]] == ["0", "1", "2", "3", "4"]
    assert rest["next_cursor"] is None


def test_an_event_comes_back_as_it_was_accepted(caller: APIClient, project: Project) -> None:
    data = {"n": 1.10, "big": 12345678901234567890, "flag": True, "none": None, "text": "é"}
    factories.accept(event_body(id="a", data=data, traceparent="00-ab"), project=project)
    answer = caller.get(EVENTS)
    assert b'"data":{"big":12345678901234567890,"flag":true,"n":1.1,' in answer.content
    assert (
        answer.json()["data"][0]
        | {
            "id": "a",
            "time": "2026-01-01T00:00:00.000000Z",
            "extensions": {"traceparent": "00-ab"},
            "outcome": "accepted",
            "retraction": None,
        }
        == answer.json()["data"][0]
    )


def test_voiding_takes_an_event_out_and_keeps_it(caller: APIClient, project: Project) -> None:
    factories.accept(event_body(id="a"), event_body(id="b"), project=project)
    assert void(caller, "a").status_code == 200
    assert ids(caller) == ["b"]
    assert ids(caller, outcome="voided") == ["a"]
    shown = caller.get(f"{EVENTS}/one", {"source": "test", "id": "a"}).json()
    assert (shown["outcome"], shown["retraction"]["reason"]) == ("voided", "a test call")


def test_voiding_again_changes_nothing(caller: APIClient, project: Project) -> None:
    factories.accept(event_body(id="a"), project=project)
    first = void(caller, "a")
    marks = DirtyMark.objects.count()
    again = void(caller, "a", reason="another reason")
    assert again.json() == first.json()
    assert EventRetraction.objects.get().reason == "a test call"
    assert DirtyMark.objects.count() == marks
    assert AuditRecord.objects.filter(action="event.voided").count() == 1


def test_a_voided_event_sent_again_is_a_duplicate(caller: APIClient, project: Project) -> None:
    body = event_body(id="a")
    factories.accept(body, project=project)
    void(caller, "a")
    assert factories.accept(body, project=project)[0].outcome == "duplicate"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"source": "test", "id": "unknown", "reason": "r"}, 404),
        ({"source": "test", "id": "A", "reason": "r"}, 404),
        ({"source": "test", "id": "a"}, 400),
        ({"source": "test", "id": "a", "reason": ""}, 400),
        ({"source": "test", "id": "a", "reason": "  "}, 400),
        ({"source": "test", "id": 1, "reason": "r"}, 400),
        ({"source": "test", "id": "a", "reason": "r", "more": 1}, 400),
    ],
)
def test_what_cannot_be_voided_is_refused(
    caller: APIClient, project: Project, body: dict[str, Any], status: int
) -> None:
    factories.accept(event_body(id="a"), project=project)
    assert caller.post(VOID, body, format="json").status_code == status
    assert not EventRetraction.objects.exists()


def test_another_projects_event_cannot_be_voided_or_seen(project: Project) -> None:
    factories.accept(event_body(id="a"), project=project)
    stranger = factories.client(project=factories.project())
    assert void(stranger, "a").status_code == 404
    assert stranger.get(f"{EVENTS}/one", {"source": "test", "id": "a"}).status_code == 404


def test_one_event_names_every_window_that_it_counts_in(
    caller: APIClient, project: Project
) -> None:
    factories.customer(project=project, external_id="acme", timezone="America/New_York")
    factories.meter(project=project, code="calls")
    factories.meter(project=project, code="by-model", group_by=["model"])
    only = [{"property": "model", "in": ["small"]}]
    factories.meter(project=project, code="small", filters=only)
    factories.accept(event_body(id="a", data={"model": "large"}), project=project)
    shown = caller.get(f"{EVENTS}/one", {"source": "test", "id": "a"}).json()
    assert [(one["meter"], one["day"], one["group"]) for one in shown["windows"]] == [
        ("calls", "2025-12-31", {}),
        ("by-model", "2025-12-31", {"model": "large"}),
    ]
    assert shown["windows"][0]["window"]["start"] == "2025-12-31T05:00:00.000000Z"


def test_others_add_what_the_event_counted_in(
    caller: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "_tracers", {})
    trace.register_tracer("invoice_lines", lambda event: [{"invoice": f"of {event.event_id}"}])
    factories.accept(event_body(id="a"), project=project)
    shown = caller.get(f"{EVENTS}/one", {"source": "test", "id": "a"}).json()
    assert (shown["invoice_lines"], shown["corrections"]) == ([{"invoice": "of a"}], [])


def test_failed_events_are_listed_with_what_was_sent(caller: APIClient) -> None:
    for time in ("yesterday", "yesterday", "tomorrow"):
        caller.post(EVENTS, event_body(id="a", time=time), format="json")
    found = caller.get(EVENTS, {"outcome": "failed", "subject": "acme"}).json()["data"]
    assert [(one["count"], one["code"], one["body"]["time"]) for one in found] == [
        (2, "time", "yesterday"),
        (1, "time", "tomorrow"),
    ]
    assert ids(caller, outcome="failed", subject="other") == []


@pytest.mark.parametrize(
    "query", [{"outcome": "stored"}, {"from": "2026-01-01"}, {"limit": "0"}, {"sort": "id"}]
)
def test_lists_refuse_what_they_do_not_know(caller: APIClient, query: dict[str, str]) -> None:
    assert caller.get(EVENTS, query).status_code == 400
