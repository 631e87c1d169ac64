"""Entitlements on the pages of the console."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from billing.models import Plan, PlanVersion, Subscription
from neruba.models import Customer
from tests import factories
from tests.billing.sandbox import BASE, Sandbox
from tests.support.console import looking, superuser

pytestmark = [pytest.mark.django_db, pytest.mark.once]

GRANTED = (
    {"feature": "sso", "type": "boolean"},
    {"feature": "calls", "type": "limit", "limit": "8"},
    {"feature": "<b>seats</b>", "type": "limit", "limit": "3"},
)


def used() -> Sandbox:
    sandbox = Sandbox()
    sandbox.meter()
    sandbox.plan(BASE, entitlements=GRANTED)
    sandbox.customer()
    sandbox.subscribe()
    sandbox.plan(BASE, code="pack", entitlements=[{**GRANTED[1], "limit": "1"}])
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in ("05", "06"):
        sandbox.event(f"2026-01-{day}T00:00:00Z")
    return sandbox


def section(sandbox: Sandbox, address: str) -> str:
    html = looking(superuser(), sandbox.project).get(address).content.decode()
    return html.partition('id="entitlements"')[2].partition("</section>")[0]


def customer_page() -> str:
    return reverse("admin:neruba_customer_change", args=[Customer.objects.get().pk])


def subscription_page(external_id: str) -> str:
    row = Subscription.objects.get(external_id=external_id)
    return reverse("admin:billing_subscription_change", args=[row.pk])


def test_a_customers_page_shows_what_is_used_of_each_limit() -> None:
    found = section(used(), customer_page())
    assert '2 of 8 <progress class="n-progress" value="250" max="1000">' in found
    assert '<td class="n-number">6</td>' in found
    assert "1 Jan 2026 – 31 Jan 2026" in found
    assert '<span class="n-label n-success">granted</span>' in found
    assert "up to 3, counted by no meter" in found
    assert "&lt;b&gt;seats&lt;/b&gt;" in found
    assert "none left" not in found


def test_a_limit_that_is_used_up_says_so_and_a_subscription_shows_its_own_alone() -> None:
    sandbox = used()
    sandbox.subscribe("pack", plan="pack", start_at="2026-01-06T00:00:00Z")
    sandbox.event("2026-01-07T00:00:00Z")
    pack = section(sandbox, subscription_page("pack"))
    assert '2 of 1 <progress class="n-progress n-full" value="1000" max="1000">' in pack
    assert '<span class="n-label n-warning">none left</span>' in pack
    assert "sso" not in pack
    both = section(sandbox, customer_page())
    assert "counted apart, below" in both
    assert both.count('<span class="n-hint">of calls</span>') == 2
    assert "2 of 1 " in both
    assert "3 of 8 " in both
    assert '<td class="n-number">5</td>' in both


def test_without_entitlements_the_tables_say_so_in_words() -> None:
    sandbox = Sandbox()
    sandbox.plan(BASE)
    sandbox.customer()
    sandbox.subscribe()
    for address in (customer_page(), subscription_page("sub")):
        assert "None now: no plan that runs grants a feature." in section(sandbox, address)
    version = reverse("admin:billing_planversion_change", args=[PlanVersion.objects.get().pk])
    page = looking(superuser(), sandbox.project).get(version).content.decode()
    assert "None: who takes this version is granted no feature by name." in page


def test_the_pages_of_plan_and_version_say_what_is_granted_and_what_changed() -> None:
    sandbox = used()
    sandbox.plan(BASE, entitlements=[GRANTED[0], {**GRANTED[1], "limit": "12.5"}])
    newest = PlanVersion.objects.get(plan__code="pro", version=2)
    client = looking(superuser(), sandbox.project)
    page = client.get(reverse("admin:billing_planversion_change", args=[newest.pk]))
    html = page.content.decode()
    assert '<td class="n-number">12.5</td>' in html
    assert "Entitlement &#x27;calls&#x27;: the limit rises from 8 to 12.5." in html
    plan = Plan.objects.get(code="pro")
    html = client.get(reverse("admin:billing_plan_change", args=[plan.pk])).content.decode()
    assert "Version 2: entitlements" in html
    assert "Version 1: entitlements" in html


def test_they_are_hidden_from_who_may_not_see_subscriptions() -> None:
    sandbox = used()
    poor = factories.poor("view_customer", project=sandbox.project)
    assert 'id="entitlements"' not in looking(poor).get(customer_page()).content.decode()
    allowed = Group.objects.get(name="support").permissions
    allowed.add(Permission.objects.get(codename="view_subscription"))
    assert 'id="entitlements"' in looking(poor).get(customer_page()).content.decode()
