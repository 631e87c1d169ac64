"""The first day of a support agent in Chromium: a customer asks, a credit above the limit is asked
for, a second person approves, the next invoice draws on it, and the audit tells the story.
"""

from typing import Any

import pytest
from django.urls import reverse

from billing.models import Invoice
from ledger.models import Grant
from neruba.models import Customer, User
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
AGENT, SECOND, OWNER = "ann@op.example", "bob@op.example", "olga@op.example"


def people(sandbox: Sandbox) -> None:
    for email, role in ((AGENT, "support"), (SECOND, "finance"), (OWNER, "owner")):
        user: User = factories.operator(project=sandbox.project, role=role, email=email)
        user.set_password(PASSWORD)
        user.save()


def log_in(watched: Watched, email: str) -> None:
    watched.page.context.clear_cookies()
    watched.visit(reverse("admin:login"))
    watched.page.fill("#id_username", email)
    watched.page.fill("#id_password", PASSWORD)
    watched.page.click("button[type=submit]")
    watched.page.wait_for_url(watched.url + reverse("admin:index"))


def ask_for_credit(watched: Watched, customer: str) -> tuple[str, str, str]:
    """What the agent reads on the way: of a line, of what the credit would do, and at the end."""
    page = watched.page
    log_in(watched, AGENT)
    watched.visit(reverse("admin:neruba_customer_changelist"))
    page.fill("input[name=q]", "acm")
    page.keyboard.press("Enter")
    page.click("#result_list a:has-text('acme')")
    page.click("a:has-text('INV-000002')")
    explained = page.inner_text("body")
    watched.visit(customer)
    page.click("text=Issue credit")
    page.fill("#dialog input[name=amount]", "250")
    page.select_option("#dialog select[name=kind]", "promotional")
    page.select_option("#dialog select[name=reason_code]", "service_failure")
    page.fill("#dialog textarea[name=reason]", "half a day without calls")
    page.click("#dialog button[type=submit] >> nth=-1")
    page.wait_for_selector("#dialog .n-preview")
    shown = page.inner_text("#dialog .n-preview")
    page.click("#dialog .n-confirm")
    page.wait_for_selector("text=waits for a second person")
    return explained, shown, page.inner_text("body")


def approve(watched: Watched) -> str:
    page = watched.page
    log_in(watched, SECOND)
    page.click("a:has-text('Approvals')")
    page.click("#result_list a:has-text('Issue a credit')")
    read = page.inner_text("body")
    page.click("text=Approve >> nth=0")
    page.fill("#dialog textarea[name=reason]", "agreed in the stand-up")
    page.click("#dialog button[type=submit]")
    page.wait_for_selector("text=Approved, and done.")
    return str(read)


def test_a_credit_above_the_limit_reaches_the_next_invoice(live_server: Any) -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-05T00:00:00Z")
    for day in range(1, 4):
        sandbox.event(f"2026-01-0{day}T10:00:00Z")
    sandbox.clock("2026-02-01T02:00:00Z")
    people(sandbox)
    acme = Customer.objects.get(project=sandbox.project)
    customer = reverse("admin:neruba_customer_change", args=[acme.pk])
    with chromium(live_server.url) as watched:
        explained, shown, asked = ask_for_credit(watched, customer)
        read = approve(watched)
    assert "The first 2 at 1 each = 2 USD." in explained
    assert "It is above your limit of 100 USD" in shown
    assert "Nothing is left." in asked
    assert "half a day without calls" in read
    grant = Grant.objects.get(project=sandbox.project)
    assert (grant.amount_minor, grant.granted_by) == (25_000, AGENT)

    sandbox.clock("2026-03-01T02:00:00Z")
    march = Invoice.objects.get(project=sandbox.project, sequence=3)
    with chromium(live_server.url) as later:
        log_in(later, AGENT)
        invoice = later.visit(reverse("admin:billing_invoice_change", args=[march.pk]))
        page = later.visit(customer)
        log_in(later, OWNER)
        audit = later.visit(reverse("admin:neruba_auditrecord_changelist"))
    assert march.status == "paid"
    assert grant.public_id in invoice
    assert "220.00 USD of 250.00 USD" in page
    story = [
        audit.index(word) for word in ("approval.approved", "grant.issued", "approval.requested")
    ]
    assert story == sorted(story)  # the newest first
    for word in (AGENT, SECOND, "half a day without calls", "agreed in the stand-up"):
        assert word in audit
    errors = [*watched.errors, *later.errors]
    assert (watched.foreign, later.foreign, errors) == ([], [], [])
