"""What finance sees: reports on screen, the same as files, and who may."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from billing.models import Invoice
from ledger.services.journal import post_entry
from ledger.templates import AccountKey, Move, OperationKey
from neruba.models import AuditRecord, Project
from neruba.roles import Role
from tests import factories
from tests.ledger.books import books
from tests.ledger.programs import refusal
from tests.support.console import looking, superuser, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PAGES = ("trial_balance", "receivables_ageing", "ledger_export")
REPORTS = PAGES[:2]
SEES = {Role.OWNER, Role.ADMIN, Role.FINANCE, Role.AUDITOR}


@pytest.fixture
def project() -> Project:
    """Books without invoices, with a customer whose name is a formula and an opening balance."""
    made = books(factories.project(slug="one", timezone="Europe/Berlin"))
    return with_opening(made)


def with_opening(made: Project) -> Project:
    opening = Move(AccountKey("1100", "JPY", "=cmd"), AccountKey("9000", "JPY"), 1234, "opening")
    post_entry(
        project=made,
        key=OperationKey("opening", "1"),
        moves=(opening,),
        occurred_at=datetime(2026, 1, 2, tzinfo=UTC),
        at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    return made


@pytest.fixture
def finance(project: Project) -> Client:
    return looking(factories.operator(project=project, role=Role.FINANCE))


def shown(client: Client, page: str, status: int = 200, **query: str) -> str:
    answer = client.get(reverse(page), query)
    assert answer.status_code == status
    return answer.content.decode()


def taken(client: Client, page: str, file: str, **query: str) -> bytes:
    answer = client.post(reverse(page, query=query), {"file": file})
    assert answer.status_code == 200
    assert answer.streaming
    assert answer["Content-Disposition"].startswith('attachment; filename="one-')
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("role", Role)
def test_finance_sees_the_section_and_support_does_not(project: Project, role: Role) -> None:
    client = looking(factories.operator(project=project, role=role))
    navigation = shown(client, "admin:index")
    noted = AuditRecord.objects.count()
    for page in PAGES:
        assert (f'href="{reverse(page)}"' in navigation) == (role in SEES)
        assert client.get(reverse(page)).status_code == (200 if role in SEES else 403)
        if role not in SEES:
            given = {"file": "csv", "form": "csv", "reason": "curious"}
            assert client.post(reverse(page), given).status_code == 403
    assert AuditRecord.objects.count() == noted


def test_a_superuser_who_stands_nowhere_chooses_first(project: Project) -> None:
    client = Client()
    client.force_login(superuser())
    for page in PAGES:
        assert client.get(reverse(page))["Location"] == reverse("choose_project")
        given = {"file": "csv", "form": "csv", "reason": "x"}
        assert client.post(reverse(page), given)["Location"] == reverse("choose_project")


def test_the_trial_balance_says_that_the_difference_is_zero(finance: Client) -> None:
    html = shown(finance, "trial_balance", on="2026-04-01")
    assert "USD: debits and credits are equal, the difference is zero." in html
    assert "JPY: debits and credits are equal, the difference is zero." in html
    assert f"{reverse('admin:ledger_account_changelist')}?code=1100" in html
    assert "USD:" not in shown(finance, "trial_balance", on="2026-04-01", currency="jpy")


def test_a_report_stands_at_the_end_of_a_local_day(finance: Client) -> None:
    # Berlin's 1 January ends an hour before the opening balance, of 2 January 00:00 UTC.
    assert "1,234" not in shown(finance, "trial_balance", on="2026-01-01", currency="JPY")
    assert "1,234" in shown(finance, "trial_balance", on="2026-01-02", currency="JPY")
    html = shown(finance, "receivables_ageing", on="2026-01-01", currency="JPY")
    assert "Nobody owed anything at the end of 1 Jan 2026." in html
    assert "both are zero" in html
    html = shown(finance, "trial_balance", on="2020-01-01")
    assert "Nothing was posted until the end of this day." in html


def test_the_ageing_ties_out_and_names_what_has_no_due_date(finance: Client) -> None:
    html = shown(finance, "receivables_ageing", on="2026-04-01")
    assert "JPY: the total of 2,464 JPY ties out with 1100 in the trial balance." in html
    assert html.count("ties out") == 2
    assert "Without a due date: opening, invoice-3." in html
    html = shown(finance, "receivables_ageing", on="2026-04-01", customer="acme")
    assert "ties out with the customer&#x27;s account 1100" in html
    assert "Without a due date: invoice-3." in html


def test_the_file_holds_what_the_screen_shows() -> None:
    project = with_opening(world(slug="one").project)
    finance = looking(factories.operator(project=project, role=Role.FINANCE))
    rows = rows_of(taken(finance, "receivables_ageing", "csv"))
    by_name = {row["Customer"]: row for row in rows if row["Currency"]}
    assert by_name["'=cmd"]["Total"] == "1234"
    total = next(row for row in rows if row["Customer"] == "Total" and row["Currency"] == "USD")
    html = shown(finance, "receivables_ageing")
    assert f"{total['Total']} USD ties out" in html.replace(",", "")
    assert Invoice.objects.filter(project=project, status="open").exists()

    page = load_workbook(io.BytesIO(taken(finance, "receivables_ageing", "xlsx"))).worksheets[0]
    heads = [cell.value for cell in page[2]]
    cells = {
        row[0]: dict(zip(heads, row, strict=True)) for row in page.iter_rows(3, values_only=True)
    }
    assert cells["=cmd"]["Total"] == 1234
    assert any("ties out" in str(name) for name in cells)


def test_the_trial_balance_as_a_file(finance: Client) -> None:
    rows = rows_of(taken(finance, "trial_balance", "csv", on="2026-04-01", currency="JPY"))
    balances = {row["Code"]: row["Balance"] for row in rows if row["Balance"]}
    assert balances == {"1100": "2464", "4010": "1230", "9000": "-1234"}
    content = taken(finance, "trial_balance", "xlsx", on="2026-04-01")
    page = load_workbook(io.BytesIO(content)).worksheets[0]
    titles = [cell.value for cell in page[2]]
    assert titles[:2] == ["Code", "Account"]
    assert "the difference is zero" in str(list(page.values)[-1])


@pytest.mark.parametrize("page", REPORTS)
def test_who_took_a_file_is_noted_and_a_look_is_not(
    project: Project, finance: Client, page: str
) -> None:
    shown(finance, page)
    noted = AuditRecord.objects.filter(project=project, action="report.exported")
    assert not noted.exists()
    taken(finance, page, "csv", currency="USD")
    details = json.loads(noted.get().details)
    assert details == {"filter": "currency=USD", "format": "csv"}


@pytest.mark.parametrize("page", REPORTS)
@pytest.mark.parametrize(
    "query",
    [{"on": "soon"}, {"on": "9999-12-31"}, {"on": "0001-01-01"}, {"currency": "ZZZ"}],
)
def test_a_wrong_filter_is_said_and_no_fault(
    project: Project, finance: Client, page: str, query: dict[str, str]
) -> None:
    assert "<em>" in shown(finance, page, 400, **query)
    answer = finance.post(reverse(page, query=query), {"file": "csv"})
    assert answer.status_code == 400
    assert finance.post(reverse(page), {"file": "pdf"}).status_code == 400
    assert not AuditRecord.objects.filter(project=project, action="report.exported").exists()


@pytest.mark.parametrize("form", ["beancount", "hledger"])
def test_the_books_are_taken_with_a_reason_and_proved(
    project: Project, finance: Client, form: str, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"form": form, "first": "2026-01-02", "last": "", "reason": "year end"}
    answer = finance.post(reverse("ledger_export"), given)
    assert (answer.status_code, answer.streaming) == (200, True)
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert "opening:1:1" in text
    assert refusal(form, text, tmp_path) == ""
    noted = AuditRecord.objects.get(project=project, action="report.exported")
    assert (noted.object_id, noted.reason) == ("ledger", "year end")


@pytest.mark.parametrize(
    "wrong", [{"reason": ""}, {"form": "ods"}, {"first": "2026-02-01", "last": "2026-01-01"}]
)
def test_an_export_that_is_not_as_it_should_be_is_refused(
    project: Project, finance: Client, wrong: dict[str, str]
) -> None:
    given = {"form": "csv", "reason": "x", **wrong}
    assert finance.post(reverse("ledger_export"), given).status_code == 400
    assert not AuditRecord.objects.filter(project=project, action="report.exported").exists()
