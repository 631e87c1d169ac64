"""The console in Chromium: nothing is asked of another address, and no page complains."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from ingest.models import FailedEvent, UsageEvent
from neruba.models import Customer, Membership
from tests import factories
from tests.support.console import PASSWORD, invoice_row, superuser, world

CHROMIUM = Path(os.environ.get("NERUBA_CHROMIUM", "/usr/bin/chromium"))
WIDTH = {"width": 1400, "height": 900}

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]


class Watched:
    """A page, what it asked for, and what went wrong on it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.foreign: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._asked)
        page.on("response", self._answered)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((f"{self.url}/", "data:", "blob:")):
            self.foreign.append(request.url)

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.url}")

    def _said(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def visit(self, address: str) -> str:
        self.page.goto(self.url + address, wait_until="networkidle")
        text: str = self.page.inner_text("body")
        return text

    def log_in(self, email: str = "root@example.com") -> None:
        self.visit(reverse("admin:login"))
        self.page.fill("#id_username", email)
        self.page.fill("#id_password", PASSWORD)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(self.url + reverse("admin:index"))


@contextmanager
def chromium(url: str) -> Iterator[Watched]:
    """A browser of its own; while it runs no query can be made, so rows are read before."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        try:
            yield Watched(browser.new_page(viewport=WIDTH), url)
        finally:
            browser.close()


def test_the_main_pages_ask_only_this_server_and_say_no_errors(live_server: Any) -> None:
    sandbox = world()
    superuser(PASSWORD)
    issued = next(one for one in sandbox.invoices() if one["number"])
    row = invoice_row(issued["id"])
    customer = Customer.objects.get(external_id="acme")
    pages = {
        reverse("admin:index"): sandbox.project.name,
        reverse("admin:billing_invoice_changelist"): issued["number"],
        reverse("admin:billing_invoice_change", args=[row.pk]): "how each came about",
        reverse("admin:billing_invoice_change", args=[row.pk]) + "?verify": "Verified just now",
        reverse("admin:billing_invoice_print", args=[row.pk]): "Amount due",
        reverse("admin:neruba_customer_change", args=[customer.pk]): "Usage of the current period",
    }
    with chromium(live_server.url) as watched:
        watched.log_in()
        missing = [page for page, words in pages.items() if words not in watched.visit(page)]
        watched.visit(reverse("admin:index"))
        watched.page.wait_for_selector("text=Owed to us")
    assert (missing, watched.foreign, watched.errors) == ([], [], [])


def test_details_are_changed_in_the_dialog(live_server: Any) -> None:
    world()
    superuser(PASSWORD)
    customer = Customer.objects.get(external_id="acme")
    with chromium(live_server.url) as watched:
        watched.log_in()
        watched.visit(reverse("admin:neruba_customer_change", args=[customer.pk]))
        watched.page.click("text=Change details")
        watched.page.fill("#dialog input[name=name]", "Acme Ltd")
        watched.page.fill("#dialog textarea[name=reason]", "their letter")
        watched.page.click("#dialog button[type=submit]")
        watched.page.wait_for_selector("text=Acme Ltd was changed.")
    customer.refresh_from_db()
    assert customer.name == "Acme Ltd"
    assert (watched.foreign, watched.errors) == ([], [])


def test_a_failed_event_is_mended_in_the_dialog(live_server: Any) -> None:
    world()
    superuser(PASSWORD)
    failed = FailedEvent.objects.get(event_id="broken")
    with chromium(live_server.url) as watched:
        watched.log_in()
        watched.visit(reverse("admin:ingest_failedevent_changelist"))
        watched.page.click("text=time: ")
        watched.page.click("text=Mend and resubmit")
        text = watched.page.input_value("#dialog textarea[name=event]")
        watched.page.fill("#dialog textarea[name=reason]", "acme told us the time")
        watched.page.fill("#dialog textarea[name=event]", f"{text}}}")
        watched.page.click("#dialog button[type=submit]")
        watched.page.wait_for_selector("text=This is not JSON: trailing characters")
        kept = watched.page.input_value("#dialog textarea[name=event]")
        mended = text.replace('"soon"', '"2026-01-05T10:00:00Z"')
        watched.page.fill("#dialog textarea[name=event]", mended)
        watched.page.click("#dialog button[type=submit]")
        watched.page.wait_for_selector("text=It was accepted as event test broken.")
        page = watched.page.inner_text("body")
    assert kept == f"{text}}}"
    assert "acme told us the time" in page
    failed.refresh_from_db()
    assert failed.state == FailedEvent.State.RESUBMITTED
    assert failed.resubmitted_as == UsageEvent.objects.get(event_id="broken")
    assert (watched.foreign, watched.errors) == ([], [])


def test_an_invoice_prints_on_whole_pages(live_server: Any) -> None:
    sandbox = world()
    superuser(PASSWORD)
    row = invoice_row(next(one for one in sandbox.invoices() if one["number"])["id"])
    with chromium(live_server.url) as watched:
        watched.log_in()
        watched.visit(reverse("admin:billing_invoice_print", args=[row.pk]))
        watched.page.emulate_media(media="print")
        is_hidden = watched.page.is_hidden(".tools")
        paper = watched.page.pdf(prefer_css_page_size=True)
    assert is_hidden
    assert paper.startswith(b"%PDF")
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") == 1


def test_an_invite_is_taken_without_a_session(live_server: Any) -> None:
    offer = factories.invited(project=factories.project(), email="new@op.example")
    with chromium(live_server.url) as watched:
        shown = watched.visit(f"/invite/{offer.token}")
        watched.page.fill("#id_name", "Ann Other")
        watched.page.fill("#id_password", PASSWORD)
        watched.page.fill("#id_again", PASSWORD)
        watched.page.click("button[type=submit]")
        watched.page.wait_for_selector("text=Log in")
        watched.page.click("text=Log in")
        watched.page.wait_for_url(f"{watched.url}{reverse('admin:login')}")
        referrer = watched.page.evaluate("document.referrer")
    assert "new@op.example" in shown
    assert referrer == f"{watched.url}/"
    assert Membership.objects.get().user.email == "new@op.example"
    assert (watched.foreign, watched.errors) == ([], [])
