"""What operators do in dialogs: with a reason, through the services, refusals shown."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from neruba.models import ApiKey, AuditRecord, Project, User
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.once]

EMAIL = "ada@neruba.example"
SECRET = re.compile(r"nrb_[0-9a-f]{12}_[\w-]+")


@pytest.fixture
def project() -> Project:
    return factories.project()


def logged_in(client: Client, project: Project, *permissions: str) -> Client:
    client.force_login(factories.poor(*permissions, project=project, email=EMAIL))
    return client


def submit(client: Client, act: str, /, *args: object, **values: object) -> HttpResponse:
    address = reverse(f"admin:{act}", args=args)
    return as_response(client.post(address, {"_form_submitted": "1", **values}))


def as_response(answer: Any) -> HttpResponse:
    assert isinstance(answer, HttpResponse)
    return answer


def audited(action: str) -> tuple[str, str, str]:
    row = AuditRecord.objects.get(action=action, actor_kind="operator")
    return row.actor, row.object_id, row.reason


def issue(client: Client, /, **values: object) -> HttpResponse:
    given = {"name": "ci", "scopes": ["usage:write"], "reason": "for CI"}
    return submit(client, "neruba_apikey_issue", **{**given, **values})


def test_an_issued_key_is_shown_once_and_works(client: Client, project: Project) -> None:
    client = logged_in(client, project, "add_apikey", "view_apikey")

    answer = issue(client)

    secret = SECRET.search(answer.content.decode())
    assert secret is not None
    caller = factories.client(project=project, secret=secret[0])
    assert caller.post("/api/v1/events", {}, format="json").status_code == 400
    assert caller.get("/api/v1/customers").status_code == 403
    key = ApiKey.objects.get()
    assert audited("api_key.issued") == (EMAIL, key.prefix, "for CI")
    assert "no-store" in answer["Cache-Control"]
    page = client.get(reverse("admin:neruba_apikey_change", args=[key.pk])).content.decode()
    assert secret[0] not in page
    assert key.secret_hash not in page


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"reason": ""}, "This field is required"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["all"]}, "is not one of the available choices"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "must be in the future"),
    ],
)
def test_a_wrong_form_issues_nothing(
    client: Client, project: Project, values: dict[str, object], shown: str
) -> None:
    answer = issue(logged_in(client, project, "add_apikey"), **values)
    assert shown in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_with_a_reason(client: Client, project: Project) -> None:
    issued = factories.api_key(project=project)
    client = logged_in(client, project, "change_apikey", "view_apikey")

    answer = submit(client, "neruba_apikey_revoke", issued.key.pk, reason="leaked")

    assert answer["HX-Redirect"] == reverse("admin:neruba_apikey_change", args=[issued.key.pk])
    caller = factories.client(project=project, secret=issued.secret)
    assert caller.get("/api/v1/customers").status_code == 401
    assert audited("api_key.revoked") == (EMAIL, issued.key.prefix, "leaked")


def test_a_get_revokes_nothing(client: Client, project: Project) -> None:
    issued = factories.api_key(project=project)
    client = logged_in(client, project, "change_apikey")
    answer = client.get(reverse("admin:neruba_apikey_revoke", args=[issued.key.pk]))
    assert b"Requests with it are refused from now on" in answer.content
    issued.key.refresh_from_db()
    assert issued.key.revoked_at is None


def test_a_permission_to_issue_is_none_to_revoke(client: Client, project: Project) -> None:
    issued = factories.api_key(project=project)
    client = logged_in(client, project, "add_apikey", "view_apikey")
    assert submit(client, "neruba_apikey_revoke", issued.key.pk, reason="x").status_code == 403
    issued.key.refresh_from_db()
    assert issued.key.revoked_at is None


def settings_of(project: Project, **values: object) -> dict[str, object]:
    """The form of the dialog as a browser sends it: a box that is not ticked is not sent."""
    form = {"name": project.name, **project.policy.as_dict(), "reason": "asked by finance"}
    return {name: value for name, value in {**form, **values}.items() if value is not False}


def test_policies_are_changed_with_a_reason(client: Client, project: Project) -> None:
    client = logged_in(client, project, "change_project", "view_project")
    values = settings_of(project, name="Renamed", payment_terms_days=14, bad_debt_tax_relief="on")

    answer = submit(client, "neruba_project_change_settings", project.pk, **values)

    assert answer["HX-Redirect"] == reverse("admin:neruba_project_change", args=[project.pk])
    project.refresh_from_db()
    assert project.name == "Renamed"
    assert project.settings == {"payment_terms_days": 14, "bad_debt_tax_relief": True}
    assert audited("project.changed") == (EMAIL, project.slug, "asked by finance")
    change = project.history.first()
    assert change is not None
    assert change.history_user == User.objects.get()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("finalization_grace", "an hour", "expected an ISO 8601 duration"),
        ("payment_terms_days", 400, "less than or equal to 365"),
        ("rounding", "up", "not one of the available choices"),
        ("usage_by_subscription", "on", "cannot be split between subscriptions yet"),
        ("reason", "", "This field is required"),
    ],
)
def test_a_wrong_policy_changes_nothing(
    client: Client, project: Project, name: str, value: object, shown: str
) -> None:
    values = settings_of(project, **{name: value})
    client = logged_in(client, project, "change_project")
    answer = submit(client, "neruba_project_change_settings", project.pk, **values)
    assert shown in answer.content.decode()
    project.refresh_from_db()
    assert project.settings == {}


def test_an_operator_logs_in_with_an_address_and_a_password(client: Client) -> None:
    User.objects.create_superuser("Root@Neruba.example", "a long password")
    form = {"username": "ROOT@neruba.example", "password": "a long password"}
    assert client.post(reverse("admin:login"), form).status_code == 302
    assert client.get(reverse("admin:index")).status_code == 200
