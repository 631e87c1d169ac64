"""Where an operator stands: in one project, chosen, or entered by a superuser with a reason."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from neruba import clock
from neruba.models import AuditRecord, Customer, Membership, Project, User
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.once]

CUSTOMERS = "/admin/neruba/customer/"


@pytest.fixture
def one() -> Project:
    return with_customer("one")


@pytest.fixture
def two() -> Project:
    return with_customer("two")


def with_customer(slug: str) -> Project:
    project = factories.project(slug=slug)
    factories.customer(project=project, external_id=f"customer-of-{slug}")
    return project


def choose(client: Client, project: Project, **more: str) -> int:
    answer = client.post(reverse("choose_project"), {"project": project.slug, **more})
    return answer.status_code


def listed(client: Client) -> list[str]:
    """The customers that the console lists; none where it asks to choose or refuses."""
    answer: Any = client.get(CUSTOMERS)
    if answer.status_code != 200:
        return []
    return [row.external_id for row in answer.context["cl"].result_list]


def test_an_only_membership_needs_no_choice(client: Client, one: Project, two: Project) -> None:
    client.force_login(factories.operator(project=one, role="support"))
    assert listed(client) == ["customer-of-one"]


def test_of_several_projects_one_is_chosen_and_shown(
    client: Client, one: Project, two: Project
) -> None:
    user = factories.operator(project=one, role="support")
    factories.member(user, project=two, role="auditor")
    client.force_login(user)
    answer = client.get(CUSTOMERS)
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("choose_project"))
    page = client.get(reverse("admin:index")).content.decode()
    assert "Your projects" in page

    assert choose(client, two) == 302
    assert listed(client) == ["customer-of-two"]
    assert "two (sandbox)" in client.get(reverse("admin:index")).content.decode()
    assert client.get("/admin/neruba/auditrecord/").status_code == 200  # as the auditor there
    assert choose(client, one) == 302
    assert listed(client) == ["customer-of-one"]
    assert client.get("/admin/neruba/auditrecord/").status_code == 403  # as support here


def test_choosing_is_a_post_and_of_ones_own(client: Client, one: Project, two: Project) -> None:
    client.force_login(factories.operator(project=one, role="owner"))
    assert choose(client, two, reason="I want to") == 404
    client.get(reverse("choose_project"), {"project": "two"})
    assert listed(client) == ["customer-of-one"]
    assert not AuditRecord.objects.filter(action="project.entered").exists()


def test_a_member_who_was_removed_sees_nothing_at_the_next_click(
    client: Client, one: Project, two: Project
) -> None:
    user = factories.operator(project=one, role="owner")
    factories.member(user, project=two, role="owner")
    client.force_login(user)
    choose(client, one)
    assert listed(client) == ["customer-of-one"]
    Membership.objects.filter(user=user, project=one).delete()
    assert listed(client) == []  # not slipped into the other one either
    choose(client, two)
    assert listed(client) == ["customer-of-two"]


def test_a_superuser_enters_with_a_reason_for_an_hour(client: Client, one: Project) -> None:
    client.force_login(User.objects.create_superuser("root@op.example"))
    assert listed(client) == []
    assert choose(client, one) == 302
    assert listed(client) == []  # without a reason
    assert not AuditRecord.objects.filter(project=one, action="project.entered").exists()

    assert choose(client, one, reason="ticket 17") == 302
    assert listed(client) == ["customer-of-one"]
    noted = AuditRecord.objects.get(project=one, action="project.entered")
    assert (noted.actor, noted.reason) == ("root@op.example", "ticket 17")
    assert noted.origin == "127.0.0.1"
    assert "until" in json.loads(noted.details)
    assert "entered until" in client.get(reverse("admin:index")).content.decode()

    with time_machine.travel(clock.wall() + timedelta(minutes=61)):
        assert listed(client) == []


def test_a_superuser_leaves(client: Client, one: Project) -> None:
    client.force_login(User.objects.create_superuser("root@op.example"))
    choose(client, one, reason="ticket 17")
    client.post(reverse("choose_project"), {"leave": "1"})
    assert listed(client) == []


def test_one_who_is_no_superuser_any_more_is_out(client: Client, one: Project) -> None:
    user = User.objects.create_superuser("root@op.example")
    client.force_login(user)
    choose(client, one, reason="ticket 17")
    User.objects.filter(pk=user.pk).update(is_superuser=False)
    assert listed(client) == []


def test_an_act_is_of_the_project_where_one_stands(
    client: Client, one: Project, two: Project
) -> None:
    """The dialog of another project's row is not found, with every right in one's own."""
    client.force_login(factories.operator(project=one, role="owner"))
    row = Customer.objects.get(project=two)
    address = reverse("admin:neruba_customer_change_details", args=[row.pk])
    given = {"_form_submitted": "1", "name": "taken", "reason": "mine now"}
    assert client.get(address).status_code == 404
    assert client.post(address, given).status_code == 404
    assert Customer.objects.get(pk=row.pk).name == row.name


def test_filters_offer_what_is_of_the_project(client: Client, one: Project, two: Project) -> None:
    factories.meter(project=one, code="meter-of-one")
    factories.meter(project=one, code="another-of-one")
    factories.meter(project=two, code="meter-of-two")
    client.force_login(factories.operator(project=one, role="owner"))
    page = client.get("/admin/ingest/usagewindow/").content.decode()
    assert "meter-of-one" in page
    assert "meter-of-two" not in page


def test_a_superuser_who_is_a_member_has_the_rights_of_their_role(
    client: Client, one: Project
) -> None:
    user = User.objects.create_superuser("root@op.example")
    factories.member(user, project=one, role="auditor")
    client.force_login(user)
    page = client.get("/admin/neruba/apikey/").content.decode()
    assert "Issue an API key" not in page
    given = {"_form_submitted": "1", "name": "k", "scopes": ["admin"], "reason": "mine"}
    assert client.post(reverse("admin:neruba_apikey_issue"), given).status_code == 403
    assert client.get("/admin/neruba/user/").status_code == 200  # the installation is theirs
