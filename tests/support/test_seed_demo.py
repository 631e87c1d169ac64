"""The demo: what it says is there, is there, and is the same on every machine and database."""

import json
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory

from billing.models import BillingRun, Charge, Coupon, Invoice, PlanVersion, Subscription
from billing.selectors.documents import RELATED, documents_of
from billing.selectors.verify import number_gaps, verify_invoices
from ingest.models import EventRetraction, FailedEvent, Meter, UsageEvent
from ledger.models import Grant
from ledger.selectors.verify import book_differences
from neruba.models import Approval, Customer, Project, User
from support.demo.usage import deliveries
from support.demo.world import ENDS_AT, FIRMS
from tests import factories

pytestmark = pytest.mark.django_db

LOGIN = RequestFactory().post("/admin/login/")
BASE_URL = "http://localhost:8765"
# Whatever changes it changes what customers of the demo are billed, or the evidence for it.
FINGERPRINT = "d3f73c698a26518d2af419d394187aa0e9abae0b67621765aaba2680f583bd4e"


def seed() -> dict[str, Any]:
    said = StringIO()
    call_command("seed_demo", "--base-url", BASE_URL, stdout=said, stderr=StringIO())
    printed: dict[str, Any] = json.loads(said.getvalue())
    return printed


def test_the_demo_is_what_it_says() -> None:
    demo = seed()

    project = Project.objects.get()
    assert (project.slug, project.clock_at) == ("demo", ENDS_AT)
    assert Customer.objects.count() == 40
    assert Meter.objects.count() == 3
    assert PlanVersion.objects.count() == 5
    assert Subscription.objects.exclude(end_at=None).count() == 2
    assert UsageEvent.objects.count() > 5_000
    assert EventRetraction.objects.count() == 1
    assert sorted(FailedEvent.objects.values_list("code", "count")) == [
        ("in_future", 1),
        ("missing", 3),
        ("unusable_data", 1),
    ]
    assert Charge.objects.filter(invoice=None).count() == 1
    assert Invoice.objects.filter(status=Invoice.Status.DRAFT).count() == 1
    assert Grant.objects.count() == 3
    check_adjustments(project)
    assert Approval.objects.get().state == Approval.State.REQUESTED
    check_books(project)
    last = BillingRun.objects.order_by("-as_of", "-pk").first()
    assert last is not None
    assert last.fingerprint == FINGERPRINT
    check_pages(project, demo)


def check_adjustments(project: Project) -> None:
    """A coupon for its three periods, a minimum beside what was used, tax by country."""
    coupon = Coupon.objects.get()
    assert (coupon.redemptions, coupon.redeemed.count()) == (1, 1)
    rows = Invoice.objects.filter(project=project, sequence__isnull=False)
    documents = documents_of(project, list(rows.select_related(*RELATED).order_by("sequence")))
    discounted = [one for one in documents if one.content["discounts"]]
    assert {one.invoice.customer.external_id for one in discounted} == {"granite-freight"}
    assert [one.invoice.boundary for one in discounted] == [0, 1, 2]
    minimums = [
        sum(Decimal(line["amount"]) for line in one.content["lines"])
        for one in documents
        if any(line["kind"] == "minimum" for line in one.content["lines"])
    ]
    assert minimums == [Decimal("150.00"), Decimal("150.00")]
    rates = {
        (tax["rate_percent"], tax["reason"], one.invoice.customer.billing_address["country"])
        for one in documents
        for tax in one.content["taxes"]
    }
    assert rates == {("19", None, "DE"), ("20", None, "AT"), ("19", "reverse", "NL")}


def check_books(project: Project) -> None:
    issued = list(
        Invoice.objects.filter(sequence__isnull=False)
        .select_related("customer", "subscription__customer", "party")
        .order_by("sequence")
    )
    assert len(issued) > 100
    assert [v.differences for v in verify_invoices(project, issued) if not v.matches] == []
    assert number_gaps(project) == []
    assert list(book_differences(project)) == []


def check_pages(project: Project, demo: dict[str, Any]) -> None:
    """Each page that is named shows what it is said to show, with the login and the key."""
    login = demo["logins"][0]
    assert [one["role"] for one in demo["logins"]] == ["Owner and superuser", "support", "finance"]
    user = authenticate(LOGIN, username=login["username"], password=login["password"])
    assert isinstance(user, User)
    browser = Client()
    browser.force_login(user)
    caller = factories.client(project=project, secret=demo["api_key"])
    for page in demo["pages"]:
        path = page["url"].removeprefix(BASE_URL)
        response = (caller if path.startswith("/api/v1/") else browser).get(path)
        assert response.status_code == 200, path
        text = response.content.decode()
        assert [words for words in page["contains"] if words not in text] == [], path


def test_it_is_not_seeded_twice() -> None:
    factories.project(slug="demo")

    with pytest.raises(CommandError, match="There is a project 'demo' already"):
        seed()

    assert User.objects.count() == 0
    assert Customer.objects.count() == 0


def test_a_known_operator_is_left_alone() -> None:
    User.objects.create_user("demo@neruba.example", "a password of their own")

    with pytest.raises(CommandError, match="There is an operator"):
        seed()

    assert Project.objects.count() == 0
    assert authenticate(LOGIN, username="demo@neruba.example", password="a password of their own")


def test_usage_is_generated_the_same_every_time() -> None:
    first, second = list(deliveries(FIRMS)), list(deliveries(FIRMS))
    assert first == second
    assert [delivery.at for delivery in first] == sorted(delivery.at for delivery in first)
