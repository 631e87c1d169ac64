"""Members, invites, roles and operators in the console; the audit history as a list and a file."""

import csv
import io
import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from neruba.actor import SYSTEM
from neruba.models import AuditRecord, Invite, Membership, OperatorToken, Project, User
from neruba.roles import ROLES, Role, granted, may_set
from neruba.services.audit import record
from neruba.services.operator_tokens import token_of_secret
from neruba.services.roles import permissions_of
from tests import factories
from tests.factories import START

pytestmark = [pytest.mark.django_db, pytest.mark.once]

TOKEN = re.compile(r"/invite/(nri_[\w-]+)")


@pytest.fixture
def project() -> Project:
    return factories.project(slug="one")


@pytest.fixture
def owner(client: Client, project: Project) -> Client:
    client.force_login(factories.operator(project=project, role="owner", email="o@op.example"))
    return client


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@op.example", "a long password"))
    return client


def submit(client: Client, act: str, *args: object, **values: object) -> Any:
    given = {"_form_submitted": "1", "reason": "asked for", **values}
    return client.post(reverse(f"admin:{act}", args=args), given)


def member_of(project: Project, role: str) -> Membership:
    return Membership.objects.get(user=factories.operator(project=project, role=role))


def audited(action: str) -> AuditRecord:
    return AuditRecord.objects.get(action=action)


def test_a_role_is_changed_with_a_reason(owner: Client, project: Project) -> None:
    member = member_of(project, "support")
    answer = submit(owner, "neruba_membership_change_role", member.pk, role="finance")
    assert "HX-Redirect" in answer.headers
    member.refresh_from_db()
    assert member.role == "finance"
    noted = audited("member.changed")
    assert (noted.object_id, noted.actor, noted.reason) == (
        member.user.email,
        "o@op.example",
        "asked for",
    )


def test_the_last_owner_stays(owner: Client, project: Project) -> None:
    last = Membership.objects.get(project=project, role="owner")
    for act, values in (("change_role", {"role": "admin"}), ("remove", {})):
        answer = submit(owner, f"neruba_membership_{act}", last.pk, **values)
        assert "left without an owner" in answer.content.decode()
    assert Membership.objects.get(pk=last.pk).role == "owner"


def test_an_admin_decides_on_all_but_owners(client: Client, project: Project) -> None:
    boss, other = member_of(project, "owner"), member_of(project, "support")
    member_of(project, "owner")
    client.force_login(factories.operator(project=project, role="admin"))
    for member, role in ((boss, "support"), (other, "owner")):
        answer = submit(client, "neruba_membership_change_role", member.pk, role=role)
        assert "may not decide on owners" in answer.content.decode()
    assert "may not" in submit(client, "neruba_membership_remove", boss.pk).content.decode()
    refused = submit(client, "neruba_invite_invite", email="x@op.example", role="owner")
    assert "may not decide on owners" in refused.content.decode()
    assert not Invite.objects.exists()
    assert "HX-Redirect" in submit(client, "neruba_membership_remove", other.pk).headers
    assert set(Membership.objects.values_list("role", flat=True)) == {"owner", "admin"}


def test_an_invite_is_shown_once(owner: Client, project: Project) -> None:
    answer = submit(owner, "neruba_invite_invite", email="New@Op.example", role="support")
    found = TOKEN.search(answer.content.decode())
    assert found is not None
    made = Invite.objects.get()
    assert (made.email, made.role, made.invited_by) == ("new@op.example", "support", "o@op.example")
    page = owner.get(reverse("admin:neruba_invite_change", args=[made.pk])).content.decode()
    assert found[1] not in page
    assert made.token_hash not in page
    assert "no-store" in answer.headers["Cache-Control"]


def test_an_invite_is_revoked(owner: Client, project: Project) -> None:
    issued = factories.invited(project=project)
    assert "HX-Redirect" in submit(owner, "neruba_invite_revoke", issued.invite.pk).headers
    assert Invite.objects.get().revoked_at is not None
    assert audited("invite.revoked").reason == "asked for"


def test_the_page_of_a_role_says_what_it_may(owner: Client, project: Project) -> None:
    member = member_of(project, "finance")
    page = owner.get(
        reverse("admin:auth_group_change", args=[Group.objects.get(name="finance").pk])
    ).content.decode()
    assert member.user.email in page
    assert "Begin a run" in page
    assert "Issue an API key" not in page
    assert "credits:write" in page


def test_roles_have_exactly_the_rights_of_the_table() -> None:
    everything = {
        f"{app}.{code}"
        for role in Role
        for app, code in Group.objects.get(name=role).permissions.values_list(
            "content_type__app_label", "codename"
        )
    }
    for role in Role:
        assert permissions_of(role) == granted(role, everything)
        assert "neruba.change_user" not in permissions_of(role)
    writing = {name for name in everything if not name.partition(".")[2].startswith("view_")}
    assert not permissions_of(Role.AUDITOR) & writing
    assert "neruba.view_apikey" not in permissions_of(Role.SUPPORT)
    assert "ledger.view_account" not in permissions_of(Role.DEVELOPER)
    assert permissions_of(Role.OWNER) >= writing


def test_every_act_of_a_project_is_open_to_some_role_and_closed_to_auditors() -> None:
    registered: list[tuple[Any, Any]] = list(admin.site._registry.items())
    for model, model_admin in registered:
        if model_admin.project_path is None:
            continue
        acts = [*model_admin._get_base_actions_list(), *model_admin._get_base_actions_detail()]
        for each in acts:
            needed = set(each.method.allowed_permissions)
            assert needed <= permissions_of(Role.OWNER), (model, each.action_name)
            assert not needed <= permissions_of(Role.AUDITOR), (model, each.action_name)


