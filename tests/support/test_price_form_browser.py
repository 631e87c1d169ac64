"""A price is written in Chromium: the result follows, a fault stands at its field, it is made."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.urls import reverse

from billing.models import Plan, PlanVersion
from neruba.roles import Role
from tests import factories
from tests.billing.sandbox import Sandbox, started
from tests.support.console import PASSWORD
from tests.support.test_browser import CHROMIUM, Watched, chromium

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]

TIERS = "/prices/1/tiers"
BASE = {"code": "base", "kind": "recurring", "model": "flat", "amount": "30"}
CALLS = {"code": "calls", "kind": "usage", "meter": "calls"}


def field(name: str) -> str:
    return f"[name='{name}']"


def used() -> Sandbox:
    """A plan with seven calls in January, each for 1, which were billed."""
    sandbox = started(BASE, {**CALLS, "model": "per_unit", "unit_amount": "1"})
    sandbox.subscribe("sub", anchor="calendar")
    sandbox.clock("2026-01-10T00:00:00Z")
    for day in range(1, 8):
        sandbox.event(f"2026-01-0{day}T10:00:00Z")
    sandbox.clock("2026-02-01T02:00:00Z")
    return sandbox


@contextmanager
def writing(sandbox: Sandbox, url: str) -> Iterator[Watched]:
    """The form of the plan, from its page, as who sets prices sees it."""
    user = factories.operator(project=sandbox.project, role=Role.FINANCE)
    user.set_password(PASSWORD)
    user.save()
    plan = Plan.objects.get()
    with chromium(url) as watched:
        watched.log_in(user.email)
        watched.visit(reverse("admin:billing_plan_change", args=[plan.pk]))
        watched.page.click("text=Write the next version")
        watched.page.wait_for_selector(field("/prices/1/unit_amount"))
        yield watched


def write_two_tiers(page: Any) -> None:
    """From one amount for each unit to the first two at 1 and all others at 0.5."""
    page.select_option(field("/prices/1/model"), "graduated")
    page.wait_for_selector(field(f"{TIERS}/0/unit_amount"))
    page.fill(field(f"{TIERS}/0/unit_amount"), "0.5")
    page.click("text=Add a tier")
    page.wait_for_selector(field(f"{TIERS}/1/unit_amount"))
    page.fill(field(f"{TIERS}/0/up_to"), "2")
    page.fill(field(f"{TIERS}/0/unit_amount"), "1")
    page.wait_for_selector("#trial >> text=the next 1, above 2, at 0.5 each = 0.5")


def test_a_price_is_written_with_its_result_beside_it_and_made(live_server: Any) -> None:
    sandbox = used()
    with writing(sandbox, live_server.url) as watched:
        page = watched.page
        lines = [page.get_attribute(".p-line", "points")]
        write_two_tiers(page)
        lines.append(page.get_attribute(".p-line", "points"))
        rows = page.inner_text("#trial")
        name = page.evaluate("document.querySelector('#chart-title').textContent")
        page.fill("#f-quantities", "777")
        page.wait_for_selector("#trial >> text=the next 775, above 2, at 0.5 each = 387.5")
        # A gap stands at its field, and there is no result.
        page.click("text=Add a tier")
        page.wait_for_selector(field(f"{TIERS}/2/unit_amount"))
        focused = page.evaluate("document.activeElement.name")
        page.fill(field(f"{TIERS}/1/up_to"), "1")
        page.fill(field(f"{TIERS}/1/unit_amount"), "0.75")
        page.wait_for_selector(f"[data-fault='{TIERS}/1/up_to']:has-text('up_to is above 2')")
        marked = page.get_attribute(field(f"{TIERS}/1/up_to"), "aria-invalid")
        drawn = page.locator(".p-line").count()
        page.fill(field(f"{TIERS}/1/up_to"), "10")
        page.wait_for_selector("#trial >> text=the next 8, above 2, at 0.75 each = 6")
        lines.append(page.get_attribute(".p-line", "points"))
        left = page.locator("[data-fault]:not(:empty)").count()
        # Without a reason nothing is made; the rest stays as it was written.
        page.click("text=Make version 2")
        page.wait_for_selector("[data-fault='/reason']:not(:empty)")
        kept = page.input_value(field(f"{TIERS}/1/up_to"))
        refused, watched.errors[:] = list(watched.errors), []
        page.fill(field("reason"), "graduated from now on")
        page.click("text=Make version 2")
        page.wait_for_selector("text=Version 2 was made.")
        made = page.inner_text("body")
    assert "the first 2 at 1 each = 2" in rows
    assert name == "What calls costs, by quantity"
    assert len(set(lines)) == 3
    assert focused == f"{TIERS}/1/up_to"
    assert (marked is not None, drawn, left, kept) == (True, 0, 0, "10")
    assert all("400" in error for error in refused)
    assert "Version 2" in made
    version = PlanVersion.objects.get(project=sandbox.project, version=2)
    tiers = json.loads(version.prices.get(code="calls").definition)["tiers"]
    assert [tier["up_to"] for tier in tiers] == ["2", "10", None]
    assert (watched.foreign, watched.errors) == ([], [])


def test_real_usage_is_asked_and_the_text_takes_the_place_of_the_fields(live_server: Any) -> None:
    with writing(used(), live_server.url) as watched:
        page = watched.page
        write_two_tiers(page)
        page.fill(field("since"), "2026-01-01")
        page.click("text=What would it have been?")
        # 30 + 7 it was; 30 + 2 × 1 + 5 × 0.5 it would have been.
        page.wait_for_selector("#p-what-if >> text=34.50 USD")
        real = page.inner_text("#p-what-if")
        page.click("button:text-is('JSON')")
        page.wait_for_selector("textarea[name=definition]")
        text = json.loads(page.input_value("textarea[name=definition]"))
        text["prices"][1]["tiers"][1]["unit_amount"] = "0.2"
        page.fill("textarea[name=definition]", json.dumps(text))
        page.wait_for_selector("#trial >> text=at 0.2 each = 0.2")
        fields = page.locator("[name^='/']").count()
        page.click("button:text-is('Fields')")
        page.wait_for_selector(field(f"{TIERS}/1/unit_amount"))
        written = page.input_value(field(f"{TIERS}/1/unit_amount"))
    assert "37.00 USD" in real
    assert "−2.50 USD" in real
    assert (fields, written) == (0, "0.2")
    assert (watched.foreign, watched.errors) == ([], [])
