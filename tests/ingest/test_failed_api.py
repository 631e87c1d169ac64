"""Failed events over the API: sent again, mended or as they came, and discarded."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from ingest.models import DirtyMark, FailedEvent, UsageEvent
from neruba.models import AuditRecord, Project
from tests import factories
from tests.api.outcome import assert_problem
from tests.factories import event_body

pytestmark = pytest.mark.django_db

EVENTS = "/api/v1/events"
GOOD = event_body(id="a", data={"n": 2})


@pytest.fixture
def project() -> Project:
    project = factories.project()
    factories.meter(project=project, code="tokens", aggregation="sum", value_property="n")
    return project


@pytest.fixture
def caller(project: Project) -> APIClient:
    return factories.client(project=project, scopes=["usage:read", "usage:write"])


def failed_id(caller: APIClient, project: Project, **attributes: Any) -> str:
    """Send acme's event `a`, wrong in some way, and find it among those that failed."""
    (outcome,) = factories.accept({**GOOD, "data": {"n": "many"}, **attributes}, project=project)
    assert outcome.outcome == "failed"
    listed = caller.get(EVENTS, {"outcome": "failed"}).json()["data"]
    return str(listed[-1]["failed_id"])


def act(caller: APIClient, failed: str, verb: str, **body: Any) -> Any:
    path = f"{EVENTS}/failed/{failed}/{verb}"
    return caller.post(path, {"reason": "a word", **body}, format="json")


def stored() -> list[Any]:
    """All that an act could change."""
    models = (FailedEvent, UsageEvent, AuditRecord, DirtyMark)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_a_mended_event_is_accepted_once(caller: APIClient, project: Project) -> None:
    failed = failed_id(caller, project)

    answer = act(caller, failed, "resubmit", event=GOOD)

    assert answer.status_code == 201
    assert answer.json() == {"id": "a", "source": "test", "outcome": "accepted"}
    row = FailedEvent.objects.get()
    assert (row.state, row.count, row.resubmitted_as) == (
        "resubmitted",
        1,
        UsageEvent.objects.get(),
    )
    audit = AuditRecord.objects.get(action="failed_event.resubmitted")
    assert (audit.object_id, audit.reason, audit.actor_kind) == (failed, "a word", "api_key")
    assert json.loads(audit.details)["mended"] == "yes"
    (listed,) = caller.get(EVENTS, {"outcome": "failed"}).json()["data"]
    assert listed["state"] == "resubmitted"
    (event,) = caller.get(EVENTS).json()["data"]
    assert event["data"] == {"n": 2}


def test_an_event_that_stands_already_is_a_duplicate(caller: APIClient, project: Project) -> None:
    failed = failed_id(caller, project)
    factories.accept(GOOD, project=project)

    answer = act(caller, failed, "resubmit", event={**GOOD, "data": {"n": 2.0}})

    assert (answer.status_code, answer.json()["outcome"]) == (200, "duplicate")
    assert FailedEvent.objects.get().resubmitted_as == UsageEvent.objects.get()


def test_numbers_of_a_mended_event_are_exact(caller: APIClient, project: Project) -> None:
    failed = failed_id(caller, project)
    number = "1234567890123456789.123456789"
    body = json.dumps({"event": {**GOOD, "data": {"n": 0}}, "reason": "r"})
    sent = body.replace('{"n": 0}', f'{{"n": {number}}}')
    path = f"{EVENTS}/failed/{failed}/resubmit"
    assert caller.generic("POST", path, sent, "application/json").status_code == 201
    assert UsageEvent.objects.get().data == f'{{"n":{number}}}'


