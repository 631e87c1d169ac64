"""Every page of the console, found by walking what is registered, so that new ones are in."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from billing.models import Invoice, LateUsage, Period
from neruba.models import AuditRecord, Customer
from support.admin import CustomerAdmin
from tests import factories
from tests.support.console import (
    actions_of,
    address,
    looking,
    newcomer,
    registered,
    superuser,
    world,
)

pytestmark = [pytest.mark.django_db, pytest.mark.once]

OK, FOUND, FORBIDDEN = 200, 302, 403


def rows_of(model: type[Model]) -> list[dict[str, Any]]:
    return list(model._default_manager.order_by("pk").values())


def test_every_list_answers_plain_and_searched() -> None:
    world()
    client = looking(superuser())
    failed = {}
    for model, model_admin in registered():
        queries = ["", "?q=acme", "?q=INV-000001", "?p=1"]
        for query in queries:
            answer = client.get(address(model, "changelist") + query)
            if answer.status_code != OK or not model_admin.search_fields:
                failed[model._meta.label, query] = answer.status_code
    assert not failed


def test_every_list_of_a_project_knows_the_way_to_its_project() -> None:
    wrong = []
    for model, model_admin in registered():
        names = {field.name for field in model._meta.get_fields()}
        if "project" in names and model_admin.project_path is None and model is not AuditRecord:
            wrong.append(model._meta.label)
    assert not wrong


def test_every_page_of_a_row_answers() -> None:
    sandbox = world()
    # The drafts of January are issued with acme's coupon and a tax.
    sandbox.call("PATCH", "/customers/acme", {"tax_rates": ["vat"]}, status=200)
    sandbox.clock("2026-02-01T02:00:00Z")
    period = Period.objects.filter(project=sandbox.project).first()
    assert period is not None
    LateUsage.objects.create(
        project=sandbox.project, period=period, last_event=0, last_retraction=0
    )
    client = looking(superuser())
    failed, empty = {}, set()
    for model, _ in registered():
        row = model._default_manager.order_by("pk").first()
        if row is None:
            empty.add(model._meta.label_lower)
            continue
        for view in ("change", "history"):
            answer = client.get(address(model, view, row.pk))
            if answer.status_code != OK:
                failed[model._meta.label, view] = answer.status_code
    assert not failed
    # What the world has no row of; a model that is new here wants a row in `world`.
    assert empty <= {"ingest.dirtymark", "ingest.usagewindow", "ingest.windowseries"}


def test_a_row_that_is_not_there_is_no_error() -> None:
    factories.project()
    client = looking(superuser())
    answers = {
        model._meta.label: client.get(address(model, "change", 999_999)).status_code
        for model, _ in registered()
    }
    assert set(answers.values()) == {FOUND}
    assert client.get(reverse("admin:billing_invoice_print", args=[999_999])).status_code == 404


def test_what_is_not_configuration_refuses_superusers_and_stays_as_it_is() -> None:
    world()
    client = looking(superuser())
    changed = {}
    for model, _ in registered():
        before = rows_of(model)
        pk = before[0]["id"] if before else 1
        given = {"name": "other", "amount_minor": "1", "post": "yes"}
        answers = [client.post(address(model, "add"), given).status_code]
        if before:
            answers.append(client.post(address(model, "change", pk), given).status_code)
            answers.append(client.post(address(model, "delete", pk), given).status_code)
        chosen = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
        client.post(address(model, "changelist"), chosen)
        if set(answers) != {FORBIDDEN} or rows_of(model) != before:
            changed[model._meta.label] = answers
    assert not changed


def test_what_is_read_only_has_no_bulk_actions() -> None:
    wrong = [model._meta.label for model, model_admin in registered() if model_admin.actions]
    assert not wrong


def test_an_operator_without_permissions_gets_nowhere() -> None:
    sandbox = world()
    client = looking(newcomer())
    open_to_all = {}
    for model, model_admin in registered():
        row = model._default_manager.order_by("pk").first()
        pages = [address(model, "changelist"), address(model, "add")]
        if row is not None:
            pages += [address(model, view, row.pk) for view in ("change", "history", "delete")]
        for name, (_, is_of_row) in actions_of(model_admin).items():
            pages.append(address(model, name, *([row.pk if row else 1] if is_of_row else [])))
        for page in pages:
            for answer in (client.get(page), client.post(page, {"_form_submitted": "1"})):
                if answer.status_code != FORBIDDEN:
                    open_to_all[page] = answer.status_code
    assert not open_to_all
    invoice = sandbox.invoices()[0]
    first = client.get(reverse("admin:index"), {"books": ""})
    assert first.status_code == OK
    assert b"You are no member of any project yet" in first.content
    assert invoice["total"].encode() not in first.content


def test_the_print_view_asks_for_permission() -> None:
    world()
    client, invoice = looking(newcomer()), Invoice.objects.earliest("pk")
    for number in (invoice.pk, 999_999):
        page = reverse("admin:billing_invoice_print", args=[number])
        assert client.get(page).status_code == FORBIDDEN
        assert Client().get(page).status_code == FOUND  # to the login


def test_every_action_is_a_dialog_with_permissions_that_exist() -> None:
    wrong = {}
    for model, model_admin in registered():
        for name, (method, _) in actions_of(model_admin).items():
            permissions = getattr(method, "allowed_permissions", ())
            known = all(_exists(model_admin, permission) for permission in permissions)
            if not getattr(method, "dialog", None) or not permissions or not known:
                wrong[f"{model._meta.label}.{name}"] = permissions
    assert not wrong


def _exists(model_admin: Any, permission: str) -> bool:
    if "." not in permission:
        return hasattr(model_admin, f"has_{permission}_permission")
    app, codename = permission.split(".")
    return Permission.objects.filter(content_type__app_label=app, codename=codename).exists()


def test_an_action_does_nothing_on_get() -> None:
    world()
    client = looking(superuser())
    for model, model_admin in registered():
        before = rows_of(model)
        for name, (_, is_of_row) in actions_of(model_admin).items():
            args = [before[0]["id"]] if is_of_row else []
            assert client.get(address(model, name, *args)).status_code == OK
        assert rows_of(model) == before


def test_customers_have_the_page_of_support() -> None:
    assert type(admin.site._registry[Customer]) is CustomerAdmin


def test_the_navigation_holds_every_list_and_only_what_may_be_seen() -> None:
    sandbox = world()
    page = looking(superuser()).get(reverse("admin:index")).content.decode()
    missing = [
        model._meta.label
        for model, _ in registered()
        if f'href="{address(model, "changelist")}"' not in page
    ]
    assert not missing
    poor = factories.poor("view_invoice", project=sandbox.project)
    page = looking(poor).get(reverse("admin:index")).content.decode()
    assert reverse("admin:billing_invoice_changelist") in page
    assert reverse("admin:ledger_account_changelist") not in page
