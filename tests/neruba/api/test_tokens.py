"""Operators' tokens: got by a password, good in the operator's projects, ended in many ways."""

import logging
from datetime import timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from neruba import clock
from neruba.models import AuditRecord, IdempotencyRecord, OperatorToken, Project, User
from neruba.roles import ROLES, Role
from neruba.services.operator_tokens import LIFETIME
from tests import factories
from tests.neruba.api.people import PASSWORD, TOKEN, acting, caller, log_in, said, token_of

pytestmark = pytest.mark.django_db

# An address that each scope alone opens.
OPENS = {
    "usage:read": "usage?customer=x&meter=y&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
    "billing:read": "customers",
    "ledger:read": "ledger/accounts",
    "admin": "audit",
}


@pytest.fixture
def project() -> Project:
    return factories.project(slug="demo")


@pytest.fixture
def user(project: Project) -> User:
    user = User.objects.create_user("ann@op.example", PASSWORD, is_staff=True)
    factories.member(user, project=project, role="developer")
    return user


def test_a_password_is_exchanged_for_a_token(user: User, project: Project) -> None:
    answer = log_in(" Ann@OP.example ")
    assert answer.status_code == 201
    body = answer.json()
    assert body.keys() == {"token", "expires_at"}
    here = caller(body["token"], HTTP_NERUBA_PROJECT="demo")
    assert here.get("/api/v1/customers").status_code == 200
    noted = AuditRecord.objects.get(action="operator.token")
    assert (noted.project, noted.actor, noted.origin) == (None, user.email, "127.0.0.1")
    assert AuditRecord.objects.filter(action="operator.login").count() == 1
    user.refresh_from_db()
    assert user.last_login is not None
    assert body["token"] not in str(list(AuditRecord.objects.values()))


def test_who_may_not_log_in_learns_not_why(user: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    User.objects.create_user("off@op.example", PASSWORD, is_active=False)
    answers = [
        log_in("nobody@op.example"),
        log_in(user.email, "a-wrong-long-password"),
        log_in("off@op.example"),
        log_in(user.email, f" {PASSWORD}"),
    ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert all(said(answer) == said(answers[0]) for answer in answers)
    assert OperatorToken.objects.count() == 0
    assert PASSWORD not in caplog.text
    assert "a-wrong-long-password" not in caplog.text


def test_nothing_of_a_login_is_kept_for_repeats(user: User) -> None:
    headers = {"Idempotency-Key": "one"}
    body = {"email": user.email, "password": PASSWORD}
    secrets = {
        APIClient().post(TOKEN, body, format="json", headers=headers).json()["token"]
        for _ in range(2)
    }
    assert len(secrets) == 2
    assert IdempotencyRecord.objects.count() == 0
    for secret in secrets:
        assert secret.split("_", 2)[2] not in str(list(OperatorToken.objects.values()))


def test_a_token_expires_and_goes_with_the_next_login(user: User) -> None:
    secret = token_of(user)
    with time_machine.travel(clock.wall() + LIFETIME, tick=False):
        assert caller(secret).get("/api/v1/projects").status_code == 401
        token_of(user)
    assert OperatorToken.objects.count() == 1


def test_a_token_is_given_back(user: User) -> None:
    secret, other = token_of(user), token_of(user)
    assert caller(secret).delete(TOKEN).status_code == 204
    assert caller(secret).delete(TOKEN).status_code == 401
    assert caller(other).get("/api/v1/projects").status_code == 200
    noted = AuditRecord.objects.get(action="operator.token_revoked")
    assert (noted.actor, noted.object_id) == (user.email, user.email)


def test_another_password_ends_tokens(user: User) -> None:
    secret = token_of(user)
    assert caller(secret).get("/api/v1/projects").status_code == 200
    user.set_password("another-long-password")
    user.save()
    assert caller(secret).get("/api/v1/projects").status_code == 401


def test_an_operator_who_is_switched_off_is_refused_at_once(user: User) -> None:
    secret = token_of(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert caller(secret).get("/api/v1/projects").status_code == 401


def test_the_last_use_is_noted_once_a_minute(user: User) -> None:
    client = caller(token_of(user))
    start = clock.wall()
    seen = []
    for later in (0, 30, 61):
        with time_machine.travel(start + timedelta(seconds=later), tick=False):
            client.get("/api/v1/projects")
            seen.append(OperatorToken.objects.get().last_used_at)
    assert seen[0] == seen[1] == start
    assert seen[2] == start + timedelta(seconds=61)


# Which project


def test_the_project_is_named_by_the_header_or_by_the_address(user: User) -> None:
    secret = token_of(user)
    assert caller(secret).get("/api/v1/projects/demo").status_code == 200
    assert caller(secret, HTTP_NERUBA_PROJECT="demo").get("/api/v1/clock").status_code == 200
    without = caller(secret).get("/api/v1/clock")
    assert without.status_code == 400
    assert "Neruba-Project" in without.json()["detail"]


def test_another_project_does_not_exist_for_an_operator(user: User) -> None:
    factories.project(slug="other")
    secret = token_of(user)
    missing = caller(secret, HTTP_NERUBA_PROJECT="nothing-such").get("/api/v1/customers")
    for answer in (
        caller(secret, HTTP_NERUBA_PROJECT="other").get("/api/v1/customers"),
        caller(secret, HTTP_NERUBA_PROJECT="other").get("/api/v1/projects"),
        caller(secret).get("/api/v1/projects/other"),
        caller(secret, HTTP_NERUBA_PROJECT="demo").get("/api/v1/projects/other"),
        caller(secret, HTTP_NERUBA_PROJECT="other").get("/api/v1/projects/demo"),
    ):
        assert (answer.status_code, said(answer)) == (404, said(missing))


def test_a_superuser_is_in_no_project_by_that(project: Project) -> None:
    root = User.objects.create_superuser("root@op.example")
    assert caller(token_of(root)).get("/api/v1/projects/demo").status_code == 404


def test_a_key_with_another_projects_name_finds_nothing(project: Project) -> None:
    factories.project(slug="other")
    secret = factories.api_key(project=project).secret
    assert caller(secret, HTTP_NERUBA_PROJECT="demo").get("/api/v1/clock").status_code == 200
    assert caller(secret, HTTP_NERUBA_PROJECT="other").get("/api/v1/clock").status_code == 404


# What may be done


@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_what_its_scopes_open(role: Role, project: Project) -> None:
    client = acting(role, project)
    mine = ROLES[role].scopes
    for scope, path in OPENS.items():
        allowed = bool({scope, "admin"} & mine)
        answer = client.get(f"/api/v1/{path}")
        assert (answer.status_code != 403) == allowed, (scope, answer.content)
        if not allowed:
            assert answer.json()["code"] == "missing_scope"


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("owner", 201),
        ("admin", 201),
        ("finance", 201),
        ("support", 403),
        ("developer", 403),
        ("auditor", 403),
    ],
)
def test_who_may_make_customers(role: str, status: int, project: Project) -> None:
    body = {"external_id": "acme", "name": "Acme"}
    answer = acting(role, project).post("/api/v1/customers", body, format="json")
    assert answer.status_code == status
