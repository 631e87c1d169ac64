"""The audit history over the API: filtered, oldest first, of one project."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from neruba.models import AuditRecord, Project
from neruba.period import rfc3339
from tests import factories
from tests.neruba.api.people import acting

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.project(slug="demo")


@pytest.fixture
def owner(project: Project) -> APIClient:
    """Who renamed the project twice."""
    client = acting("owner", project)
    for name in ("First", "Second"):
        client.patch("/api/v1/projects/demo", {"name": name}, format="json")
    return client


def actions(client: APIClient, **query: str) -> list[str]:
    answer = client.get("/api/v1/audit", query)
    assert answer.status_code == 200, answer.content
    return [row["action"] for row in answer.json()["data"]]


def test_a_row_says_who_did_what_when_from_where_and_how(owner: APIClient) -> None:
    row = owner.get("/api/v1/audit", {"action": "project.changed"}).json()["data"][0]
    stored = AuditRecord.objects.filter(action="project.changed").order_by("pk").first()
    assert stored is not None
    assert row == {
        "at": rfc3339(factories.START),
        "recorded_at": rfc3339(stored.recorded_at),
        "actor": {"kind": "operator", "name": stored.actor},
        "action": "project.changed",
        "object": {"type": "project", "id": "demo"},
        "reason": "",
        "origin": "127.0.0.1",
        "request_id": stored.request_id,
        "details": {
            "before": {"name": "Demo", "settings": {}},
            "after": {"name": "First", "settings": {}},
        },
    }


def test_rows_are_found_by_what_is_asked(owner: APIClient) -> None:
    changed = ["project.changed"] * 2
    everything = actions(owner)
    assert everything == ["project.created", "member.added", *changed]
    email = AuditRecord.objects.filter(action="project.changed").values_list("actor", flat=True)[0]
    assert actions(owner, actor=email) == changed
    assert actions(owner, object_type="project") == ["project.created", *changed]
    assert actions(owner, object_type="member", object_id=email) == ["member.added"]
    assert actions(owner, action="nothing.such") == []


def test_the_bounds_are_of_the_real_time_and_half_open(owner: APIClient) -> None:
    first, second = AuditRecord.objects.filter(action="project.changed").order_by("pk")
    assert first.recorded_at < second.recorded_at
    until = rfc3339(second.recorded_at)
    assert actions(owner, **{"from": rfc3339(first.recorded_at), "to": until}) == [first.action]
    after = rfc3339(second.recorded_at + timedelta(microseconds=1))
    assert actions(owner, **{"from": after}) == []


def test_pages_follow_one_another(owner: APIClient) -> None:
    one = owner.get("/api/v1/audit", {"limit": 3}).json()
    two = owner.get("/api/v1/audit", {"limit": 3, "cursor": one["next_cursor"]}).json()
    assert [row["action"] for row in one["data"] + two["data"]] == actions(owner)
    assert two["next_cursor"] is None


def test_acts_elsewhere_are_not_in_it(owner: APIClient, project: Project) -> None:
    before = actions(owner)
    other = factories.project(slug="other")
    factories.operator_token(project=other)
    assert AuditRecord.objects.filter(project=None).exists()
    assert actions(owner) == before


@pytest.mark.parametrize("role", ["finance", "support", "developer", "auditor"])
def test_the_scope_admin_reads_it(role: str, project: Project) -> None:
    assert acting(role, project).get("/api/v1/audit").status_code == 403
