"""The operator console: every model has its pages; no page and no act is open to everyone."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from simple_history.admin import SimpleHistoryAdmin

from neruba.actor import Actor
from neruba.models import Customer, Project, User
from neruba.roles import Role
from tests import factories, traces
from tests.api.world import build_world
from tests.payments.rows import stripe_world

pytestmark = [pytest.mark.django_db, pytest.mark.once]

OURS = ("neruba", "ledger", "ingest", "billing", "payments", "support")
MAX_QUERIES = 28
# Rows that are locked and never read, and lines that stand on the page of their document.
NO_PAGES = {"Fence", "WindowFence", "CreditNoteLine"}

REGISTERED = sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label)


def address(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def actions() -> Iterator[tuple[type[Model], Any, str, bool]]:
    """Each action of unfold's: its model, itself, its address' name, and whether it is of a row."""
    for model, registered in REGISTERED:
        model_admin: Any = registered
        kinds: list[tuple[Any, bool]] = [
            (model_admin._get_base_actions_list(), False),
            (model_admin._get_base_actions_detail(), True),
            (model_admin._get_base_actions_row(), True),
            (model_admin._get_base_actions_submit_line(), True),
        ]
        for found, of_row in kinds:
            for each in found:
                yield model, each, f"admin:{each.action_name}", of_row


@pytest.fixture
def world() -> Project:
    made = build_world()
    factories.lease(project=made.project)
    factories.dead_message(project=made.project)
    factories.event_archive(project=made.project)
    traces.signs_of_life()
    factories.secret(project=made.project)
    traces.failed_login()
    factories.operator(project=made.project, role="auditor")
    factories.invited(project=made.project)
    factories.approval(project=made.project, actor=Actor("operator", "support@op.example"))
    factories.operator_token(project=made.project)
    stripe_world(customer=factories.customer(project=made.project))
    return made.project


@pytest.fixture
def superuser(client: Client, world: Project) -> Client:
    """Who entered the project of the world."""
    client.force_login(User.objects.create_superuser("root@neruba.example"))
    client.post(reverse("choose_project"), {"project": world.slug, "reason": "to look"})
    return client


@pytest.fixture
def nobody(client: Client) -> Client:
    """An operator who may enter the console and do nothing in it."""
    client.force_login(User.objects.create_user("new@neruba.example", is_staff=True))
    return client


def test_every_model_has_its_pages() -> None:
    ours = {model for model in apps.get_models() if model._meta.app_label in OURS}
    missing = ours - {model for model, _ in REGISTERED}
    names = {model.__name__ for model in missing}
    assert {name for name in names if not name.startswith("Historical")} == NO_PAGES


@pytest.mark.usefixtures("world")
def test_lists_and_pages_open(superuser: Client, subtests: pytest.Subtests) -> None:
    for model, model_admin in REGISTERED:
        with subtests.test(model._meta.label):
            check_pages(superuser, model, model_admin)


def check_pages(superuser: Client, model: type[Model], model_admin: ModelAdmin[Model]) -> None:
    listed = address(model, "changelist")
    with CaptureQueriesContext(connection) as captured:
        assert superuser.get(listed).status_code == 200
    assert len(captured) <= MAX_QUERIES
    if model_admin.search_fields:
        assert superuser.get(listed, {"q": "acme"}).status_code == 200
    assert superuser.get(address(model, "change", 10**9)).status_code == 302
    row = model._default_manager.order_by("-pk").first()
    if row is None:
        return
    with CaptureQueriesContext(connection) as captured:
        assert superuser.get(address(model, "change", row.pk)).status_code == 200
    assert len(captured) <= 2 * MAX_QUERIES
    if isinstance(model_admin, SimpleHistoryAdmin):
        assert superuser.get(address(model, "history", row.pk)).status_code == 200


def test_what_services_write_cannot_be_written_here(
    superuser: Client, subtests: pytest.Subtests
) -> None:
    request = superuser.get("/admin/").wsgi_request
    for model, model_admin in REGISTERED:
        with subtests.test(model._meta.label):
            assert not model_admin.has_add_permission(request)
            assert not model_admin.has_delete_permission(request)
            assert superuser.get(address(model, "add")).status_code == 403
            assert superuser.post(address(model, "add"), {}).status_code == 403


def test_a_version_of_a_row_is_never_written_back(world: Project, client: Client) -> None:
    """The history's library would, by a POST of whoever may look."""
    row = Customer.objects.filter(project=world).earliest("pk")
    first = row.history.earliest("history_id")
    row.name = "the present name"
    row.save()
    settings = world.history.earliest("history_id")
    Project.objects.filter(pk=world.pk).update(name="the present name")
    for role in Role:
        client.force_login(factories.operator(project=world, role=role))
        for kind, pk, version in (("customer", row.pk, first), ("project", world.pk, settings)):
            page = f"/admin/neruba/{kind}/{pk}/history/"
            for address in (page, f"{page}{version.history_id}/"):
                assert client.post(address, {}).status_code == 403, (role, address)
            assert client.get(f"{page}abc/").status_code == 404
    row.refresh_from_db()
    world.refresh_from_db()
    assert (row.name, world.name) == ("the present name", "the present name")


def test_a_search_page_that_is_not_there_is_not_found(superuser: Client) -> None:
    for page in ("abc", "99"):
        answer = superuser.get("/admin/search/", {"s": "x", "page": page})
        assert answer.status_code in {200, 404}


@pytest.mark.usefixtures("world")
def test_an_operator_without_permissions_sees_nothing(
    nobody: Client, subtests: pytest.Subtests
) -> None:
    for model, _ in REGISTERED:
        with subtests.test(model._meta.label):
            assert nobody.get(address(model, "changelist")).status_code == 403
            row = model._default_manager.order_by("pk").first()
            for page in ("change", "history", "delete") if row is not None else ():
                assert row is not None
                assert nobody.get(address(model, page, row.pk)).status_code == 403


def test_every_act_is_a_dialog_with_a_permission() -> None:
    found = list(actions())
    assert found
    for model, each, _, _ in found:
        assert each.dialog, f"{model.__name__}: {each.description} acts on a GET"
        assert each.method.allowed_permissions, f"{model.__name__}: {each.description} is open"


@pytest.mark.usefixtures("world")
def test_an_operator_without_permissions_can_do_nothing(nobody: Client) -> None:
    for model, _each, name, of_row in actions():
        row = model._default_manager.order_by("pk").first()
        assert row is not None or not of_row
        place = reverse(name, args=[row.pk] if of_row and row is not None else [])
        answers = [nobody.get(place), nobody.post(place, {"_form_submitted": "1"})]
        assert [answer.status_code for answer in answers] == [403, 403], place


@pytest.mark.usefixtures("world")
def test_a_dialog_of_what_is_not_there_is_not_found(superuser: Client) -> None:
    for _, _, name, of_row in actions():
        if of_row:
            assert superuser.get(reverse(name, args=[10**9])).status_code == 404


def test_strangers_are_asked_to_log_in(client: Client) -> None:
    for model, _ in REGISTERED:
        assert client.get(address(model, "changelist")).status_code == 302
