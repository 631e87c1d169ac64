"""`POST /prorate`: a calculator; nothing is stored."""

from typing import Any

import pytest

from neruba.models.access import SCOPES
from tests import factories
from tests.api.outcome import nothing_changed
from tests.billing.sandbox import BASE, Sandbox

pytestmark = pytest.mark.django_db

REQUEST: dict[str, Any] = {
    "amount": "20.00",
    "currency": "EUR",
    "period": {"start": "2024-01-31T23:00:00Z", "end": "2024-02-29T23:00:00Z"},
    "part": {"start": "2024-02-20T10:00:00+01:00", "end": "2024-02-29T23:00:00Z"},
    "basis": "day",
    "timezone": "Europe/Berlin",
    "rounding": "half_up",
    "termination": False,
}


def test_an_amount_is_prorated_and_nothing_is_stored() -> None:
    sandbox = Sandbox()
    with nothing_changed():
        response = sandbox.client.post("/api/v1/prorate", REQUEST, format="json")
    assert response.status_code == 200, response.content
    assert response.json() == {
        "numerator": 10,
        "denominator": 29,
        "unit": "days",
        "amount_exact": "6.896551724138",
        "amount": "6.90",
        "complement": "13.10",
    }


def test_an_invoice_of_that_start_has_a_line_of_that_amount() -> None:
    sandbox = Sandbox(start="2024-02-01T00:00:00Z")
    sandbox.plan({**BASE, "amount": REQUEST["amount"], "billing": "in_advance"}, currency="EUR")
    sandbox.customer(currency="EUR", timezone=REQUEST["timezone"])
    sandbox.subscribe(start_at=REQUEST["part"]["start"], anchor="calendar")
    sandbox.clock("2024-02-21T00:00:00Z")
    ((line,),) = (invoice["lines"] for invoice in sandbox.invoices())
    assert line["amount"] == sandbox.post("/prorate", REQUEST, 200)["amount"] == "6.90"


def test_a_part_outside_the_period_is_refused_with_a_pointer() -> None:
    sandbox = Sandbox()
    part = {**REQUEST["part"], "end": "2024-03-01T00:00:00Z"}
    problem = sandbox.post("/prorate", {**REQUEST, "part": part}, 400)
    assert problem["code"] == "invalid"
    assert [error["pointer"] for error in problem["errors"]] == ["/part/end"]


def test_a_float_carries_no_money() -> None:
    problem = Sandbox().post("/prorate", {**REQUEST, "amount": 20.5}, 400)
    assert [error["pointer"] for error in problem["errors"]] == ["/amount"]


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_the_scope_is_that_of_reading_billing(scope: str) -> None:
    sandbox = Sandbox()
    key = factories.api_key(project=sandbox.project, scopes=[scope])
    may = scope in {"billing:read", "admin"}
    sandbox.client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")
    answer = sandbox.post("/prorate", REQUEST, 200 if may else 403)
    assert ("amount" in answer) is may
