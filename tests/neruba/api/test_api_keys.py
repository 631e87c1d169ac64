"""API keys: shown once, stored as a hash, limited in scope and time, revoked at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from neruba import clock
from neruba.models import ApiKey, AuditRecord, IdempotencyRecord, Project
from tests import factories, traces

pytestmark = pytest.mark.django_db

KEYS = "/api/v1/projects/demo/api-keys"


@pytest.fixture
def project() -> Project:
    return factories.project(slug="demo")


@pytest.fixture
def client(project: Project) -> APIClient:
    return factories.client(project=project)


def issue(client: APIClient, **body: object) -> dict[str, str]:
    response = client.post(KEYS, {"name": "ci", "scopes": ["billing:read"], **body}, format="json")
    assert response.status_code == 201, response.content
    issued: dict[str, str] = response.json()
    return issued


def status(project: Project, secret: str, path: str = "customers") -> int:
    return factories.client(project=project, secret=secret).get(f"/api/v1/{path}").status_code


def test_a_key_is_issued_with_its_secret_once(client: APIClient, project: Project) -> None:
    issued = issue(client)
    assert status(project, issued["secret"]) == 200
    shown = client.get(KEYS).json()["data"][-1]
    assert shown.keys() == {
        *("prefix", "name", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    }
    assert issued["secret"].startswith(f"nrb_{issued['prefix']}_")


def test_only_a_hash_is_stored(client: APIClient) -> None:
    issued = issue(client)
    stored = ApiKey.objects.filter(prefix=issued["prefix"]).values().get()
    # The random part may hold underscores of its own.
    _, _, secret = issued["secret"].split("_", 2)
    assert secret not in str(stored)
    assert len(stored["secret_hash"]) == 64


def test_a_repeat_is_answered_without_the_secret(client: APIClient) -> None:
    body = {"name": "ci", "scopes": ["usage:write"]}
    first, again = (
        client.post(KEYS, body, format="json", HTTP_IDEMPOTENCY_KEY="one") for _ in range(2)
    )
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == {**first.json(), "secret": None}
    assert first.json()["secret"] not in IdempotencyRecord.objects.get().body


def test_a_key_is_bound_to_its_scopes(client: APIClient, project: Project) -> None:
    secret = issue(client, scopes=["usage:read"])["secret"]
    assert status(project, secret) == 403
    assert status(project, secret, "clock") == 403


def test_admin_includes_every_scope(client: APIClient, project: Project) -> None:
    secret = issue(client, scopes=["admin"])["secret"]
    assert [status(project, secret, path) for path in ("customers", "ledger/accounts")] == [200] * 2


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": "admin"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"name": ""},
    ],
)
def test_a_wrong_request_issues_nothing(client: APIClient, body: dict[str, object]) -> None:
    before = ApiKey.objects.count()
    response = client.post(KEYS, {"name": "ci", "scopes": ["admin"], **body}, format="json")
    assert response.status_code == 400
    assert ApiKey.objects.count() == before


def test_a_key_expires_by_the_real_clock(client: APIClient, project: Project) -> None:
    expires_at = clock.wall() + timedelta(hours=1)
    secret = issue(client, expires_at=expires_at.isoformat())["secret"]
    with time_machine.travel(expires_at - timedelta(seconds=1), tick=False):
        assert status(project, secret) == 200
    with time_machine.travel(expires_at, tick=False):
        assert status(project, secret) == 401


def test_a_revoked_key_is_refused_at_once(client: APIClient, project: Project) -> None:
    issued = issue(client)
    response = client.delete(f"{KEYS}/{issued['prefix']}?reason=lost")
    assert response.status_code == 200
    assert response.json()["revoked_at"] is not None
    assert status(project, issued["secret"]) == 401
    row = AuditRecord.objects.get(action="api_key.revoked")
    assert (row.object_id, row.reason) == (issued["prefix"], "lost")


def test_revoking_again_changes_nothing(client: APIClient) -> None:
    prefix = issue(client)["prefix"]
    first, again = (client.delete(f"{KEYS}/{prefix}").json() for _ in range(2))
    assert first == again
    assert AuditRecord.objects.filter(action="api_key.revoked").count() == 1


def test_another_projects_key_cannot_be_revoked(client: APIClient) -> None:
    other = factories.api_key(project=factories.project())
    assert client.delete(f"{KEYS}/{other.key.prefix}").status_code == 404
    other.key.refresh_from_db()
    assert other.key.revoked_at is None


def test_a_key_may_revoke_itself(client: APIClient, project: Project) -> None:
    own = factories.api_key(project=project)
    caller = factories.client(project=project, secret=own.secret)
    assert caller.delete(f"{KEYS}/{own.key.prefix}").status_code == 200
    assert caller.get(KEYS).status_code == 401


def test_the_last_use_is_noted_once_a_minute(project: Project) -> None:
    issued = factories.api_key(project=project)
    start = clock.wall().replace(microsecond=0)
    noted = []
    for seconds in (0, 30, 61):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            assert status(project, issued.secret) == 200
        issued.key.refresh_from_db()
        noted.append(issued.key.last_used_at)
    assert noted == [start, start, start + timedelta(seconds=61)]


def test_a_refused_key_is_not_noted(project: Project) -> None:
    issued = factories.api_key(project=project)
    assert status(project, f"{issued.secret}x") == 401
    issued.key.refresh_from_db()
    assert issued.key.last_used_at is None


# Rotated


def rotate(client: APIClient, prefix: str, **body: object) -> Any:
    return client.post(f"{KEYS}/{prefix}/rotate", body, format="json")


def test_a_rotated_key_goes_on_beside_the_new_one_until_the_overlap_ends(
    client: APIClient, project: Project
) -> None:
    old = issue(client, scopes=["billing:read", "usage:read"])
    answer = rotate(client, old["prefix"], overlap="PT1H", reason="each year")
    assert answer.status_code == 201
    new = answer.json()
    assert (new["name"], new["scopes"]) == (old["name"], old["scopes"])
    assert new["secret"].startswith(f"nrb_{new['prefix']}_")
    ends = datetime.fromisoformat(client.get(KEYS).json()["data"][1]["expires_at"])
    with time_machine.travel(ends - timedelta(microseconds=1), tick=False):
        assert [status(project, key["secret"]) for key in (old, new)] == [200, 200]
    with time_machine.travel(ends, tick=False):
        assert [status(project, key["secret"]) for key in (old, new)] == [401, 200]
    noted = AuditRecord.objects.get(action="api_key.rotated")
    assert (noted.object_id, noted.reason) == (old["prefix"], "each year")
    assert new["prefix"] in noted.details


def test_the_overlap_is_a_day_unless_given(client: APIClient) -> None:
    rotate(client, issue(client)["prefix"])
    old, new = ApiKey.objects.order_by("pk")[1:]
    assert old.expires_at == new.created_at + timedelta(hours=24)
    assert old.rotated_to == new


def test_without_an_overlap_the_old_key_ends_at_once(client: APIClient, project: Project) -> None:
    old = issue(client)
    new = rotate(client, old["prefix"], overlap="PT0S").json()
    assert [status(project, key["secret"]) for key in (old, new)] == [401, 200]


def test_an_overlap_outlives_no_expiry(client: APIClient) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
    old = issue(client, expires_at=ends.isoformat())
    new = rotate(client, old["prefix"], overlap="PT1H").json()
    assert datetime.fromisoformat(new["expires_at"]) == ends
    assert ApiKey.objects.get(prefix=old["prefix"]).expires_at == ends


@pytest.mark.parametrize("overlap", ["P31D", "PT1.5H", "1h", "", "-PT1H", 3600, None])
def test_a_wrong_overlap_is_refused(client: APIClient, overlap: object) -> None:
    old = issue(client)
    answer = rotate(client, old["prefix"], overlap=overlap)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/overlap"
    assert ApiKey.objects.count() == 2


def test_what_ended_or_was_rotated_is_not_rotated(client: APIClient) -> None:
    once, gone = issue(client)["prefix"], issue(client)["prefix"]
    client.delete(f"{KEYS}/{gone}")
    assert [rotate(client, prefix).status_code for prefix in (once, once, gone)] == [201, 409, 409]
    assert rotate(client, "nothing").status_code == 404


def test_a_repeated_rotation_makes_no_second_key(client: APIClient) -> None:
    path = f"{KEYS}/{issue(client)['prefix']}/rotate"
    first, again = (
        client.post(path, {}, format="json", HTTP_IDEMPOTENCY_KEY="one").json() for _ in range(2)
    )
    assert again == {**first, "secret": None}
    assert ApiKey.objects.count() == 3
    assert first["secret"].split("_", 2)[2] not in traces.everything_stored()
