"""A plan's minimum commitment: said once, kept with the version and with who agreed to it."""

from typing import Any

import pytest

from billing.models import PlanVersion, SubscriptionChange
from billing.rating.terms import Terms
from neruba.canonical import canonical_json
from tests.billing.sandbox import BASE, Sandbox, started

# Of the same content, before there were minimums.
HASH_BEFORE = "daab624ca11baf6bb42532ceae2f4eb7e52faa3dbd3a95a6b9d4e153d7c6c6d2"

pytestmark = pytest.mark.django_db


def test_a_minimum_stands_on_the_version_and_on_what_was_agreed() -> None:
    sandbox = started()
    assert sandbox.plan(BASE, minimum_commitment="100")["minimum_commitment"] == "100.00"
    first = sandbox.subscribe()
    assert first["minimum_commitment"] == "100.00"
    sandbox.plan(BASE, minimum_commitment="250.00")
    assert sandbox.get("/subscriptions/sub") == first
    terms = Terms.read(SubscriptionChange.objects.get().content)
    assert terms.minimum_commitment_minor == 10000
    assert Terms.read(canonical_json(terms.content())) == terms


def test_a_version_without_one_keeps_its_hash_and_another_minimum_is_another_version() -> None:
    sandbox = started()
    plain = sandbox.plan(BASE)
    assert plain["minimum_commitment"] is None
    body = {"code": "pro", "currency": "USD", "interval": "month", "prices": [BASE]}
    assert sandbox.post("/plans", {**body, "minimum_commitment": None}, 200) == plain
    hashes = PlanVersion.objects.filter(version=plain["version"]).values_list("content_hash")
    assert hashes.get() == (HASH_BEFORE,)
    dearer = sandbox.post("/plans", {**body, "minimum_commitment": "5.00"}, 201)
    assert dearer["version"] == plain["version"] + 1
    assert sandbox.post("/plans", {**body, "minimum_commitment": "5"}, 200) == dearer


@pytest.mark.parametrize(
    ("currency", "minimum"),
    [("USD", "-1.00"), ("USD", "1.001"), ("JPY", "1.5"), ("USD", 1.5), ("USD", "many"),
     ("USD", True)],
)  # fmt: skip
def test_a_minimum_that_is_no_amount_of_the_currency_is_refused(
    currency: str, minimum: Any
) -> None:
    sandbox = Sandbox()
    body = {"code": "pro", "currency": currency, "interval": "month", "prices": [BASE]}
    problem = sandbox.post("/plans", {**body, "minimum_commitment": minimum}, 400)
    assert problem["errors"][0]["pointer"] == "/minimum_commitment"
    assert not PlanVersion.objects.exists()
