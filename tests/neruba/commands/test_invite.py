"""`invite`, and `create_project --owner`: how the first people come in."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from neruba.models import AuditRecord, Invite, Membership, Project, User
from tests import factories

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue().strip()


def owners() -> list[str]:
    rows = Membership.objects.filter(project__slug="demo", role="owner")
    return list(rows.values_list("user__email", flat=True))


def test_an_invite_is_printed_as_the_address_of_its_page() -> None:
    factories.project(slug="demo")
    address = run(
        *("invite", "--project", "demo", "--email", "Ann@op.example", "--role", "owner"),
        *("--reason", "the first"),
    )
    assert "ann@op.example" in Client().get(address).content.decode()
    noted = AuditRecord.objects.get(action="invite.made")
    assert (noted.actor_kind, noted.reason) == ("system", "the first")


@pytest.mark.parametrize(
    ("project", "email", "role", "problem"),
    [
        ("nothing", "ann@op.example", "owner", "There is no project 'nothing'"),
        ("demo", "ann", "owner", "'ann' is no e-mail address"),
        ("demo", "ann@op.example", "king", "invalid choice: 'king'"),
    ],
)
def test_wrong_arguments_are_refused(project: str, email: str, role: str, problem: str) -> None:
    factories.project(slug="demo")
    with pytest.raises(CommandError) as refused:
        run("invite", "--project", project, "--email", email, "--role", role)
    assert problem in str(refused.value)
    assert Invite.objects.count() == 0


def test_a_project_is_made_with_an_operator_as_its_owner() -> None:
    User.objects.create_user("ann@op.example")
    printed = run(
        *("create_project", "demo", "--currency", "USD", "--owner", "Ann@op.example", "--json")
    )
    assert json.loads(printed)["invite"] is None
    assert owners() == ["ann@op.example"]


def test_a_project_is_made_with_an_invite_for_its_owner() -> None:
    printed = run("create_project", "demo", "--currency", "USD", "--owner", "ann@op.example")
    assert "/invite/nri_" in printed
    assert Invite.objects.get().role == "owner"
    assert owners() == []


def test_a_wrong_owner_makes_no_project() -> None:
    with pytest.raises(CommandError, match="no e-mail address"):
        run("create_project", "demo", "--currency", "USD", "--owner", "ann")
    assert Project.objects.count() == 0
