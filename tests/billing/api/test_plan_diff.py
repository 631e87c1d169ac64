"""Versions of a plan compared, over the API and on their pages."""

import pytest
from django.urls import reverse

from billing.models import PlanVersion
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox, started
from tests.support.console import looking, superuser

pytestmark = pytest.mark.django_db


def three_versions() -> Sandbox:
    sandbox = started(BASE, CALLS)
    sandbox.subscribe("one")
    sandbox.plan({**BASE, "amount": "35.00"}, CALLS)
    sandbox.customer("beta")
    sandbox.subscribe("two", customer="beta")
    sandbox.plan({**BASE, "amount": "35.00"}, CALLS, SEATS, minimum_commitment="50")
    return sandbox


def test_the_newest_is_compared_with_the_one_before() -> None:
    sandbox = three_versions()
    found = sandbox.get("/plans/pro/diff")
    assert (found["plan"], found["from"]["version"], found["to"]["version"]) == ("pro", 2, 3)
    assert [(one["change"], one["price"], one["field"]) for one in found["changes"]] == [
        ("added", None, "/minimum_commitment"),
        ("added", "seats", ""),
    ]
    assert found["changes"][1]["new"]["unit_amount"] == "10"


def test_any_two_are_compared_with_the_subscriptions_that_stand_on_each() -> None:
    sandbox = three_versions()
    found = sandbox.get("/plans/pro/diff?from=2&to=1")
    assert found["changes"] == [
        {
            "change": "changed",
            "price": "base",
            "field": "/amount",
            "old": "35",
            "new": "30",
            "text": "Price 'base': the amount falls from 35 to 30.",
        }
    ]
    assert (found["from"]["subscriptions"], found["to"]["subscriptions"]) == (1, 1)
    sandbox.post("/subscriptions/one/changes", {"type": "cancel", "at": "period_end"})
    assert sandbox.get("/plans/pro/diff?from=1&to=2")["from"]["subscriptions"] == 1
    sandbox.clock("2026-02-01T00:00:00Z")
    assert sandbox.get("/plans/pro/diff?from=1&to=2")["from"]["subscriptions"] == 0


@pytest.mark.parametrize("query", ["from=4", "to=0", "to=x", "to=1", "from=²"])
def test_a_version_that_does_not_exist_is_not_found(query: str) -> None:
    three_versions().get(f"/plans/pro/diff?{query}", 404)


@pytest.mark.once
def test_the_pages_of_plan_and_version_say_what_changed() -> None:
    sandbox = three_versions()
    client = looking(superuser(), sandbox.project)
    newest = PlanVersion.objects.get(project=sandbox.project, version=3)
    address = reverse("admin:billing_planversion_change", args=[newest.pk])
    page = client.get(address).content.decode()
    assert "What changed from version 2 to version 3" in page
    assert "Price &#x27;seats&#x27; is new: seat, per unit." in page
    other = client.get(f"{address}?with=1").content.decode()
    assert "What changed from version 1 to version 3" in other
    assert "the amount rises from 30 to 35." in other
    plan = reverse("admin:billing_plan_change", args=[newest.plan_id])
    assert f'<a href="{address}#changes">what changed</a>' in client.get(plan).content.decode()
