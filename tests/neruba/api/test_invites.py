"""Invites over the API: offered, taken once, expired, revoked."""

from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from neruba import clock
from neruba.actor import Actor
from neruba.models import ApiKey, AuditRecord, IdempotencyRecord, Invite, Membership, Project, User
from neruba.services.invites import LIFETIME
from tests import factories, traces
from tests.neruba.api.people import PASSWORD, acting, log_in, said

pytestmark = pytest.mark.django_db

INVITES = "/api/v1/projects/demo/invites"


@pytest.fixture
def project() -> Project:
    return factories.project(slug="demo")


@pytest.fixture
def owner(project: Project) -> APIClient:
    return acting("owner", project)


def offer(client: APIClient, email: str = "new@op.example", role: str = "support") -> Any:
    return client.post(INVITES, {"email": email, "role": role}, format="json")


def take(token: str, password: str | None = PASSWORD, slug: str = "demo", **more: str) -> Any:
    body = {"token": token, "password": password, **more}
    caller = APIClient(raise_request_exception=False)
    return caller.post(f"/api/v1/projects/{slug}/invites/accept", body, format="json")


def members(project: Project) -> dict[str, str]:
    return dict(Membership.objects.filter(project=project).values_list("user__email", "role"))


def test_an_invite_makes_an_operator_with_the_role(owner: APIClient, project: Project) -> None:
    issued = offer(owner, "New@OP.example").json()
    assert issued["email"] == "new@op.example"
    answer = take(issued["token"], name="Ann Other")
    assert answer.status_code == 201
    assert answer.json() == {"email": "new@op.example", "project": "demo", "role": "support"}
    assert members(project)["new@op.example"] == "support"
    assert log_in("new@op.example").status_code == 201
    user = User.objects.get(email="new@op.example")
    assert (user.get_full_name(), user.is_staff, user.is_superuser) == ("Ann Other", True, False)
    noted = AuditRecord.objects.get(action="member.added", actor="new@op.example")
    assert issued["id"] in noted.reason


def test_who_is_known_proves_it_and_keeps_their_password(
    owner: APIClient, project: Project
) -> None:
    """The one who invites has held the token too: it does not show who takes it."""
    known = User.objects.create_user("known@op.example", PASSWORD, is_staff=True)
    issued = offer(owner, "KNOWN@op.example").json()
    for wrong in ("quite-another-password", None, ""):
        refused = take(issued["token"], wrong)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/password")
    assert "known@op.example" not in members(project)
    assert take(issued["token"]).status_code == 201
    known.refresh_from_db()
    assert known.check_password(PASSWORD)
    assert members(project)["known@op.example"] == "support"


def test_an_invite_is_taken_once(owner: APIClient) -> None:
    token = offer(owner).json()["token"]
    assert [take(token).status_code for _ in range(2)] == [201, 404]


def test_every_bad_token_gets_the_same_answer(owner: APIClient, project: Project) -> None:
    factories.project(slug="other")
    expired = factories.invited(project=project, email="late@op.example")
    revoked = offer(owner, "revoked@op.example").json()
    assert owner.delete(f"{INVITES}/{revoked['id']}?reason=mistake").status_code == 200
    replaced = offer(owner, "twice@op.example").json()["token"]
    offer(owner, "twice@op.example")
    taken = offer(owner, "taken@op.example").json()["token"]
    take(taken)
    sound = offer(owner, "sound@op.example").json()["token"]
    User.objects.create_user("off@op.example", PASSWORD, is_active=False)
    off = offer(owner, "off@op.example").json()["token"]
    tokens = [revoked["token"], replaced, taken, off, "nri_nothing", sound[:-1], sound + "x"]
    answers = [take(token) for token in tokens]
    answers += [take(sound, slug="other"), take(sound, slug="nothing-such")]
    with time_machine.travel(expired.invite.expires_at, tick=False):
        answers.append(take(expired.token))
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert all(said(answer) == said(answers[0]) for answer in answers)
    assert take(sound).status_code == 201


def test_an_invite_lives_for_seven_days_of_the_real_clock(project: Project) -> None:
    issued = factories.invited(project=project)
    assert issued.invite.expires_at - issued.invite.created_at == LIFETIME
    with time_machine.travel(issued.invite.expires_at, tick=False) as now:
        assert take(issued.token).status_code == 404
        now.shift(-1)
        assert take(issued.token).status_code == 201
    assert abs(clock.wall() - issued.invite.created_at) < LIFETIME


