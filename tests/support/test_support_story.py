"""A first day in Chromium: support explains an invoice and asks for a credit, finance approves it,
the next invoice draws on it, and the audit tells who did what.
"""

from typing import Any

import pytest

from neruba.models import Customer, User
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
SUPPORT, FINANCE = "ann@op.example", "bob@op.example"
WHY, AGREED = "Reading stood still on Monday", "Agreed with Ann by telephone"


def hire(sandbox: Sandbox, email: str, role: Role) -> User:
    """An operator who logs in by the form."""
    user = factories.operator(project=sandbox.project, role=role, email=email)
    user.set_password(PASSWORD)
    user.save()
    return user


def january() -> Sandbox:
    """A customer with a fee ahead of each month, and three calls in January."""
    sandbox = started()
    Customer.objects.filter(external_id="acme").update(name="Acme Robotics")
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    for day in (12, 13, 14):
        sandbox.event(f"2026-01-{day}T10:00:00Z")
    sandbox.clock("2026-02-02T00:00:00Z")
    return sandbox


def find_the_customer(watched: Watched) -> None:
    """From the first page, by the beginning of a name."""
    page = watched.page
    page.click("a:has-text('Customers') >> nth=0")
    page.fill("input[name=q]", "Acme")
    page.press("input[name=q]", "Enter")
    page.click("#result_list a:has-text('Acme Robotics')")
    page.wait_for_selector("#credits")


def read_the_invoice(watched: Watched, number: str) -> str:
    """What the invoice's page says of its lines; then back on the customer's."""
    page = watched.page
    page.click(f"#invoices a:has-text('{number}')")
    page.wait_for_selector("#lines")
    words: str = page.inner_text("#lines")
    page.go_back()
    page.wait_for_selector("#credits")
    return words


def ask_for_a_credit(watched: Watched, amount: str) -> tuple[str, str]:
    """What the dialog shows before it is confirmed, and what the request's own page says then."""
    page = watched.page
    page.click("text=Issue credit")
    page.fill("#dialog input[name=amount]", amount)
    page.select_option("#dialog select[name=reason_code]", "service_failure")
    page.fill("#dialog textarea[name=reason]", WHY)
    page.click("#dialog button:has-text('Preview')")
    page.wait_for_selector(".n-preview")
    shown: str = page.inner_text(".n-preview")
    page.click(".n-preview button")
    page.wait_for_selector("text=waits for a second person")
    page.click("text=See the request")
    page.wait_for_selector("text=You asked for it")
    request: str = page.inner_text("#content-main")
    return shown, request


def approve_what_waits(watched: Watched) -> str:
    """The page of the request, once it is approved."""
    page = watched.page
    page.click("a:has-text('Approvals')")
    page.click("#result_list a:has-text('Issue a credit')")
    page.wait_for_selector(f"text={WHY}")
    page.click("a:has-text('Approve') >> nth=-1")
    page.fill("#dialog textarea[name=reason]", AGREED)
    page.click("#dialog button[type=submit]")
    page.wait_for_selector("text=Approved, and done.")
    text: str = page.inner_text("#content-main")
    return text


def audit_of_the_request(watched: Watched) -> str:
    """From the page of the request."""
    watched.page.click("text=the whole story")
    watched.page.wait_for_selector("#result_list")
    text: str = watched.page.inner_text("#result_list")
    return text


def test_a_credit_above_the_limit_is_approved_and_drawn_on_by_the_next_invoice(
    live_server: Any,
) -> None:
    sandbox = january()
    hire(sandbox, SUPPORT, Role.SUPPORT)
    hire(sandbox, FINANCE, Role.FINANCE)
    billed = sandbox.invoices("&customer=acme")[-1]
    explained = sandbox.get(f"/invoices/{billed['id']}/explain")["lines"]
    assert len(explained) == 2, explained
    problems = []

    with chromium(live_server.url) as watched:
        watched.log_in(SUPPORT)
        find_the_customer(watched)
        lines = read_the_invoice(watched, billed["number"])
        shown, request = ask_for_a_credit(watched, "120.00")
        problems += watched.foreign + watched.errors
    assert "The first 2 at 1 each" in lines
    said = [words for line in explained for words in line["text"]]
    assert [words for words in said if words not in lines] == []
    assert "Acme Robotics has 0.00 USD of credit now; after this 120.00 USD" in shown
    assert "It is above your limit of 100 USD" in shown
    assert WHY in request
    assert sandbox.get("/wallets")["data"] == []

    with chromium(live_server.url) as watched:
        watched.log_in(FINANCE)
        approved = approve_what_waits(watched)
        story = audit_of_the_request(watched)
        problems += watched.foreign + watched.errors
    for words in (SUPPORT, WHY, FINANCE, AGREED):
        assert words in approved
        assert words in story
    (wallet,) = sandbox.get("/wallets?customer=acme")["data"]
    assert wallet["balance"] == "120.00"

    sandbox.clock("2026-03-02T00:00:00Z")
    drawn = sandbox.invoices("&customer=acme")[-1]
    assert (drawn["status"], drawn["total"]) == ("paid", drawn["credits_applied"])
    assert drawn["number"] != billed["number"]

    with chromium(live_server.url) as watched:
        watched.log_in(SUPPORT)
        find_the_customer(watched)
        movements = watched.page.inner_text("#movements")
        who = watched.page.inner_text("#story")
        problems += watched.foreign + watched.errors
    assert f"-{drawn['credits_applied']} USD" in movements
    assert drawn["number"] in movements
    for words in (SUPPORT, WHY, FINANCE, AGREED):
        assert words in who
    assert problems == []
