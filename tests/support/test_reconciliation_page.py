"""The reconciliation as finance sees it: on screen, as files, and by the act that fetches."""

import csv
import io
import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from neruba.models import AuditRecord, OutboxMessage, Project
from neruba.roles import Role
from payments.models import ProviderTransaction
from tests import factories
from tests.factories import START
from tests.payments.rows import charge_event, stripe_world
from tests.support.console import looking

pytestmark = [pytest.mark.django_db, pytest.mark.once]

DAYS = {"first": "2026-01-01", "last": "2026-01-31"}
SEES = {Role.OWNER, Role.ADMIN, Role.FINANCE, Role.AUDITOR}


@pytest.fixture
def project() -> Project:
    """Payments through Stripe of which it has booked another one."""
    made = factories.project(slug="one")
    customer = factories.customer(project=made, external_id="acme")
    stripe_world(customer=customer)
    factories.payment(customer=customer, amount="7.00", at=START)
    return made


@pytest.fixture
def finance(project: Project) -> Client:
    return looking(factories.operator(project=project, role=Role.FINANCE))


def page(client: Client, **query: str) -> str:
    answer = client.get(reverse("reconciliation"), query)
    assert answer.status_code == 200
    return answer.content.decode()


def taken(client: Client, file: str, **query: str) -> bytes:
    answer = client.post(reverse("reconciliation", query=query), {"file": file})
    assert (answer.status_code, answer.streaming) == (200, True)
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", Role)
def test_finance_sees_it_and_support_does_not(project: Project, role: Role) -> None:
    client = looking(factories.operator(project=project, role=role))
    navigation = client.get(reverse("admin:index")).content.decode()
    assert (f'href="{reverse("reconciliation")}"' in navigation) == (role in SEES)
    assert client.get(reverse("reconciliation")).status_code == (200 if role in SEES else 403)
    if role not in SEES:
        assert client.post(reverse("reconciliation"), {"file": "csv"}).status_code == 403
        assert not AuditRecord.objects.filter(action="report.exported").exists()


def test_the_page_says_what_does_not_match_and_that_it_ties_out(finance: Client) -> None:
    html = page(finance, **DAYS)
    assert "All items tie out with what moved 1000, 1010 and 1100 in the trial balance." in html
    assert "Stripe booked 96.80 USD" in html
    assert "no webhook of it was received" in html
    assert "/payments/providereventwork/?q=ch_" in html
    assert "No transaction named" in html
    assert "Everything matches." in html  # invoices, and payments with their entries
    empty = page(finance, first="2020-01-01", last="2020-01-02", show="all")
    assert "Nothing of it in these days." in empty


def test_files_hold_every_item_and_the_sums_of_both_sides(finance: Client) -> None:
    html = page(finance, **DAYS, show="all")
    content = taken(finance, "csv", **DAYS, show="all").decode()
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    items = [row for row in rows if row["State"]]
    totals = [row for row in rows if row["What"] == "Total"]
    for total in totals:
        mine = [
            row
            for row in items
            if (row["Section"], row["Account"]) == (total["Section"], total["Account"])
        ]
        for column in ("Net here", "Net there", "Difference"):
            assert sum(Decimal(row[column] or 0) for row in mine) == Decimal(total[column])
    assert {row["State"] for row in items} == {"matched", "missing here", "missing there"}
    assert items[-1]["Cause"] in html
    sheet = load_workbook(io.BytesIO(taken(finance, "xlsx", **DAYS, show="all"))).worksheets[0]
    heads = [cell.value for cell in sheet[2]]
    cells = [dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(3, values_only=True)]
    assert len([row for row in cells if row["State"]]) == len(items)
    differences = [str(row["Difference"]) for row in cells if row["What"] == "Total"]
    assert [Decimal(one) for one in differences] == [Decimal(row["Difference"]) for row in totals]
    noted = AuditRecord.objects.filter(action="report.exported", object_id="reconciliation")
    assert noted.count() == 2


def test_items_are_chosen_by_their_state(finance: Client) -> None:
    content = taken(finance, "csv", **DAYS, show="missing_here").decode()
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert {row["State"] for row in rows if row["State"]} == {"missing here"}
    assert "USD" not in {
        row["Currency"]
        for row in csv.DictReader(
            io.StringIO(taken(finance, "csv", **DAYS, currency="eur").decode(), newline="")
        )
    }


@pytest.mark.parametrize(
    "query",
    [
        {"first": "soon"},
        {"last": "9999-12-31"},
        {"currency": "ZZZ"},
        {"show": "nothing"},
        {"first": "2026-02-01", "last": "2026-01-01"},
    ],
)
def test_a_wrong_filter_is_said_and_no_fault(finance: Client, query: dict[str, str]) -> None:
    assert finance.get(reverse("reconciliation"), query).status_code == 400
    answer = finance.post(reverse("reconciliation", query=query), {"file": "csv"})
    assert answer.status_code == 400
    assert not AuditRecord.objects.filter(action="report.exported").exists()


def fetch(client: Client, **given: str) -> int:
    address = reverse("admin:payments_providertransaction_fetch")
    body = {
        "_form_submitted": "1",
        "first": "2026-01-01",
        "last": "2026-01-31",
        "reason": "month end",
        **given,
    }
    answer = client.post(address, body, headers={"HX-Request": "true"})
    assert answer.status_code in (200, 302, 403)
    return OutboxMessage.objects.filter(topic="transactions.requested").count()


def test_finance_asks_for_a_fetch_with_a_reason(project: Project, finance: Client) -> None:
    assert fetch(finance) == 1
    asked = OutboxMessage.objects.get(topic="transactions.requested")
    assert json.loads(asked.payload) == {
        "from": "2026-01-01T00:00:00.000000Z",
        "to": "2026-02-01T00:00:00.000000Z",
    }
    noted = AuditRecord.objects.get(project=project, action="transactions.requested")
    assert noted.reason == "month end"


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": ""},
        {"first": "2026-02-01"},
        {"last": "2028-01-01"},
        {"first": f"{START.date() + timedelta(days=365 * 50)}", "last": "2076-01-01"},
    ],
)
def test_a_fetch_that_is_not_as_it_should_be_is_not_asked_for(
    finance: Client, wrong: dict[str, str]
) -> None:
    assert fetch(finance, **wrong) == 0


def test_an_auditor_fetches_nothing(project: Project) -> None:
    assert fetch(looking(factories.operator(project=project, role=Role.AUDITOR))) == 0


def test_every_link_of_an_item_finds_one_row(project: Project, finance: Client) -> None:
    booked = ProviderTransaction.objects.get(project=project)
    charge_event(project=project, charge=booked.source)
    content = page(finance, **DAYS, show="all").split('id="content-main"')[1]
    links = set(re.findall(r'href="([^"]*/\?q=[^"]*)"', content))
    assert len(links) >= 5
    for link in links:
        html = finance.get(link).content.decode()
        rows = set(re.findall(re.escape(link.split("?")[0]) + r"(\d+)/change/", html))
        assert len(rows) == 1, link
