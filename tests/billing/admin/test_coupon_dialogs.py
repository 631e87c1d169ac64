"""Coupons and taxes in the console: each act by who may, with a reason."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Coupon, Redemption
from neruba.models import AuditRecord, Customer, TaxRate
from tests import factories
from tests.billing.sandbox import Sandbox, started
from tests.support.console import looking

pytestmark = [pytest.mark.django_db, pytest.mark.once]

MAKE = {
    "_form_submitted": "1",
    "code": "spring",
    "percent_off": "12.5",
    "duration": "repeating",
    "periods": "3",
    "prices": "base, calls",
    "expires_at": "2026-02-28",
    "reason": "the fair",
}
RATE = {"_form_submitted": "1", "code": "vat-de", "name": "VAT", "rate_percent": "19",
        "country": "de", "reason": "Germany"}  # fmt: skip
REASON = {"_form_submitted": "1", "reason": "a mistake"}


@pytest.fixture
def sandbox() -> Sandbox:
    return started(timezone="Europe/Berlin")


@pytest.fixture
def acme(sandbox: Sandbox) -> Customer:
    return Customer.objects.get(project=sandbox.project)


def agent(sandbox: Sandbox, role: str) -> Client:
    email = f"{role}@op.example"
    return looking(factories.operator(project=sandbox.project, role=role, email=email))


def listed(model: str, name: str) -> str:
    return reverse(f"admin:{model}_{name}")


def dialog(name: str, row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[row.pk])


def page(client: Client, row: Any) -> str:
    answer = client.get(dialog("change", row))
    assert answer.status_code == 200
    return answer.content.decode()


def stored() -> tuple[Any, ...]:
    models = (Coupon, Redemption, TaxRate, AuditRecord, Customer)
    return tuple(list(model.objects.order_by("pk").values()) for model in models)


def test_finance_makes_a_coupon_that_can_be_redeemed_until_a_local_day_ends(
    sandbox: Sandbox,
) -> None:
    client = agent(sandbox, "finance")

    done = client.post(listed("billing_coupon", "make"), MAKE)

    made = Coupon.objects.get()
    assert done.headers["HX-Redirect"] == dialog("change", made)
    assert (made.percent_off, made.duration, made.periods) == ("12.5", "repeating", 3)
    assert made.prices == ["base", "calls"]
    assert made.expires_at is not None
    assert made.expires_at.isoformat() == "2026-02-28T23:00:00+00:00"
    record = AuditRecord.objects.get(action="coupon.created")
    assert (record.actor, record.reason) == ("finance@op.example", "the fair")
    assert json.loads(record.details)["percent_off"] == "12.5"
    assert "12.5 % off for 3 periods" in page(client, made)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"percent_off": "101"}, "is not a percentage from 0 to 100"),
        ({"amount_off": "5"}, "not both"),
        ({"periods": ""}, "says for how many periods"),
        ({"prices": "base, seats"}, "No plan has a price seats"),
        ({"reason": ""}, "This field is required"),
        ({"code": "taken"}, "never changes"),
    ],
)
def test_a_senseless_coupon_is_refused_in_the_dialog(
    sandbox: Sandbox, change: dict[str, str], says: str
) -> None:
    factories.coupon(project=sandbox.project, code="taken")
    client = agent(sandbox, "finance")
    before = stored()
    html = client.post(listed("billing_coupon", "make"), {**MAKE, **change}).content.decode()
    assert says in html
    assert stored() == before


def test_support_redeems_a_coupon_and_sees_it_on_the_customers_page(
    sandbox: Sandbox, acme: Customer
) -> None:
    factories.coupon(project=sandbox.project, code="five", amount_off="5")
    client, redeem = agent(sandbox, "support"), dialog("redeem_coupon", acme)

    done = client.post(redeem, {**REASON, "code": "five"})

    assert done.headers["HX-Redirect"] == dialog("change", acme)
    made = Redemption.objects.get()
    assert (made.customer, made.actor) == (acme, "support@op.example")
    assert AuditRecord.objects.get(action="coupon.redeemed").reason == "a mistake"
    assert "5.00 USD off, once" in page(client, acme)
    before = stored()
    assert "There is no coupon" in client.post(redeem, {**REASON, "code": "six"}).content.decode()
    assert stored() == before


def test_finance_ends_a_coupon_and_a_redemption(sandbox: Sandbox, acme: Customer) -> None:
    coupon = factories.coupon(project=sandbox.project, code="five", amount_off="5")
    redemption = factories.redemption(customer=acme, coupon=coupon)
    client = agent(sandbox, "finance")

    for row in (coupon, redemption):
        assert client.post(dialog("end", row), {"_form_submitted": "1"}).status_code == 200
        row.refresh_from_db()
        assert row.ended_at is None
        assert "HX-Redirect" in client.post(dialog("end", row), REASON).headers
        row.refresh_from_db()
        assert row.ended_at == factories.START
        assert "2026-01-01 00:00 UTC" in page(client, row)
    actions = ["coupon.ended", "coupon.redemption_ended"]
    reasons = AuditRecord.objects.filter(action__in=actions).values_list("reason", flat=True)
    assert list(reasons) == ["a mistake"] * 2


def test_finance_makes_a_rate_and_sets_a_customers_taxes(sandbox: Sandbox, acme: Customer) -> None:
    client = agent(sandbox, "finance")
    made = client.post(listed("neruba_taxrate", "make"), RATE)
    rate = TaxRate.objects.get()
    assert made.headers["HX-Redirect"] == dialog("change", rate)
    assert (rate.rate_percent, rate.country, rate.inclusive) == ("19", "DE", False)
    given = {**REASON, "tax_rates": "vat-de", "tax_exempt": "reverse"}

    assert "HX-Redirect" in client.post(dialog("set_taxes", acme), given).headers

    acme.refresh_from_db()
    assert (acme.tax_rates, acme.tax_exempt) == (["vat-de"], "reverse")
    record = AuditRecord.objects.get(action="customer.changed")
    assert (record.actor, record.reason) == ("finance@op.example", "a mistake")
    assert "reverse charge" in page(client, acme)
    before = stored()
    for rates in ("vat-de, vat-fr", "vat-de, vat-de"):
        html = client.post(dialog("set_taxes", acme), {**given, "tax_rates": rates})
        assert "HX-Redirect" not in html.headers
    assert stored() == before


@pytest.mark.parametrize("role", ["support", "developer", "auditor"])
def test_others_look_and_change_nothing(sandbox: Sandbox, acme: Customer, role: str) -> None:
    coupon = factories.coupon(project=sandbox.project)
    redemption = factories.redemption(customer=acme, coupon=coupon)
    rate = factories.tax_rate(project=sandbox.project)
    client, before = agent(sandbox, role), stored()
    acts = [
        (listed("billing_coupon", "make"), MAKE),
        (dialog("end", coupon), REASON),
        (dialog("end", redemption), REASON),
        (listed("neruba_taxrate", "make"), RATE),
        (dialog("set_taxes", acme), {**REASON, "tax_exempt": "exempt"}),
    ]
    if role != "support":
        acts.append((dialog("redeem_coupon", acme), {**REASON, "code": coupon.code}))
    for address, given in acts:
        assert client.post(address, given).status_code == 403, address
    assert stored()[:3] == before[:3]
    assert Customer.objects.get().tax_exempt == "none"
    for row in (coupon, redemption, rate):
        page(client, row)
