"""Laws of invoices: the preview is the invoice, lines less discounts with tax are its total,
evidence alone gives the amount of each line.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from billing.rating.invoice import amount_of_evidence
from neruba.decimals import plain
from neruba.money import Money, exponent
from tests.billing.composed import redeemed, taxed
from tests.billing.sandbox import Sandbox
from tests.properties.price_strategies import definitions

START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia"]
# A year of billing each: half as many as of a plain law.
pytestmark = pytest.mark.once

EXAMPLES = int(os.environ.get("NERUBA_EXAMPLES", "50"))
_numbers = count(1)

amounts = st.decimals("0", "500", places=4).map(plain)
unit_amounts = st.decimals("0", "3", places=9).map(plain)
percents = st.sampled_from(["0.5", "7.7", "19", "20", "33.333", "100"])
# What a meter says in one number; prices that read groups or events have laws of their own.
MODELS = ("per_unit", "graduated", "volume", "package")
QUANTITY_PRICE_CODES = ("count", "sum", "max")


@st.composite
def price_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    prices: list[dict[str, Any]] = [
        {
            "code": "base",
            "kind": "recurring",
            "model": "flat",
            "amount": draw(amounts),
            "billing": draw(st.sampled_from(["in_advance", "in_arrears"])),
            "prorate": draw(st.booleans()),
        },
        {"code": "seats", "kind": "seat", "model": "per_unit", "unit_amount": draw(unit_amounts)},
        {"code": "setup", "kind": "one_time", "model": "flat", "amount": draw(amounts)},
    ]
    for meter in sorted(draw(st.sets(st.sampled_from(QUANTITY_PRICE_CODES)))):
        definition = draw(definitions(*MODELS))
        given = {name: value for name, value in definition.items() if value is not None}
        prices.append({"code": meter, "kind": "usage", "meter": meter, **given})
    return prices


coupons = st.lists(
    st.builds(
        lambda kind, duration, prices: {**kind, **duration, "prices": prices},
        percents.map(lambda percent: {"percent_off": percent})
        | st.integers(1, 20_000).map(lambda minor: {"amount_off_minor": minor}),
        st.sampled_from(
            [{"duration": "once"}, {"duration": "repeating", "periods": 2}, {"duration": "forever"}]
        ),
        st.sampled_from([[], [], ["base"], ["count", "setup"]]),
    ),
    max_size=2,
)
events = st.lists(
    st.tuples(
        st.integers(0, 100 * 24 * 3600),
        st.decimals("0", "500", places=3).map(plain),
        st.sampled_from([False, False, True]),
    ),
    max_size=12,
)


@dataclass(frozen=True)
class Year:
    """What a customer of a year has: prices, and what is taken off and put on them."""

    prices: list[dict[str, Any]]
    coupons: list[Mapping[str, Any]]
    rates: list[tuple[str, bool]]
    exempt: str
    minimum: str | None
    currency: str
    settings: Mapping[str, str]
    zone: str
    anchor: str
    start: int


years = st.builds(
    Year,
    prices=price_lists(),
    coupons=coupons,
    rates=st.lists(st.tuples(percents, st.booleans()), max_size=2),
    exempt=st.sampled_from(["none", "none", "none", "exempt", "reverse"]),
    minimum=st.none() | st.integers(1, 1000).map(str),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
    settings=st.fixed_dictionaries(
        {
            "proration_basis": st.sampled_from(["day", "second", "day_30"]),
            "rounding": st.sampled_from(["half_up", "half_even"]),
        }
    ),
    zone=st.sampled_from(ZONES),
    anchor=st.sampled_from(["calendar", "anniversary"]),
    start=st.integers(0, 40 * 24 * 3600),
)


def _offered(coupon: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """A coupon as the API takes it: amounts as text in the currency of the year."""
    if "amount_off_minor" not in coupon:
        return dict(coupon)
    content = {name: value for name, value in coupon.items() if name != "amount_off_minor"}
    amount = Money(coupon["amount_off_minor"], currency).amount
    return {**content, "amount_off": amount, "currency": currency}


class InvoiceLaws(TestCase):
    @settings(max_examples=max(5, EXAMPLES // 2))
    @given(year=years, used=events)
    def test_each_preview_is_the_invoice_that_is_issued(
        self, year: Year, used: list[tuple[int, str, bool]]
    ) -> None:
        sandbox = Sandbox(slug=f"law-{next(_numbers)}", settings=year.settings)
        for aggregation in QUANTITY_PRICE_CODES:
            sandbox.meter(aggregation, event_type="calls", aggregation=aggregation,
                          value_property="" if aggregation == "count" else "n")  # fmt: skip
        more = {} if year.minimum is None else {"minimum_commitment": year.minimum}
        sandbox.plan(*year.prices, currency=year.currency, **more)
        sandbox.customer()
        for place, (percent, inclusive) in enumerate(year.rates):
            code = f"rate-{place}"
            taxed(sandbox, percent, code=code, exempt=year.exempt, inclusive=inclusive)
        for place, coupon in enumerate(year.coupons):
            redeemed(sandbox, f"coupon-{place}", **_offered(coupon, year.currency))
        begin = START + timedelta(seconds=year.start)
        sandbox.subscribe(
            start_at=begin.isoformat(),
            anchor=year.anchor,
            timezone=year.zone,
            quantities={"seats": "3"},
        )
        sandbox.project.refresh_from_db()
        for late in (False, True):
            for number, (second, value, is_late) in enumerate(sorted(used)):
                if is_late == late:
                    at = (START + timedelta(seconds=second)).isoformat()
                    sandbox.clock("2026-04-11T00:00:00Z" if late else at)
                    sandbox.event(at, id=str(number), data={"n": value})
        self._check(sandbox, year.currency)

    def _check(self, sandbox: Sandbox, currency: str) -> None:
        sandbox.clock("2026-04-11T00:00:00Z")
        before = {invoice["id"] for invoice in sandbox.invoices()}
        drafts = {invoice["id"] for invoice in sandbox.invoices("&status=draft")}
        previews = sandbox.preview(subscription="sub", as_of="2026-06-10T00:00:00Z")
        sandbox.clock("2026-06-11T00:00:00Z")
        issued = sandbox.invoices("&to=2026-06-10T00:00:00.000001Z")
        assert [preview["content_hash"] for preview in previews] == [
            invoice["content_hash"] for invoice in issued if invoice["id"] not in before - drafts
        ]
        assert previews
        for invoice in issued:
            self._add_up(invoice, currency)
            verdict = sandbox.post(f"/invoices/{invoice['id']}/verify", None, 200)
            assert verdict["matches"], verdict

    def _add_up(self, invoice: Any, currency: str) -> None:
        lines = invoice["lines"]
        total = Decimal(invoice["total"])
        subtotal = sum(Decimal(line["amount"]) for line in lines)
        discount = sum(Decimal(one["amount"]) for one in invoice["discounts"])
        tax = sum(Decimal(one["amount"]) for one in invoice["taxes"])
        assert total == subtotal - discount + tax
        assert discount == sum(Decimal(line["discount_amount"]) for line in lines)
        assert tax == sum(Decimal(line["tax_amount"]) for line in lines)
        assert len(invoice["total"].partition(".")[2]) == exponent(currency)
        for line in lines:
            again = Money(amount_of_evidence(line["evidence"], currency), currency)
            assert again.amount == line["amount"]
            if line["kind"] != "correction":
                assert Decimal(line["amount"]) >= Decimal(line["discount_amount"]) >= 0
