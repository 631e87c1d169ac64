"""Tax rates, and the customers who carry them."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from neruba.countries import CODES
from neruba.models import AuditRecord, Customer, TaxRate
from neruba.percent import parse_percent
from neruba.selectors.tax_rates import tax_rate_by_code, tax_rates_of
from neruba.tax import TaxRateFact
from tests import factories
from tests.billing.sandbox import Sandbox

pytestmark = pytest.mark.django_db

VAT: dict[str, Any] = {
    "code": "vat-de",
    "name": "VAT",
    "rate_percent": "19.0",
    "inclusive": True,
    "country": "DE",
}


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


def test_a_rate_is_made_once_and_read(sandbox: Sandbox) -> None:
    made = sandbox.post("/tax-rates", VAT)

    assert made == {**VAT, "rate_percent": "19", "created_at": "2026-01-01T00:00:00.000000Z"}
    assert sandbox.post("/tax-rates", {**VAT, "rate_percent": 19}, 200) == made
    assert sandbox.get("/tax-rates/vat-de") == made
    assert sandbox.get("/tax-rates")["data"] == [made]
    assert sandbox.get("/tax-rates/vat", 404)["code"] == "not_found"
    assert AuditRecord.objects.filter(action="tax_rate.created").count() == 1


def test_the_name_and_the_percentage_are_all_that_is_needed(sandbox: Sandbox) -> None:
    made = sandbox.post("/tax-rates", {"code": "a", "name": "A", "rate_percent": "0"})
    assert (made["rate_percent"], made["inclusive"], made["country"]) == ("0", False, "")


@pytest.mark.parametrize(
    "other", [{"rate_percent": "20"}, {"name": "MwSt."}, {"inclusive": False}, {"country": "AT"}]
)
def test_a_rate_never_changes(sandbox: Sandbox, other: dict[str, Any]) -> None:
    made = sandbox.post("/tax-rates", VAT)
    refused = sandbox.post("/tax-rates", {**VAT, **other}, 409)
    assert "a rate never changes" in refused["detail"]
    assert sandbox.get("/tax-rates")["data"] == [made]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rate_percent", "-1"),
        ("rate_percent", "100.0001"),
        ("rate_percent", "7.00001"),
        ("rate_percent", "1000"),
        ("rate_percent", 7.7),
        ("country", "UK"),
        ("country", "de"),
        ("country", "D"),
        ("inclusive", "yes"),
        ("code", ""),
    ],
)
def test_a_senseless_rate_is_refused(sandbox: Sandbox, field: str, value: object) -> None:
    refused = sandbox.post("/tax-rates", {**VAT, field: value}, 400)
    assert [one["pointer"] for one in refused["errors"]] == [f"/{field}"]
    assert TaxRate.objects.count() == 0


def test_percentages_are_exact_from_0_to_100() -> None:
    assert [parse_percent(text) for text in ("0", "100", "8.8750", "0.0001")] == [
        Decimal(text) for text in ("0", "100", "8.875", "0.0001")
    ]
    for text in ("-0.0001", "100.0001", "1e1", "", "7,5", "NaN"):
        with pytest.raises(ValueError, match=r".+"):
            parse_percent(text)


def test_the_country_codes_are_those_of_iso_3166_and_two_of_tax_law() -> None:
    assert len(CODES) == 249 + 2
    assert all(len(code) == 2 and code.isupper() for code in CODES)


def test_a_customer_carries_rates_in_the_given_order(sandbox: Sandbox) -> None:
    for code in ("state", "city"):
        sandbox.post("/tax-rates", {**VAT, "code": code})

    made = sandbox.customer(tax_rates=["city", "state"])

    assert (made["tax_rates"], made["tax_exempt"]) == (["city", "state"], "none")
    body = {"external_id": "acme", "name": "acme", "tax_rates": ["city", "state"]}
    assert sandbox.post("/customers", body, 200) == made
    assert sandbox.post("/customers", {**body, "tax_rates": ["state"]}, 409)["code"] == "conflict"
    changed = sandbox.call(
        "PATCH", "/customers/acme", {"tax_rates": [], "tax_exempt": "reverse"}, status=200
    )
    assert (changed["tax_rates"], changed["tax_exempt"]) == ([], "reverse")
    assert sandbox.get("/customers/acme") == changed
    record = AuditRecord.objects.get(action="customer.changed")
    assert record.details == '{"fields":["tax_exempt","tax_rates"]}'


@pytest.mark.parametrize(
    ("rates", "pointer"),
    [
        (["vat-de", "vat"], "/tax_rates/1"),
        (["vat-de", "vat-de"], "/tax_rates/1"),
        (["VAT-DE"], "/tax_rates/0"),
        ("vat-de", "/tax_rates"),
    ],
)
def test_a_rate_that_is_not_there_or_is_there_twice_is_refused(
    sandbox: Sandbox, rates: object, pointer: str
) -> None:
    sandbox.post("/tax-rates", VAT)
    stranger = Sandbox()
    stranger.post("/tax-rates", {**VAT, "code": "vat"})
    acme = sandbox.customer()

    patch = sandbox.call("PATCH", "/customers/acme", {"tax_rates": rates}, status=400)
    beta = {"external_id": "beta", "name": "b", "tax_rates": rates}
    post = sandbox.post("/customers", beta, 400)

    for refused in (patch, post):
        assert [one["pointer"] for one in refused["errors"]] == [pointer]
    assert sandbox.get("/customers")["data"] == [acme]
    assert not AuditRecord.objects.filter(action="customer.changed").exists()


def test_an_exemption_of_another_name_is_refused(sandbox: Sandbox) -> None:
    sandbox.customer()
    refused = sandbox.call("PATCH", "/customers/acme", {"tax_exempt": "yes"}, status=400)
    assert [one["pointer"] for one in refused["errors"]] == ["/tax_exempt"]
    assert Customer.objects.get().tax_exempt == "none"


def test_a_customer_from_before_there_were_rates_has_none(sandbox: Sandbox) -> None:
    made = sandbox.customer()
    Customer.objects.update(tax_rates=None)
    assert sandbox.get("/customers/acme") == made
    assert sandbox.post("/customers", {"external_id": "acme", "name": "acme"}, 200) == made
    assert tax_rates_of(sandbox.project, list(Customer.objects.all())) == {
        Customer.objects.get().pk: ()
    }


def test_invoices_read_the_rates_of_many_customers_in_one_query(sandbox: Sandbox) -> None:
    project = sandbox.project
    for code in ("state", "city"):
        factories.tax_rate(project=project, code=code, rate_percent="8.875")
    several = [
        factories.customer(project=project, tax_rates=rates)
        for rates in (["city", "state"], [], ["state"])
    ]

    with CaptureQueriesContext(connection) as captured:
        found = tax_rates_of(project, several)

    assert len(captured) == 1
    codes = [[rate.code for rate in found[row.pk]] for row in several]
    assert codes == [["city", "state"], [], ["state"]]
    state = TaxRateFact("state", "State", Decimal("8.875"), inclusive=False, country="")
    assert found[several[2].pk] == (state,)
    assert tax_rate_by_code(project, ["state", "none"]) == {"state": state}