def test_it_is_sent_as_it_came_where_no_event_is_given(caller: APIClient, project: Project) -> None:
    failed = failed_id(caller, project, data={"n": 1.10}, time="2026-01-03T00:00:00Z")
    before = stored()
    problem = assert_problem(act(caller, failed, "resubmit"), 400, "still_failing")
    assert problem["errors"][0]["pointer"] == "/event/time"
    assert stored() == before
    Project.objects.filter(pk=project.pk).update(clock_at="2026-01-03T00:00:00Z")

    assert act(caller, failed, "resubmit").status_code == 201

    assert UsageEvent.objects.get().data == '{"n":1.1}'
    audit = AuditRecord.objects.get(action="failed_event.resubmitted")
    assert json.loads(audit.details)["mended"] == "no"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"id": ""}, ("length", "/event/id", "id must have")),
        ({"time": "soon"}, ("time", "/event/time", "time: ")),
        ({"data": {"n": "few"}}, ("unusable_data", "/event/data/n", "Meter 'tokens' cannot")),
    ],
)
def test_what_still_fails_leaves_everything_as_it_is(
    caller: APIClient, project: Project, wrong: Any, told: tuple[str, str, str]
) -> None:
    failed = failed_id(caller, project)
    before = stored()

    answer = act(caller, failed, "resubmit", event={**GOOD, **wrong})

    problem = assert_problem(answer, 400, "still_failing")
    fault, pointer, words = told
    assert (problem["fault"], problem["errors"][0]["pointer"]) == (fault, pointer)
    assert problem["detail"].startswith(words)
    assert stored() == before


def test_other_content_of_an_identity_is_refused(caller: APIClient, project: Project) -> None:
    failed = failed_id(caller, project)
    factories.accept({**GOOD, "data": {"n": 3}}, project=project)
    before = stored()
    assert_problem(act(caller, failed, "resubmit", event=GOOD), 409, "identity_taken")
    assert stored() == before


def test_what_was_decided_is_not_decided_again(caller: APIClient, project: Project) -> None:
    resubmitted = failed_id(caller, project)
    discarded = failed_id(caller, project, id="b")
    assert act(caller, resubmitted, "resubmit", event=GOOD).status_code == 201
    assert act(caller, discarded, "discard").json() == {
        "failed_id": discarded,
        "state": "discarded",
    }
    before = stored()
    for failed, words in (
        (resubmitted, "resubmitted already, as event 'a'"),
        (discarded, "reopen"),
    ):
        for verb, body in (("resubmit", {"event": {**GOOD, "id": "c"}}), ("discard", {})):
            problem = assert_problem(act(caller, failed, verb, **body), 409, "failed_event_state")
            assert words in problem["detail"]
    assert stored() == before


@pytest.mark.parametrize("verb", ["resubmit", "discard"])
def test_a_body_that_comes_again_keeps_its_state(
    caller: APIClient, project: Project, verb: str
) -> None:
    body = {"event": GOOD} if verb == "resubmit" else {}
    failed = failed_id(caller, project, time="soon")
    assert act(caller, failed, verb, **body).status_code < 300
    before = FailedEvent.objects.get()
    assert failed_id(caller, project, time="soon") == failed
    again = FailedEvent.objects.get()
    assert (again.state, again.resubmitted_as) == (before.state, before.resubmitted_as)
    assert again.count == 2


def test_another_projects_failed_event_does_not_exist(caller: APIClient, project: Project) -> None:
    failed = failed_id(caller, project)
    stranger = factories.client(project=factories.project())
    before = stored()
    assert_problem(act(stranger, failed, "resubmit", event=GOOD), 404)
    assert_problem(act(stranger, failed, "discard"), 404)
    assert stored() == before


def test_a_repeated_request_is_answered_like_the_first(caller: APIClient, project: Project) -> None:
    path = f"{EVENTS}/failed/{failed_id(caller, project)}/resubmit"
    sent = {"event": GOOD, "reason": "r"}
    first, again = (
        caller.post(path, sent, format="json", headers={"idempotency-key": "k"}) for _ in range(2)
    )
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert AuditRecord.objects.filter(action="failed_event.resubmitted").count() == 1
