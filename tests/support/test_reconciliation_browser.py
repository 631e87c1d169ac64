"""Finance in Chromium: the reconciliation is looked at and taken as a file that says the same."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from tests import factories
from tests.factories import START
from tests.payments.rows import stripe_world
from tests.support.console import PASSWORD, superuser
from tests.support.test_browser import CHROMIUM, chromium

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]


def test_finance_downloads_the_reconciliation(live_server: Any, tmp_path: Path) -> None:
    project = factories.project(slug="one")
    customer = factories.customer(project=project, external_id="acme")
    stripe_world(customer=customer)
    factories.payment(customer=customer, amount="7.00", at=START)
    superuser(PASSWORD)
    file = tmp_path / "reconciliation.xlsx"
    with chromium(live_server.url) as watched:
        watched.log_in()
        watched.page.click("text=Reconciliation")
        watched.page.wait_for_url(f"**{reverse('reconciliation')}")
        watched.page.fill("input[name=first]", "2026-01-01")
        watched.page.fill("input[name=last]", "2026-01-31")
        watched.page.select_option("select[name=show]", "all")
        watched.page.click("button:has-text('Show')")
        text = watched.page.inner_text("#content-main")
        shown = watched.page.locator("#content-main table").nth(3).locator("tbody tr")
        differences = [row.split("\t")[5] for row in shown.all_inner_texts()]
        with watched.page.expect_download() as taken:
            watched.page.click("text=Download as XLSX")
        taken.value.save_as(file)
    assert "All items tie out" in text
    sheet = load_workbook(file).worksheets[0]
    heads = [cell.value for cell in sheet[2]]
    rows = [dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(3, values_only=True)]
    items = [row for row in rows if row["State"] and row["Section"] == "Ledger and Stripe"]
    (total,) = [
        row for row in rows if row["What"] == "Total" and row["Section"] == "Ledger and Stripe"
    ]
    there = f"{Decimal(str(total['Net there'])):.2f} USD"
    here = f"{Decimal(str(total['Net here'])):.2f} USD"
    assert f"1000 moved by {here}, Stripe booked {there}" in text
    assert [Decimal(one) for one in differences] == [
        Decimal(str(row["Difference"])) for row in items
    ]
    assert sum(Decimal(one) for one in differences) == Decimal(str(total["Difference"]))
    assert (watched.foreign, watched.errors) == ([], [])
