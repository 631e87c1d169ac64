"""`POST /rate`: a calculator; nothing is stored."""

import pytest

from neruba.models.access import SCOPES
from tests import factories
from tests.api.outcome import nothing_changed
from tests.billing.sandbox import Sandbox

pytestmark = pytest.mark.django_db

REQUEST = {
    "price": {
        "model": "matrix",
        "cells": [
            {"match": {"cloud": ["aws", "gcp"]}, "unit_amount": "5"},
            {"match": {"cloud": ["aws"]}, "unit_amount": "3"},
        ],
        "default_unit_amount": "10",
    },
    "currency": "EUR",
    "events": [
        {"value": "10", "properties": {"cloud": "aws"}},
        {"value": "7", "properties": {"cloud": "gcp"}},
    ],
}


def test_a_price_is_rated_and_nothing_is_stored() -> None:
    sandbox = Sandbox()
    with nothing_changed():
        response = sandbox.client.post("/api/v1/rate", REQUEST, format="json")
    assert response.status_code == 200, response.content
    answer = response.json()
    assert (answer["amount_exact"], answer["amount"]) == ("65", "65.00")
    assert [step["amount"] for step in answer["steps"]] == ["35", "30"]


def test_a_price_that_makes_no_sense_is_refused_with_a_pointer() -> None:
    sandbox = Sandbox()
    tiers = [{"up_to": "10", "unit_amount": "1"}, {"up_to": "20", "unit_amount": "1"}]
    body = {**REQUEST, "price": {"model": "volume", "tiers": tiers}}
    problem = sandbox.post("/rate", body, 400)
    assert problem["code"] == "invalid"
    assert [error["pointer"] for error in problem["errors"]] == ["/price/tiers/1/up_to"]


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_the_scope_is_that_of_reading_billing(scope: str) -> None:
    sandbox = Sandbox()
    key = factories.api_key(project=sandbox.project, scopes=[scope])
    may = scope in {"billing:read", "admin"}
    sandbox.client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")
    sandbox.post("/rate", REQUEST, 200 if may else 403)
