"""Coupons: made, redeemed and ended."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Coupon, Redemption
from billing.selectors.coupons import redemptions_of
from billing.services.coupons import end_coupon
from neruba.actor import SYSTEM
from neruba.models import AuditRecord, Customer
from tests import factories
from tests.billing.sandbox import Sandbox

pytestmark = pytest.mark.django_db

SPRING: dict[str, Any] = {
    "code": "spring",
    "name": "Spring",
    "percent_off": "12.50",
    "duration": "repeating",
    "periods": 3,
    "prices": ["seats", "base"],
    "max_redemptions": 2,
    "expires_at": "2026-03-01T00:00:00Z",
}
FLAT: dict[str, Any] = {"code": "flat", "amount_off": "5"}


@pytest.fixture
def sandbox() -> Sandbox:
    made = Sandbox()
    made.customer()
    return made


def state() -> tuple[Any, ...]:
    """All that a refusal must leave as it was."""
    return (
        list(Coupon.objects.order_by("pk").values()),
        list(Redemption.objects.order_by("pk").values()),
        AuditRecord.objects.count(),
    )


def redeem(sandbox: Sandbox, code: str, status: int = 201, customer: str = "acme") -> Any:
    return sandbox.post(f"/customers/{customer}/coupons", {"code": code}, status)


def test_a_coupon_is_made_once_and_read(sandbox: Sandbox) -> None:
    made = sandbox.post("/coupons", SPRING)

    assert made == {
        **SPRING,
        "percent_off": "12.5",
        "amount_off": None,
        "currency": None,
        "prices": ["base", "seats"],
        "expires_at": "2026-03-01T00:00:00.000000Z",
        "redemptions": 0,
        "ended_at": None,
        "created_at": "2026-01-01T00:00:00.000000Z",
    }
    assert sandbox.post("/coupons", {**SPRING, "prices": ["base", "seats"]}, 200) == made
    assert sandbox.get("/coupons/spring") == made
    assert sandbox.get("/coupons")["data"] == [made]
    assert AuditRecord.objects.filter(action="coupon.created").count() == 1


def test_an_amount_has_the_projects_currency_unless_it_names_another(sandbox: Sandbox) -> None:
    made = sandbox.post("/coupons", FLAT)
    assert (made["amount_off"], made["currency"]) == ("5.00", "USD")
    assert (made["percent_off"], made["duration"], made["periods"]) == (None, "once", None)
    yen = sandbox.post("/coupons", {"code": "yen", "amount_off": "500", "currency": "JPY"})
    assert (yen["amount_off"], yen["currency"]) == ("500", "JPY")


@pytest.mark.parametrize(
    "other",
    [
        {"percent_off": "13"},
        {"periods": 4},
        {"prices": ["base"]},
        {"max_redemptions": None},
        {"expires_at": None},
        {"name": ""},
        {"duration": "once", "periods": None},
    ],
)
def test_what_a_coupon_gives_never_changes(sandbox: Sandbox, other: dict[str, Any]) -> None:
    sandbox.post("/coupons", SPRING)
    before = state()
    refused = sandbox.post("/coupons", {**SPRING, **other}, 409)
    assert "never changes" in refused["detail"]
    assert state() == before


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"percent_off": "0"}, "/percent_off"),
        ({"percent_off": "-5"}, "/percent_off"),
        ({"percent_off": "100.0001"}, "/percent_off"),
        ({"percent_off": "1.23456"}, "/percent_off"),
        ({"percent_off": None}, "/percent_off"),
        ({"amount_off": "5.00"}, "/amount_off"),
        ({"percent_off": None, "amount_off": "0"}, "/amount_off"),
        ({"percent_off": None, "amount_off": "-1"}, "/amount_off"),
        ({"percent_off": None, "amount_off": "1.001"}, "/amount_off"),
        ({"percent_off": None, "amount_off": "1.5", "currency": "JPY"}, "/amount_off"),
        ({"currency": "USD"}, "/currency"),
        ({"periods": None}, "/periods"),
        ({"periods": 0}, "/periods"),
        ({"duration": "once"}, "/periods"),
        ({"duration": "forever"}, "/periods"),
        ({"duration": "twice"}, "/duration"),
        ({"prices": ["base", "base"]}, "/prices/1"),
        ({"max_redemptions": 0}, "/max_redemptions"),
        ({"expires_at": "soon"}, "/expires_at"),
    ],
)
def test_a_senseless_coupon_is_refused(
    sandbox: Sandbox, change: dict[str, Any], pointer: str
) -> None:
    before = state()
    refused = sandbox.post("/coupons", {**SPRING, **change}, 400)
    assert [one["pointer"] for one in refused["errors"]] == [pointer]
    assert state() == before


def test_a_customer_redeems_a_coupon_once(sandbox: Sandbox) -> None:
    sandbox.post("/coupons", SPRING)
    sandbox.clock("2026-01-05T00:00:00Z")

    made = redeem(sandbox, "spring")

    assert made["code"] == "spring"
    assert (made["percent_off"], made["customer"], made["number"]) == ("12.5", "acme", 1)
    assert (made["redeemed_at"], made["ended_at"]) == ("2026-01-05T00:00:00.000000Z", None)
    sandbox.clock("2026-03-02T00:00:00Z")  # it expired meanwhile
    assert redeem(sandbox, "spring", 200) == made
    assert sandbox.get("/customers/acme/coupons")["data"] == [made]
    assert sandbox.get("/coupons/spring")["redemptions"] == 1
    record = AuditRecord.objects.get(action="coupon.redeemed")
    assert (record.object_id, record.details) == ("acme", '{"coupon":"spring"}')


def test_what_is_not_there_is_not_redeemed(sandbox: Sandbox) -> None:
    sandbox.post("/coupons", SPRING)
    Sandbox().post("/coupons", {**SPRING, "code": "theirs"})
    before = state()
    assert redeem(sandbox, "theirs", 404)["code"] == "not_found"
    assert redeem(sandbox, "SPRING", 404)["code"] == "not_found"
    assert redeem(sandbox, "spring", 404, customer="nobody")["code"] == "not_found"
    assert state() == before


def test_an_expired_coupon_is_refused_from_the_very_instant(sandbox: Sandbox) -> None:
    sandbox.post("/coupons", SPRING)
    sandbox.customer("beta")
    sandbox.clock("2026-02-28T23:59:59Z")
    redeem(sandbox, "spring")
    sandbox.clock("2026-03-01T00:00:00Z")
    before = state()
    assert redeem(sandbox, "spring", 409, customer="beta")["code"] == "coupon_expired"
    assert state() == before


def test_a_coupon_that_was_ended_is_refused_and_kept_by_those_who_have_it(
    sandbox: Sandbox,
) -> None:
    sandbox.post("/coupons", SPRING)
    sandbox.customer("beta")
    made = redeem(sandbox, "spring")
    ended = factories.START
    end_coupon(coupon=Coupon.objects.get(), actor=SYSTEM, reason="a leak", at=ended)
    end_coupon(coupon=Coupon.objects.get(), actor=SYSTEM, reason="again", at=ended)
    before = state()
    assert redeem(sandbox, "spring", 409, customer="beta")["code"] == "coupon_ended"
    assert redeem(sandbox, "spring", 200) == made
    assert state() == before
    assert AuditRecord.objects.get(action="coupon.ended").reason == "a leak"
    acme = Customer.objects.get(external_id="acme")
    assert len(redemptions_of(sandbox.project, [acme.pk])[acme.pk]) == 1


def test_a_coupon_is_redeemed_as_often_as_it_may_be(sandbox: Sandbox) -> None:
    sandbox.post("/coupons", SPRING)
    for name in ("beta", "gamma"):
        sandbox.customer(name)
    redeem(sandbox, "spring")
    redeem(sandbox, "spring", customer="beta")
    before = state()
    assert redeem(sandbox, "spring", 409, customer="gamma")["code"] == "coupon_exhausted"
    redeem(sandbox, "spring", 200, customer="beta")
    assert state() == before
    assert sandbox.get("/coupons/spring")["redemptions"] == 2


def test_an_erased_customer_redeems_nothing(sandbox: Sandbox) -> None:
    sandbox.post("/coupons", SPRING)
    sandbox.post("/customers/acme/erase", {"reason": "asked for it"}, 200)
    before = state()
    assert redeem(sandbox, "spring", 409)["code"] == "customer_erased"
    assert state() == before


def test_a_coupon_in_another_currency_is_redeemed(sandbox: Sandbox) -> None:
    """It waits for an invoice of that currency."""
    sandbox.post("/coupons", {**FLAT, "currency": "JPY"})
    assert redeem(sandbox, "flat")["currency"] == "JPY"


def test_a_customers_coupon_is_ended_for_good(sandbox: Sandbox) -> None:
    sandbox.post("/coupons", SPRING)
    sandbox.post("/coupons", FLAT)
    redeem(sandbox, "spring")
    kept = redeem(sandbox, "flat")
    sandbox.clock("2026-01-09T00:00:00Z")

    path = "/customers/acme/coupons/spring"
    assert sandbox.call("DELETE", f"{path}?reason=a%20mistake", status=204) is None

    ended, other = sandbox.get("/customers/acme/coupons")["data"]
    assert (ended["code"], ended["ended_at"]) == ("spring", "2026-01-09T00:00:00.000000Z")
    assert other == kept
    acme = Customer.objects.get()
    assert [one.code for one in redemptions_of(sandbox.project, [acme.pk])[acme.pk]] == ["flat"]
    assert AuditRecord.objects.get(action="coupon.redemption_ended").reason == "a mistake"
    before = state()
    sandbox.call("DELETE", path, status=204)
    assert redeem(sandbox, "spring", 409)["code"] == "coupon_ended"
    sandbox.call("DELETE", "/customers/acme/coupons/summer", status=404)
    assert state() == before
    # What was redeemed stays redeemed.
    assert sandbox.get("/coupons/spring")["redemptions"] == 1


def test_invoices_read_the_coupons_of_many_customers_in_one_query(sandbox: Sandbox) -> None:
    sandbox.post("/coupons", SPRING)
    sandbox.post("/coupons", FLAT)
    sandbox.customer("beta")
    sandbox.customer("gamma")
    redeem(sandbox, "flat")
    redeem(sandbox, "spring")
    redeem(sandbox, "spring", customer="beta")
    ids = {row.external_id: row.pk for row in Customer.objects.all()}

    with CaptureQueriesContext(connection) as captured:
        found = redemptions_of(sandbox.project, list(ids.values()))

    assert len(captured) == 1
    assert {pk: [(one.number, one.code) for one in several] for pk, several in found.items()} == {
        ids["acme"]: [(1, "flat"), (2, "spring")],
        ids["beta"]: [(1, "spring")],
    }
    flat, spring = found[ids["acme"]]
    assert (flat.percent_off, flat.amount_off_minor, flat.currency) == (None, 500, "USD")
    assert (spring.percent_off, spring.amount_off_minor) == (Decimal("12.5"), None)
    assert (spring.duration, spring.periods) == ("repeating", 3)
    assert spring.prices == {"base", "seats"}
    assert spring.redeemed_at == factories.START
    assert redemptions_of(factories.project(), list(ids.values())) == {}