def test_what_belongs_to_no_project_is_for_superusers() -> None:
    """But for the table of roles, and the audit history, which is filtered by project."""
    registered: list[tuple[Any, Any]] = list(admin.site._registry.items())
    for model, model_admin in registered:
        if model_admin.project_path is None and model not in {Group, AuditRecord}:
            meta = model._meta
            for role in Role:
                assert f"{meta.app_label}.view_{meta.model_name}" not in permissions_of(role)


def test_who_may_make_whom() -> None:
    for role in Role:
        for before in (None, *Role):
            for after in (None, *Role):
                concerns_owner = Role.OWNER in (before, after)
                expected = role == Role.OWNER or (role == Role.ADMIN and not concerns_owner)
                assert may_set(role, before=before, after=after) == expected
    assert set(ROLES) == set(Role)


def test_an_operator_is_switched_off_and_their_session_and_tokens_end(
    root: Client, project: Project
) -> None:
    issued = factories.operator_token(project=project)
    user = issued.token.user
    theirs = Client()
    theirs.force_login(user)
    assert theirs.get("/admin/").status_code == 200
    assert "HX-Redirect" in submit(root, "neruba_user_deactivate", user.pk).headers
    assert theirs.get("/admin/").status_code == 302
    assert token_of_secret(issued.secret, START) is None
    noted = audited("operator.deactivated")
    assert (noted.project, noted.object_id, noted.reason) == (None, user.email, "asked for")


def test_another_password_ends_sessions_and_tokens(root: Client, project: Project) -> None:
    issued = factories.operator_token(project=project)
    user = issued.token.user
    theirs = Client()
    theirs.force_login(user)
    weak = submit(root, "neruba_user_password", user.pk, password="short")
    assert "at least 12 characters" in weak.content.decode()
    assert theirs.get("/admin/").status_code == 200
    submit(root, "neruba_user_password", user.pk, password="quite another one")
    assert theirs.get("/admin/").status_code == 302
    assert token_of_secret(issued.secret, issued.token.created_at) is None
    assert User.objects.get(pk=user.pk).check_password("quite another one")


def test_tokens_are_ended(root: Client, project: Project) -> None:
    issued = factories.operator_token(project=project)
    submit(root, "neruba_user_end_tokens", issued.token.user.pk)
    assert OperatorToken.objects.get().revoked_at is not None
    assert token_of_secret(issued.secret, issued.token.created_at) is None


def test_the_last_superuser_stays(root: Client) -> None:
    me = User.objects.get()
    for act in ("deactivate", "demote"):
        answer = submit(root, f"neruba_user_{act}", me.pk)
        assert "No superuser would be left" in answer.content.decode()
    other = User.objects.create_user("two@op.example", is_staff=True)
    submit(root, "neruba_user_promote", other.pk)
    assert "HX-Redirect" in submit(root, "neruba_user_demote", me.pk).headers
    assert root.get("/admin/neruba/user/").status_code == 403


def test_logins_and_passwords_are_in_the_history_of_the_installation(client: Client) -> None:
    User.objects.create_superuser("root@op.example", "a long password")
    form = {"username": "root@op.example", "password": "a long password"}
    client.post(reverse("admin:login"), form)
    change = {
        "old_password": "a long password",
        **dict.fromkeys(("new_password1", "new_password2"), "another long one"),
    }
    assert client.post("/admin/password_change/", change).status_code == 302
    client.post(reverse("admin:logout"))
    acts: Any = AuditRecord.objects.filter(project=None).order_by("id")
    assert list(acts.values_list("action", "actor", "origin")) == [
        (f"operator.{what}", "root@op.example", "127.0.0.1")
        for what in ("login", "password", "logout")
    ]


def note(project: Project | None, action: str, reason: str) -> None:
    record(project=project, actor=SYSTEM, action=action, on=("x", "1"), at=START,
           reason=reason)  # fmt: skip


def test_the_history_is_exported_as_it_is_filtered_and_that_is_noted(
    owner: Client, project: Project
) -> None:
    note(project, "thing.done", "=HYPERLINK(1)")
    note(project, "other.done", "not asked for")
    note(factories.project(), "thing.done", "of another project")
    address = reverse("admin:neruba_auditrecord_export")
    assert owner.get(address).status_code == 405
    answer: Any = owner.post(f"{address}?action=thing.done", {"reason": "yearly audit"})
    lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [(one["action"], one["reason"]) for one in lines] == [("thing.done", "'=HYPERLINK(1)")]
    assert lines[0]["at"] == "2026-01-01T00:00:00.000000Z"
    noted = audited("audit.exported")
    assert (noted.project, noted.reason, noted.actor) == (project, "yearly audit", "o@op.example")


def test_the_installations_history_is_for_superusers_who_stand_nowhere(
    owner: Client, project: Project
) -> None:
    note(None, "operator.made", "of the installation")
    note(project, "thing.done", "of the project")
    page = owner.get("/admin/neruba/auditrecord/").content.decode()
    assert "of the project" in page
    assert "of the installation" not in page
    root = Client()
    root.force_login(User.objects.create_superuser("root@op.example"))
    page = root.get("/admin/neruba/auditrecord/").content.decode()
    assert "of the installation" in page
    assert "of the project" not in page
