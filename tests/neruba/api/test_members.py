"""Members over the API: who is one, who decides, what ends with it."""

import pytest
from rest_framework.test import APIClient

from neruba.actor import Actor
from neruba.errors import RefusedError
from neruba.models import AuditRecord, Invite, Membership, Project
from neruba.roles import Role
from neruba.services.memberships import change_role
from tests import factories
from tests.neruba.api.people import acting, caller, token_of

pytestmark = pytest.mark.django_db

MEMBERS = "/api/v1/projects/demo/members"


@pytest.fixture
def project() -> Project:
    return factories.project(slug="demo")


@pytest.fixture
def owner(project: Project) -> APIClient:
    return acting("owner", project)


def roles(project: Project) -> list[str]:
    return list(Membership.objects.filter(project=project).values_list("role", flat=True))


def change(client: APIClient, email: str, role: str) -> int:
    body = {"role": role, "reason": "asked for"}
    return client.patch(f"{MEMBERS}/{email}", body, format="json").status_code


def remove(client: APIClient, email: str) -> int:
    return client.delete(f"{MEMBERS}/{email}?reason=gone").status_code


def test_members_are_listed(owner: APIClient, project: Project) -> None:
    user = factories.operator(project=project, role="finance")
    factories.operator(project=factories.project(), role="owner")
    listed = owner.get(MEMBERS).json()["data"]
    assert [one["role"] for one in listed] == ["owner", "finance"]
    assert listed[1].keys() == {"email", "name", "role", "created_at"}
    assert listed[1]["email"] == user.email


def test_a_role_is_changed_and_holds_from_the_next_request_on(
    owner: APIClient, project: Project
) -> None:
    user = factories.operator(project=project, role="support")
    theirs = caller(token_of(user), HTTP_NERUBA_PROJECT="demo")
    assert theirs.get("/api/v1/ledger/accounts").status_code == 403
    assert change(owner, user.email.upper(), "auditor") == 200
    assert theirs.get("/api/v1/ledger/accounts").status_code == 200
    noted = AuditRecord.objects.get(action="member.changed")
    assert (noted.object_id, noted.reason) == (user.email, "asked for")
    assert noted.details == '{"after":"auditor","before":"support"}'


def test_who_is_removed_is_refused_at_the_next_request(owner: APIClient, project: Project) -> None:
    user = factories.operator(project=project, role="admin")
    theirs = caller(token_of(user), HTTP_NERUBA_PROJECT="demo")
    assert theirs.get("/api/v1/customers").status_code == 200
    assert remove(owner, user.email) == 204
    assert theirs.get("/api/v1/customers").status_code == 404
    assert remove(owner, user.email) == 404
    assert AuditRecord.objects.get(action="member.removed").reason == "gone"


def test_who_is_removed_does_not_come_back_by_their_own_invite(
    owner: APIClient, project: Project
) -> None:
    user = factories.operator(project=project, role="admin")
    theirs = caller(token_of(user))
    body = {"email": "myself-too@op.example", "role": "admin"}
    offer = theirs.post("/api/v1/projects/demo/invites", body, format="json").json()
    remove(owner, user.email)
    accept = {"token": offer["token"], "password": "a-long-enough-password"}
    answer = APIClient().post("/api/v1/projects/demo/invites/accept", accept, format="json")
    assert answer.status_code == 404
    assert roles(project) == ["owner"]


def test_less_of_a_role_takes_the_invites_back_too(owner: APIClient, project: Project) -> None:
    user = factories.operator(project=project, role="owner")
    body = {"email": "friend@op.example", "role": "owner"}
    caller(token_of(user)).post("/api/v1/projects/demo/invites", body, format="json")
    assert change(owner, user.email, "support") == 200
    assert Invite.objects.get().revoked_at is not None


def test_the_last_owner_stays(owner: APIClient, project: Project) -> None:
    email = owner.get(MEMBERS).json()["data"][0]["email"]
    assert change(owner, email, "admin") == 409
    assert remove(owner, email) == 409
    assert change(owner, email, "owner") == 200
    other = factories.operator(project=project, role="owner")
    assert remove(owner, email) == 204
    assert roles(project) == ["owner"]
    assert remove(caller(token_of(other)), other.email) == 409


def test_an_admin_decides_on_all_but_owners(owner: APIClient, project: Project) -> None:
    admin = acting("admin", project)
    chief = owner.get(MEMBERS).json()["data"][0]["email"]
    user = factories.operator(project=project, role="support")
    assert change(admin, user.email, "admin") == 200
    assert change(admin, user.email, "owner") == 403
    assert change(admin, chief, "support") == 403
    assert remove(admin, chief) == 403
    assert remove(admin, user.email) == 204


def test_a_key_with_the_scope_admin_decides_as_an_admin(owner: APIClient, project: Project) -> None:
    key = factories.client(project=project)
    user = factories.operator(project=project, role="support")
    chief = owner.get(MEMBERS).json()["data"][0]["email"]
    assert change(key, user.email, "finance") == 200
    assert change(key, user.email, "owner") == 403
    assert remove(key, chief) == 403
    assert remove(key, user.email) == 204


@pytest.mark.parametrize("role", ["finance", "support", "developer", "auditor"])
def test_other_roles_do_not_see_members(role: str, project: Project) -> None:
    client = acting(role, project)
    assert client.get(MEMBERS).status_code == 403
    assert change(client, "x@op.example", "owner") == 403
    assert remove(client, "x@op.example") == 403


def test_members_of_another_project_are_out_of_reach(owner: APIClient) -> None:
    user = factories.operator(project=factories.project(slug="other"), role="support")
    assert change(owner, user.email, "finance") == 404
    assert remove(owner, user.email) == 404
    assert owner.get("/api/v1/projects/other/members").status_code == 404
    assert Membership.objects.get(user=user).role == "support"


def test_a_reason_is_needed(owner: APIClient, project: Project) -> None:
    user = factories.operator(project=project, role="support")
    answer = owner.patch(f"{MEMBERS}/{user.email}", {"role": "finance"}, format="json")
    assert answer.status_code == 400
    assert owner.delete(f"{MEMBERS}/{user.email}").status_code == 400


def test_a_role_that_was_taken_while_they_waited_decides_nothing(project: Project) -> None:
    """`by` was read before the lock; under it the one who decides is no owner any more, or gone."""
    was_owner = factories.operator(project=project, role="support")
    gone = factories.operator(project=project, role="owner")
    Membership.objects.filter(user=gone).delete()
    other = factories.operator(project=project, role="developer")
    for user in (was_owner, gone):
        with pytest.raises(RefusedError):
            change_role(
                project=project,
                email=other.email,
                role=Role.OWNER,
                by=Role.OWNER,
                actor=Actor("operator", user.email),
                at=factories.START,
                wall=factories.START,
                reason="I still could a moment ago",
            )
        with pytest.raises(RefusedError):
            factories.invited(project=project, actor=Actor("operator", user.email), role="owner")
    assert Membership.objects.get(user=other).role == Role.DEVELOPER
    assert not Invite.objects.exists()