@pytest.mark.parametrize(
    "password", [None, "", "short", "password1234", "new-op-example", "new@op.example"]
)
def test_a_weak_password_leaves_the_invite_as_it_was(
    owner: APIClient, password: str | None
) -> None:
    token = offer(owner).json()["token"]
    answer = take(token, password)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/password"
    assert not User.objects.filter(email="new@op.example").exists()
    assert take(token).status_code == 201


def test_a_member_is_not_invited(owner: APIClient, project: Project) -> None:
    user = factories.operator(project=project, role="support")
    assert offer(owner, user.email.upper()).status_code == 409


@pytest.mark.parametrize("email", ["", "no-address", "a@b", "x" * 250 + "@op.example", "a b@c.de"])
def test_what_is_no_address_is_refused(owner: APIClient, email: str) -> None:
    answer = offer(owner, email)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/email"


def test_only_owners_invite_owners(owner: APIClient, project: Project) -> None:
    made = offer(owner, role="owner")
    assert made.status_code == 201
    for client in (acting("admin", project), factories.client(project=project)):
        assert offer(client, "other@op.example", "owner").status_code == 403
        assert client.delete(f"{INVITES}/{made.json()['id']}").status_code == 403
        assert offer(client, "other@op.example", "admin").status_code == 201
    assert take(made.json()["token"]).status_code == 201


def test_invites_are_listed_without_their_tokens(owner: APIClient) -> None:
    token = offer(owner).json()["token"]
    take(token)
    listed = owner.get(INVITES)
    assert listed.json()["data"][0]["accepted_at"] is not None
    assert token not in listed.content.decode()
    assert Invite.objects.get().token_hash not in listed.content.decode()


def test_what_was_taken_is_not_revoked(owner: APIClient) -> None:
    issued = offer(owner).json()
    take(issued["token"])
    assert owner.delete(f"{INVITES}/{issued['id']}").status_code == 409


def test_secrets_are_in_no_table_in_clear(owner: APIClient, project: Project) -> None:
    headers = {"Idempotency-Key": "one"}
    body = {"email": "new@op.example", "role": "support"}
    first, again = (
        owner.post(INVITES, body, format="json", headers=headers).json() for _ in range(2)
    )
    assert again == {**first, "token": None}
    take(first["token"])
    bearer = log_in("new@op.example").json()["token"]
    stored = traces.everything_stored()
    for secret in (first["token"], bearer, PASSWORD):
        # A secret may have underscores of its own, and its last piece no more than a letter.
        assert max(secret.split("_"), key=len) not in stored
    assert IdempotencyRecord.objects.get().body in stored  # that is, it was looked through


def test_an_operator_of_several_projects_lists_them(owner: APIClient, project: Project) -> None:
    other = factories.project(slug="other")
    token = offer(owner).json()["token"]
    take(token)
    take(factories.invited(project=other, role="auditor").token, slug="other")
    bearer = log_in("new@op.example").json()["token"]
    client: Any = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {bearer}")
    listed = client.get("/api/v1/projects").json()["data"]
    assert [(one["slug"], one["role"]) for one in listed] == [
        ("demo", "support"),
        ("other", "auditor"),
    ]


@pytest.mark.parametrize("end", ["switched off", "no superuser", "key revoked"])
def test_what_was_offered_by_one_who_may_not_any_more_is_worth_nothing(
    owner: APIClient, project: Project, end: str
) -> None:
    admin = factories.operator(project=project, role="admin")
    root = User.objects.create_superuser("root@op.example")
    key = factories.api_key(project=project).key
    actor = {
        "switched off": Actor("operator", admin.email),
        "no superuser": Actor("operator", root.email),
        "key revoked": Actor("api_key", f"{key.name} ({key.prefix})"),
    }[end]
    tokens = [
        factories.invited(project=project, email=f"{name}@op.example", actor=actor).token
        for name in ("before", "after")
    ]
    assert take(tokens[0]).status_code == 201
    User.objects.filter(pk=admin.pk).update(is_active=False)
    User.objects.filter(pk=root.pk).update(is_superuser=False)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=key.created_at)
    assert take(tokens[1]).status_code == 404
    assert "after@op.example" not in members(project)
