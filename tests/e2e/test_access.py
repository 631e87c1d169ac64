"""Keys and members over real HTTP, with several web processes: what ends, ends in all of them."""

import json
from pathlib import Path
from typing import Any

from tests.e2e.server import Server, running

PROCESSES = "3"
CALLS = 30  # each on a connection of its own, which any process may take
PASSWORD = "a-long-enough-password"


def statuses(server: Server, path: str, **call: Any) -> set[int]:
    return {server.call("GET", f"/api/v1/{path}", **call).status for _ in range(CALLS)}


def test_what_is_revoked_is_refused_by_every_process_at_the_next_request(
    database_url: str, tmp_path: Path
) -> None:
    with running(database_url, tmp_path / "server.log", "--workers", PROCESSES) as server:
        admin = server.create_project("demo", "--currency", "USD")
        keys = "/api/v1/projects/demo/api-keys"
        body = {"name": "ci", "scopes": ["billing:read"]}
        issued = server.call("POST", keys, body, key=admin).body
        secret, prefix = issued["secret"], issued["prefix"]
        assert statuses(server, "customers", key=secret) == {200}
        assert server.call("DELETE", f"{keys}/{prefix}", key=admin).status == 200
        assert statuses(server, "customers", key=secret) == {401}

        rotated = server.call(
            "POST", f"{keys}/{admin.split('_')[1]}/rotate", {"overlap": "PT0S"}, key=admin
        ).body
        assert statuses(server, "plans", key=admin) == {401}
        assert statuses(server, "plans", key=rotated["secret"]) == {200}


def test_a_person_comes_in_by_an_invite_and_is_out_at_once(server: Server) -> None:
    made = json.loads(
        server.manage(
            *("create_project", "demo", "--currency", "USD", "--json"),
            *("--owner", "owner@op.example"),
        )
    )
    token = _taken(server, made["invite"], "owner@op.example")
    offer = {"email": "ann@op.example", "role": "developer"}
    asked = server.call("POST", "/api/v1/projects/demo/invites", offer, key=token).body
    theirs = _taken(server, asked["token"], "ann@op.example")
    here = {"Neruba-Project": "demo"}
    assert statuses(server, "customers", key=theirs, headers=here) == {200}
    path = "/api/v1/projects/demo/members/ann@op.example?reason=left"
    assert server.call("DELETE", path, key=token).status == 204
    assert statuses(server, "customers", key=theirs, headers=here) == {404}
    log = server.log.read_text()
    for secret in (token, theirs, asked["token"], made["invite"], PASSWORD):
        assert secret not in log


def _taken(server: Server, invite: str, email: str) -> str:
    """Take the invite, log in, and return the token."""
    body = {"token": invite, "password": PASSWORD}
    took = server.call("POST", "/api/v1/projects/demo/invites/accept", body, key="none")
    assert took.status == 201, took
    assert took.body["email"] == email
    login = {"email": email, "password": PASSWORD}
    answer = server.call("POST", "/api/v1/auth/token", login, key="none")
    assert answer.status == 201
    return str(answer.body["token"])
