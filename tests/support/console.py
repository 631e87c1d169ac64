"""A project with a row of nearly everything that the console shows, and operators to look at it."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from billing.models import Invoice
from neruba.actor import Actor
from neruba.models import Customer, Project, User
from tests import factories, traces
from tests.billing.sandbox import BASE, CALLS, Sandbox, started
from tests.payments.rows import stripe_world

PASSWORD = "a-long-enough-password"


def world(**project: Any) -> Sandbox:
    """Two customers with invoices and drafts, one of them canceled; charges on an invoice and
    waiting; an event taken back and one refused; a credit that is left; a payment and a
    credit note.
    """
    sandbox = started(BASE, CALLS, **project)
    address = {"city": "Hamburg", "line1": "1 Quay"}
    sandbox.customer("beta", billing_address=address, email="b@b.example")
    sandbox.subscribe("sub", customer="acme")
    sandbox.subscribe("other", customer="beta")
    sandbox.clock("2026-01-08T00:00:00Z")
    for day in range(2, 8):
        sandbox.event(f"2026-01-0{day}T10:00:00Z", id=f"event-{day}")
        sandbox.event(f"2026-01-0{day}T11:00:00Z", id=f"event-b-{day}", subject="beta")
    mistake = {"source": "test", "id": "event-2", "reason": "sent by mistake"}
    sandbox.post("/events/void", mistake, 200)
    broken = {"id": "broken", "source": "test", "type": "calls", "subject": "acme", "time": "soon"}
    sandbox.post("/events/batch", {"events": [broken]}, 200)
    charge = {"customer": "acme", "amount": "1234.50", "description": "Workshop"}
    sandbox.post("/charges", {**charge, "charge_key": "workshop"})
    sandbox.post("/subscriptions/other/changes", {"type": "cancel", "reason": "gone"})
    sandbox.clock("2026-02-01T00:30:00Z")  # the grace of January still runs: drafts
    sandbox.post("/charges", {**charge, "charge_key": "later", "amount": "5.00"})
    acme = Customer.objects.get(project=sandbox.project, external_id="acme")
    factories.grant(wallet=factories.wallet(customer=acme), amount="40.00", reason_code="goodwill")
    paid = Invoice.objects.filter(project=sandbox.project, customer=acme, status="open").first()
    assert paid is not None
    factories.payment(customer=acme, amount="1.00", invoices=[paid])
    factories.credit_note(invoice=paid, amount="1.00")
    factories.tax_rate(project=sandbox.project, code="vat")
    spring = factories.coupon(project=sandbox.project, code="spring", max_redemptions=2)
    factories.redemption(customer=acme, coupon=spring)
    factories.lease(project=sandbox.project)
    factories.dead_message(project=sandbox.project)
    factories.invited(project=sandbox.project)
    factories.approval(project=sandbox.project, actor=Actor("operator", "support@op.example"))
    factories.operator_token(project=sandbox.project)
    factories.secret(project=sandbox.project)
    traces.failed_login()
    factories.event_archive(project=sandbox.project)
    traces.signs_of_life()
    stripe_world(customer=factories.customer(project=sandbox.project))
    return sandbox


def superuser(password: str | None = None) -> User:
    """The one who may do everything, the same at every call; hashing a password is slow. With a
    password an owner of the projects that there are, for those who log in by the form.
    """
    known = User.objects.filter(email="root@example.com").first()
    if known is not None:
        return known
    made = User.objects.create_superuser("root@example.com", password)
    for project in Project.objects.all() if password else ():
        factories.member(made, project=project)
    return made


def looking(user: User, project: Project | None = None) -> Client:
    """A browser in which the operator is logged in; a superuser stands in `project`, or else in the
    only one that there is.
    """
    client = Client()
    client.force_login(user)
    there = [project] if project else list(Project.objects.all()[:2])
    if user.is_superuser and len(there) == 1:
        given = {"project": there[0].slug, "reason": "to look at it"}
        assert client.post(reverse("choose_project"), given).status_code == 302
    return client


def newcomer() -> User:
    """An operator who may log in, and nothing else."""
    return User.objects.create_user("new@example.com", is_staff=True)


def registered() -> list[tuple[type[Model], Any]]:
    """All models that the console shows, with their admins."""
    return sorted(admin.site._registry.items(), key=lambda one: one[0]._meta.label_lower)


def address(model: type[Model], view: str, *args: object) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{view}", args=args)


def actions_of(model_admin: Any) -> dict[str, tuple[Any, bool]]:
    """Unfold's actions by name: the method, and whether it is of one row."""
    lists = {
        "actions_list": False,
        "actions_detail": True,
        "actions_row": True,
        "actions_submit_line": True,
    }
    found: dict[str, tuple[Any, bool]] = {}
    for attribute, is_of_row in lists.items():
        for name in model_admin._extract_action_names(getattr(model_admin, attribute)):
            found[name] = (model_admin._get_instance_method(name), is_of_row)
    return found


def invoice_row(public_id: str) -> Invoice:
    return Invoice.objects.get(public_id=public_id)
