"""Credit in the console: what a dialog does is shown before it is confirmed, and told after."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ledger.models import Grant, JournalEntry, Wallet
from ledger.selectors.wallets import balance_of, grant_balances
from ledger.services.wallets import adjust_balance
from neruba.actor import SYSTEM, Actor
from neruba.models import Approval, AuditRecord, Customer
from neruba.money import Money
from neruba.services.approvals import approve
from tests import factories
from tests.billing.sandbox import Sandbox, started
from tests.support.console import looking

pytestmark = [pytest.mark.django_db, pytest.mark.once]
CONFIRM = re.compile(r'name="confirmed" value="([0-9a-f]{64})"')
CREDIT = {
    "_form_submitted": "1",
    "amount": "50",
    "currency": "usd",
    "kind": "promotional",
    "expires_at": "2026-03-31",
    "priority": "50",
    "prices": "",
    "reason_code": "goodwill",
    "reason": "a slow week",
}
REVOKE = {"_form_submitted": "1", "amount": "", "reason_code": "other", "reason": "a mistake"}
ADJUST = {
    "_form_submitted": "1",
    "amount": "12.30",
    "currency": "USD",
    "reason_code": "billing_error",
    "reason": "charged twice",
}


@pytest.fixture
def sandbox() -> Sandbox:
    return started()


@pytest.fixture
def acme(sandbox: Sandbox) -> Customer:
    return Customer.objects.get(project=sandbox.project)


def agent(sandbox: Sandbox, role: str = "support") -> Client:
    return looking(factories.operator(project=sandbox.project, role=role, email="ann@op.example"))


def dialog(name: str, row: Any) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=[row.pk])


def rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Wallet, Grant, JournalEntry, AuditRecord))


def preview(client: Client, page: str, given: dict[str, str]) -> tuple[str, str]:
    """What the dialog shows for these values, and what its button sends."""
    before = rows()
    html = client.post(page, given).content.decode()
    assert rows() == before
    found = CONFIRM.search(html)
    assert found, html
    return html, found[1]


def confirmed(client: Client, page: str, given: dict[str, str]) -> Any:
    _, digest = preview(client, page, given)
    return client.post(page, {**given, "confirmed": digest})


def test_a_credit_is_shown_first_and_issued_once_it_is_confirmed(
    sandbox: Sandbox, acme: Customer
) -> None:
    factories.grant(wallet=factories.wallet(customer=acme), amount="12.00", kind="paid")
    client, page = agent(sandbox), dialog("issue_credit", acme)
    html, digest = preview(client, page, CREDIT)
    assert "acme has 12.00 USD of credit now; after this 62.00 USD of credit." in html
    order = "50.00 USD promotional until 2026-04-01 00:00 UTC (this one), then 12.00 USD paid"
    assert order in html
    done = client.post(page, {**CREDIT, "confirmed": digest})
    assert done.headers["HX-Redirect"] == reverse("admin:neruba_customer_change", args=[acme.pk])
    made = Grant.objects.latest("pk")
    assert (made.amount_minor, made.kind, made.reason_code) == (5000, "promotional", "goodwill")
    assert (made.granted_by, made.reason) == ("ann@op.example", "a slow week")
    assert Wallet.objects.count() == 1
    record = AuditRecord.objects.filter(action="grant.issued").latest("pk")
    assert (record.actor, record.reason) == ("ann@op.example", "a slow week")


def test_the_first_credit_makes_the_wallet(sandbox: Sandbox, acme: Customer) -> None:
    confirmed(agent(sandbox), dialog("issue_credit", acme), {**CREDIT, "currency": "eur"})
    assert (Wallet.objects.get().currency, Wallet.objects.get().customer) == ("EUR", acme)


def test_what_was_changed_after_the_preview_is_shown_anew(sandbox: Sandbox, acme: Customer) -> None:
    client, page = agent(sandbox), dialog("issue_credit", acme)
    _, digest = preview(client, page, CREDIT)
    before = rows()
    html = client.post(page, {**CREDIT, "amount": "500", "confirmed": digest}).content.decode()
    assert "after this 500.00 USD" in html
    assert rows() == before


def test_what_changed_behind_the_preview_is_shown_anew(sandbox: Sandbox, acme: Customer) -> None:
    client, page = agent(sandbox), dialog("issue_credit", acme)
    _, digest = preview(client, page, CREDIT)
    factories.grant(wallet=factories.wallet(customer=acme), amount="5.00")
    before = rows()
    html = client.post(page, {**CREDIT, "confirmed": digest}).content.decode()
    assert "acme has 5.00 USD of credit now" in html
    assert rows() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": "ten"}, "is not a decimal number"),
        ({"amount": "-1"}, "The amount must be above zero."),
        ({"currency": "USX"}, "is no ISO 4217 currency"),
        ({"expires_at": "2025-12-01"}, "A grant expires after it becomes effective"),
        ({"prices": "calls, tokens"}, "No plan has a price tokens."),
        ({"reason_code": ""}, "This field is required."),
        ({"reason": ""}, "This field is required."),
    ],
)
def test_a_credit_that_cannot_be_is_refused_in_the_dialog(
    sandbox: Sandbox, acme: Customer, change: dict[str, str], words: str
) -> None:
    client, page = agent(sandbox), dialog("issue_credit", acme)
    before = rows()
    html = client.post(page, {**CREDIT, **change}).content.decode()
    assert words in html
    assert not CONFIRM.search(html)
    assert rows() == before


def test_prepaid_money_that_is_revoked_goes_where_the_dialog_says(
    sandbox: Sandbox, acme: Customer
) -> None:
    made = factories.grant(wallet=factories.wallet(customer=acme), amount="40.00", kind="paid")
    client, page = agent(sandbox), dialog("revoke", made)
    part = {**REVOKE, "amount": "15.00", "settle": "balance"}
    html, _ = preview(client, page, part)
    assert "15.00 USD of the 40.00 USD left of it is taken back." in html
    assert "15.00 USD goes to their balance" in html
    confirmed(client, page, part)
    assert balance_of(sandbox.project, "acme", "USD") == 1500
    confirmed(client, page, {**REVOKE, "settle": "refund"})
    made.refresh_from_db()
    assert (made.end, grant_balances([made])[made.pk]) == ("revoked", 0)
    assert balance_of(sandbox.project, "acme", "USD") == 1500
    before = rows()
    refused = client.post(page, {**part, "amount": "1"}).content.decode()
    assert "This grant was revoked before." in refused
    assert rows() == before


def test_a_gift_that_is_revoked_moves_no_money_to_anybody(sandbox: Sandbox, acme: Customer) -> None:
    made = factories.grant(wallet=factories.wallet(customer=acme), amount="40.00")
    client, page = agent(sandbox), dialog("revoke", made)
    html, _ = preview(client, page, REVOKE)
    assert "no money moves to anybody" in html
    assert 'name="settle"' not in html
    confirmed(client, page, REVOKE)
    assert grant_balances([made])[made.pk] == 0


def test_the_balance_is_adjusted_and_never_below_zero(sandbox: Sandbox, acme: Customer) -> None:
    client, page = agent(sandbox), dialog("adjust_balance", acme)
    html, _ = preview(client, page, ADJUST)
    assert "The balance of acme is 0.00 USD now; after this it is 12.30 USD." in html
    confirmed(client, page, ADJUST)
    assert balance_of(sandbox.project, "acme", "USD") == 1230
    before = rows()
    refused = client.post(page, {**ADJUST, "amount": "-12.31"}).content.decode()
    assert "The balance is 12.30 USD; 12.31 USD cannot be taken back." in refused
    assert rows() == before


@pytest.mark.parametrize("role", ["developer", "auditor"])
def test_who_may_only_look_sees_credits_and_gives_none(
    sandbox: Sandbox, acme: Customer, role: str
) -> None:
    made = factories.grant(wallet=factories.wallet(customer=acme), amount="40.00")
    client = agent(sandbox, role)
    page = client.get(reverse("admin:neruba_customer_change", args=[acme.pk])).content.decode()
    assert "40.00 USD" in page
    assert "Issue credit" not in page
    before = rows()
    for name, row, given in (
        ("issue_credit", acme, CREDIT),
        ("adjust_balance", acme, ADJUST),
        ("revoke", made, REVOKE),
    ):
        assert client.post(dialog(name, row), given).status_code == 403
    assert rows() == before


@pytest.mark.parametrize("role", ["support", "finance"])
def test_the_customers_page_tells_what_is_there_what_moved_and_who_did_it(
    sandbox: Sandbox, acme: Customer, role: str
) -> None:
    client = agent(sandbox, role)
    address = reverse("admin:neruba_customer_change", args=[acme.pk])
    empty = client.get(address).content.decode()
    for words in ("No wallet yet", "Nothing is left.", "Nothing was given", "Nobody gave"):
        assert words in empty
    confirmed(client, dialog("issue_credit", acme), CREDIT)
    usd = Money.parse("3.00", "USD")
    adjust_balance(customer=acme, amount=usd, reason="sorry", actor=SYSTEM, at=factories.START)
    invoice = factories.invoice(customer=acme, amount="20.00")
    page = client.get(address).content.decode()
    for words in (
        "Can be spent, USD",
        "33.00 USD",  # of credits and balance
        "30.00 USD of credits, 3.00 USD of balance",
        "30.00 USD of 50.00 USD",
        "-20.00 USD",
        invoice.number or "",
        "ann@op.example",
        "a slow week",
        "Drawn by an invoice",
    ):
        assert words in page, words
    assert ("admin/ledger/journalentry" in page) == (role == "finance")


def test_the_page_of_a_wallet_and_of_a_grant_tell_their_story(
    sandbox: Sandbox, acme: Customer
) -> None:
    client = agent(sandbox)
    confirmed(client, dialog("issue_credit", acme), CREDIT)
    invoice = factories.invoice(customer=acme, amount="20.00")
    made = Grant.objects.get()
    confirmed(client, dialog("revoke", made), {**REVOKE, "amount": "1"})
    for row in (made.wallet, made):
        meta = row._meta
        page = client.get(reverse(f"admin:ledger_{meta.model_name}_change", args=[row.pk]))
        html = page.content.decode()
        for words in ("-20.00 USD", "-1.00 USD", "a mistake", "a slow week", invoice.number or ""):
            assert words in html, (meta.model_name, words)


def test_further_credits_cost_no_further_queries(sandbox: Sandbox, acme: Customer) -> None:
    client = agent(sandbox)
    home = factories.wallet(customer=acme)
    factories.grant(wallet=home)
    factories.invoice(customer=acme, amount="1.00")
    pages = [
        reverse("admin:ledger_wallet_changelist"),
        reverse("admin:ledger_grant_changelist"),
        reverse("admin:ledger_wallet_change", args=[home.pk]),
        reverse("admin:neruba_customer_change", args=[acme.pk]),
    ]
    for page in pages:
        client.get(page)  # what is read once a process
    counts = []
    for _ in range(2):
        found = []
        for page in pages:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(page).status_code == 200
            found.append(len(captured))
        counts.append(found)
        for _ in range(3):
            factories.grant(wallet=factories.wallet(customer=acme))
            factories.invoice(customer=acme, amount="1.00")
    assert counts[0] == counts[1]


def test_a_grant_is_found_by_its_id_and_its_customer(sandbox: Sandbox, acme: Customer) -> None:
    made = factories.grant(wallet=factories.wallet(customer=acme))
    client = agent(sandbox)
    listed = reverse("admin:ledger_grant_changelist")
    for query in ({"q": made.public_id}, {"q": "acm"}, {"wallet__customer__id__exact": acme.pk}):
        assert made.public_id in client.get(listed, query).content.decode()
    assert made.public_id not in client.get(listed, {"q": "beta"}).content.decode()


def test_above_the_limit_it_is_asked_for_and_done_when_another_approves(
    sandbox: Sandbox, acme: Customer
) -> None:
    client, page = agent(sandbox), dialog("issue_credit", acme)
    big = {**CREDIT, "amount": "250.00"}
    html, digest = preview(client, page, big)
    assert "It is above your limit of 100 USD" in html
    before = rows()[:3]
    client.post(page, {**big, "confirmed": digest})
    assert rows()[:3] == before
    asked = Approval.objects.get()
    address = reverse("admin:neruba_customer_change", args=[acme.pk])
    told = client.get(address).content.decode()
    assert f'<a href="{reverse("admin:neruba_approval_change", args=[asked.pk])}"' in told
    assert "waits for a second person" in told
    finance = looking(
        factories.operator(project=sandbox.project, role="finance", email="bob@op.example")
    )
    decided = {"_form_submitted": "1", "reason": "agreed with Ann"}
    approve = reverse("admin:neruba_approval_approve", args=[asked.pk])
    assert client.post(approve, decided).status_code == 403
    assert rows()[:3] == before
    assert "HX-Redirect" in finance.post(approve, decided).headers
    made = Grant.objects.get()
    assert (made.amount_minor, made.granted_by, made.reason) == (
        25000,
        "ann@op.example",
        "a slow week",
    )
    page_now = finance.get(address).content.decode()
    assert "Nothing waits." in page_now
    records = AuditRecord.objects.filter(action__startswith="approval.").order_by("id")
    assert [(one.action, one.actor) for one in records] == [
        ("approval.requested", "ann@op.example"),
        ("approval.approved", "bob@op.example"),
    ]


def test_a_refund_and_a_balance_above_the_limit_are_asked_for_too(
    sandbox: Sandbox, acme: Customer
) -> None:
    made = factories.grant(wallet=factories.wallet(customer=acme), amount="400.00", kind="paid")
    client = agent(sandbox)
    confirmed(client, dialog("revoke", made), {**REVOKE, "settle": "refund"})
    confirmed(client, dialog("adjust_balance", acme), {**ADJUST, "amount": "100.01"})
    assert grant_balances([made])[made.pk] == 40000
    assert balance_of(sandbox.project, "acme", "USD") == 0
    bob = Actor(
        "operator",
        factories.operator(project=sandbox.project, role="finance", email="bob@op.example").email,
    )
    for asked in Approval.objects.order_by("id"):
        approve(approval=asked, reason="agreed", actor=bob, at=factories.START)
    assert grant_balances([made])[made.pk] == 0
    assert balance_of(sandbox.project, "acme", "USD") == 10001
