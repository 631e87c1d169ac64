"""Sending events: one outcome for each, whatever the path, and nothing stored twice."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from ingest.models import DirtyMark, FailedEvent, UsageEvent
from neruba.models import Project, Subject
from tests import factories
from tests.factories import event_body

pytestmark = pytest.mark.django_db

ONE = "/api/v1/events"
BATCH = "/api/v1/events/batch"


@pytest.fixture
def project() -> Project:
    return factories.project()


@pytest.fixture
def caller(project: Project) -> APIClient:
    return factories.client(project=project, scopes=["usage:write"])


def post(caller: APIClient, path: str, body: Any, **more: Any) -> Any:
    return caller.post(path, body, format="json", **more)


def nothing_stored() -> bool:
    return not (
        UsageEvent.objects.exists() or Subject.objects.exists() or DirtyMark.objects.exists()
    )


def test_a_new_event_is_accepted(caller: APIClient) -> None:
    answer = post(caller, ONE, event_body(id="a1"))
    assert answer.status_code == 201
    assert answer.json() == {"id": "a1", "source": "test", "outcome": "accepted"}
    event = UsageEvent.objects.get()
    assert (event.event_id, event.subject.external_id, event.data) == ("a1", "acme", '{"n":1}')


def test_the_same_event_again_is_a_duplicate(caller: APIClient) -> None:
    post(caller, ONE, event_body(id="a1", data={"a": 1, "b": 2}))
    again = event_body(id="a1", data={"b": 2.0, "a": 1}, time="2026-01-01T01:00:00+01:00")
    answer = post(caller, ONE, again)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "duplicate")
    assert UsageEvent.objects.count() == DirtyMark.objects.count() == 1


def test_the_same_identity_with_other_content_is_a_conflict(caller: APIClient) -> None:
    post(caller, ONE, event_body(id="a1"))
    answer = post(caller, ONE, event_body(id="a1", data={"n": 2}))
    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() | {"id": "a1", "outcome": "conflict", "status": 409} == answer.json()
    assert UsageEvent.objects.get().data == '{"n":1}'
    assert not FailedEvent.objects.exists()


def test_ids_are_compared_byte_for_byte(caller: APIClient) -> None:
    for event_id in ("a1", "A1", "Á1", "á1", "a 1"):
        assert post(caller, ONE, event_body(id=event_id)).status_code == 201
    assert post(caller, ONE, event_body(id="a1 ")).json()["outcome"] == "failed"
    assert UsageEvent.objects.count() == 5


def test_subjects_types_and_sources_are_compared_byte_for_byte(caller: APIClient) -> None:
    for name in ("x", "X", "ẋ"):
        body = event_body(id="1", source=name, subject=name, type=name)
        assert post(caller, ONE, body).status_code == 201
    assert Subject.objects.count() == 3


@pytest.mark.parametrize("event_id", ["x" * 255, "é" * 255, "😀" * 255])
def test_the_longest_ids_are_stored_whole(caller: APIClient, event_id: str) -> None:
    assert post(caller, ONE, event_body(id=event_id)).status_code == 201
    assert post(caller, ONE, event_body(id=event_id)).status_code == 200
    assert UsageEvent.objects.get().event_id == event_id


def test_an_invalid_event_fails_and_is_kept_once(caller: APIClient) -> None:
    body = {"source": "s", "type": "t", "subject": "u", "data": {"n": 1.5}}
    for _ in range(3):
        answer = post(caller, ONE, body)
        assert (answer.status_code, answer.json()["outcome"]) == (400, "failed")
        assert answer["Content-Type"] == "application/problem+json"
    kept = FailedEvent.objects.get()
    assert (kept.count, kept.code, kept.source, kept.subject) == (3, "missing", "s", "u")
    assert kept.body == '{"data":{"n":1.5},"source":"s","subject":"u","type":"t"}'
    assert nothing_stored()


def test_a_time_left_out_is_the_time_of_arrival(caller: APIClient, project: Project) -> None:
    body = event_body(id="a1", time=None)
    assert post(caller, ONE, body).status_code == 201
    assert UsageEvent.objects.get().effective_at == project.clock_at
    assert post(caller, ONE, body).json()["outcome"] == "duplicate"
    moved = factories.accept(body, project=project, at=factories.START.replace(day=9))
    assert moved[0].outcome == "duplicate"
    with_arrival = {**body, "time": "2026-01-01T00:00:00Z"}
    assert post(caller, ONE, with_arrival).json()["outcome"] == "duplicate"
    other = {**body, "time": "2026-01-01T00:00:01Z"}
    assert post(caller, ONE, other).json()["outcome"] == "conflict"


@pytest.mark.parametrize(
    ("time", "status"), [("2026-01-01T00:05:00Z", 201), ("2026-01-01T00:05:00.000001Z", 400)]
)
def test_the_future_is_tolerated_as_far_as_the_project_says(time: str, status: int) -> None:
    caller = factories.client(
        project=factories.project(settings={"future_event_tolerance": "PT5M"})
    )
    assert post(caller, ONE, event_body(time=time)).status_code == status


@pytest.mark.parametrize(
    "value", [None, "x", True, "1e3", "", 10**20, "0.0000000001", 0.12345678901, "NaN", " 1"]
)
def test_data_that_a_meter_cannot_use_fails(
    caller: APIClient, project: Project, value: object
) -> None:
    factories.meter(project=project, aggregation="sum", value_property="n")
    answer = post(caller, ONE, event_body(data={"n": value}))
    assert (answer.status_code, answer.json()["code"]) == (400, "unusable_data")
    assert nothing_stored()
    assert FailedEvent.objects.count() == 1


@pytest.mark.parametrize("value", [0, -5, "1.5", 10**18, 0.123456789, "-0.5"])
def test_numbers_and_numbers_as_text_are_used(
    caller: APIClient, project: Project, value: object
) -> None:
    factories.meter(project=project, aggregation="sum", value_property="n")
    assert post(caller, ONE, event_body(data={"n": value})).status_code == 201


def test_a_meter_that_filters_an_event_out_needs_nothing_of_it(
    caller: APIClient, project: Project
) -> None:
    only = [{"property": "kind", "in": ["paid"]}]
    factories.meter(project=project, aggregation="sum", value_property="n", filters=only)
    assert post(caller, ONE, event_body(data={"kind": "free"})).status_code == 201
    assert post(caller, ONE, event_body(data={"kind": "paid"})).status_code == 400


def test_an_event_that_is_stored_stays_a_duplicate_whatever_meters_come(
    caller: APIClient, project: Project
) -> None:
    body = event_body(data={})
    post(caller, ONE, body)
    factories.meter(project=project, aggregation="sum", value_property="n")
    assert post(caller, ONE, body).json()["outcome"] == "duplicate"


def test_each_event_of_a_batch_has_its_outcome(caller: APIClient, project: Project) -> None:
    stored, fresh = event_body(id="stored"), event_body(id="fresh")
    factories.accept(stored, project=project)
    conflicting = {**stored, "data": {"n": 9}}
    batch = [stored, fresh, fresh, conflicting, {**fresh, "type": "sms"}, 5, event_body(id="last")]
    answer = post(caller, BATCH, {"events": batch})
    assert answer.status_code == 200
    body = answer.json()
    counts = {name: body[name] for name in ("accepted", "duplicate", "conflict", "failed")}
    assert counts == {"accepted": 2, "duplicate": 2, "conflict": 2, "failed": 1}
    assert [(one["index"], one["outcome"]) for one in body["results"]] == [
        (0, "duplicate"),
        (2, "duplicate"),
        (3, "conflict"),
        (4, "conflict"),
        (5, "failed"),
    ]
    assert set(UsageEvent.objects.values_list("event_id", flat=True)) == {"stored", "fresh", "last"}


def test_of_one_identity_the_first_that_can_be_accepted_wins(caller: APIClient) -> None:
    far = event_body(id="a", time="2030-01-01T00:00:00Z")
    near = event_body(id="a")
    answer = post(caller, f"{BATCH}?results=all", [far, near])
    assert [one["outcome"] for one in answer.json()["results"]] == ["failed", "accepted"]


def test_all_results_are_listed_when_asked_for(caller: APIClient) -> None:
    answer = post(caller, f"{BATCH}?results=all", [event_body(id="a"), event_body(id="b")])
    assert answer.json()["results"] == [
        {"index": 0, "source": "test", "id": "a", "outcome": "accepted", "detail": ""},
        {"index": 1, "source": "test", "id": "b", "outcome": "accepted", "detail": ""},
    ]


def test_a_large_batch_takes_few_statements(
    project: Project, django_assert_max_num_queries: Any
) -> None:
    bodies = [event_body(subject=f"s{n % 40}") for n in range(1000)]
    with django_assert_max_num_queries(30):
        outcomes = factories.accept(*bodies, project=project)
    assert {outcome.outcome for outcome in outcomes} == {"accepted"}
    assert UsageEvent.objects.count() == 1000
    assert DirtyMark.objects.count() == 40


def test_sent_again_shuffled_in_other_batches_all_are_duplicates(project: Project) -> None:
    bodies = [event_body(subject=f"s{n % 7}", data={"n": n / 4}) for n in range(60)]
    factories.accept(*bodies, project=project)
    before = list(UsageEvent.objects.values())
    again = [*bodies[::-2], *bodies[::2]]
    for first in range(0, len(again), 17):
        outcomes = factories.accept(*again[first : first + 17], project=project)
        assert {outcome.outcome for outcome in outcomes} == {"duplicate"}
    assert list(UsageEvent.objects.values()) == before


@pytest.mark.parametrize(
    ("content_type", "path"),
    [
        ("application/cloudevents+json", ONE),
        ("application/cloudevents+json; charset=utf-8", ONE),
        ("application/cloudevents-batch+json", BATCH),
    ],
)
def test_cloudevents_types_are_taken(caller: APIClient, content_type: str, path: str) -> None:
    text = (
        '{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"u",'
        '"time":"2026-01-01T00:00:00Z","subscription":"sub-1","traceparent":"00-ab"}'
    )
    body = text if path == ONE else f"[{text}]"
    assert caller.post(path, body, content_type=content_type).status_code in {200, 201}
    event = UsageEvent.objects.get()
    assert (event.subscription, event.extensions) == ("sub-1", '{"traceparent":"00-ab"}')


def test_a_subject_becomes_the_customers_whichever_comes_first(
    caller: APIClient, project: Project
) -> None:
    early = factories.customer(project=project, external_id="early")
    post(caller, ONE, event_body(subject="early"))
    post(caller, ONE, event_body(subject="late"))
    late = factories.customer(project=project, external_id="late")
    owners = dict(Subject.objects.values_list("external_id", "customer_id"))
    assert owners == {"early": early.pk, "late": late.pk}


def test_the_same_identity_in_another_project_is_another_event(caller: APIClient) -> None:
    other = factories.client(project=factories.project())
    body = event_body(id="a1")
    assert post(caller, ONE, body).status_code == 201
    assert post(other, ONE, body).status_code == 201


@pytest.mark.parametrize(
    ("path", "body", "content_type", "status"),
    [
        (ONE, "{", "application/json", 400),
        (ONE, "[]", "application/json", 400),
        (ONE, '{"id": NaN}', "application/json", 400),
        (ONE, '{"id": 1e99999999999999999999}', "application/json", 400),
        (ONE, "[" * 100_000, "application/json", 400),
        (ONE, b"\xff", "application/json", 400),
        (ONE, "id=1", "application/x-www-form-urlencoded", 415),
        (ONE, "{}", "application/cloudevents-batch+json", 415),
        (ONE, '{"id":"' + "x" * 300_000 + '"}', "application/json", 413),
        (BATCH, "{}", "application/json", 400),
        (BATCH, '{"events": 5}', "application/json", 400),
        (BATCH, '{"events": [], "more": 1}', "application/json", 400),
        (BATCH, "5", "application/json", 400),
        (BATCH, "[" + "1," * 5000 + "1]", "application/json", 413),
        (BATCH, '["' + "x" * (5 * 1024 * 1024) + '"]', "application/json", 413),
        (f"{BATCH}?results=some", "[]", "application/json", 400),
        (f"{BATCH}?unknown=1", "[]", "application/json", 400),
    ],
)
def test_what_is_no_request_is_refused_and_changes_nothing(
    caller: APIClient, path: str, body: str | bytes, content_type: str, status: int
) -> None:
    raw: Any = body
    answer = caller.generic("POST", path, raw, content_type=content_type)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert nothing_stored()
    assert not FailedEvent.objects.exclude(body="[]").exists()


@pytest.mark.parametrize("path", [ONE, BATCH, "/api/v1/events/void"])
def test_a_key_without_the_scope_is_refused(project: Project, path: str) -> None:
    reader = factories.client(project=project, scopes=["usage:read", "billing:write"])
    assert post(reader, path, event_body()).status_code == 403
    assert nothing_stored()


def test_an_idempotency_key_replays_the_answer(caller: APIClient) -> None:
    body = event_body(id="a1")
    first = post(caller, ONE, body, HTTP_IDEMPOTENCY_KEY="k")
    again = post(caller, ONE, body, HTTP_IDEMPOTENCY_KEY="k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again["Idempotent-Replayed"] == "true"


def test_a_failed_event_leaves_its_idempotency_key_free(caller: APIClient) -> None:
    broken = event_body(id="")
    assert post(caller, ONE, broken, HTTP_IDEMPOTENCY_KEY="k").status_code == 400
    assert post(caller, ONE, event_body(), HTTP_IDEMPOTENCY_KEY="k").status_code == 201
    assert FailedEvent.objects.get().count == 1
