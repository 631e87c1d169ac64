"""Laws of invoices: the preview is the invoice, lines sum to totals, evidence alone gives the
amount.
"""

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from billing.rating.invoice import amount_of_evidence
from neruba.decimals import plain
from neruba.money import Money, exponent
from tests.billing.sandbox import Sandbox

START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia"]
# A year of billing each: half as many as of a plain law.
EXAMPLES = int(os.environ.get("NERUBA_EXAMPLES", "50"))
_numbers = count(1)

amounts = st.decimals("0", "500", places=4).map(plain)
unit_amounts = st.decimals("0", "3", places=9).map(plain)


@st.composite
def tiers(draw: st.DrawFn) -> list[dict[str, Any]]:
    bounds = sorted(draw(st.sets(st.integers(1, 30), max_size=3)))
    flat = st.decimals("0", "5", places=2).map(plain)
    return [
        {"up_to": bound, "unit_amount": draw(unit_amounts), "flat_amount": draw(flat)}
        for bound in [*map(str, bounds), None]
    ]


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
        }
    ]
    for meter in draw(st.sets(st.sampled_from(["count", "sum", "max"]))):
        usage: dict[str, Any] = {"code": meter, "kind": "usage", "meter": meter}
        if draw(st.booleans()):
            usage |= {"model": "graduated", "tiers": draw(tiers())}
        else:
            usage |= {"model": "per_unit", "unit_amount": draw(unit_amounts)}
        prices.append(usage)
    return prices


events = st.lists(
    st.tuples(
        st.integers(0, 100 * 24 * 3600),
        st.decimals("0", "500", places=3).map(plain),
    ),
    max_size=12,
)


class InvoiceLaws(TestCase):
    @settings(max_examples=max(5, EXAMPLES // 2))
    @given(
        prices=price_lists(),
        used=events,
        zone=st.sampled_from(ZONES),
        anchor=st.sampled_from(["calendar", "anniversary"]),
        start=st.integers(0, 40 * 24 * 3600),
        basis=st.sampled_from(["day", "second", "day_30"]),
        currency=st.sampled_from(["USD", "JPY", "KWD"]),
        rounding=st.sampled_from(["half_up", "half_even"]),
    )
    def test_each_preview_is_the_invoice_that_is_issued(  # noqa: PLR0917 - hypothesis passes names
        self,
        prices: list[dict[str, Any]],
        used: list[tuple[int, str]],
        zone: str,
        anchor: str,
        start: int,
        basis: str,
        currency: str,
        rounding: str,
    ) -> None:
        sandbox = Sandbox(
            slug=f"law-{next(_numbers)}",
            settings={"proration_basis": basis, "rounding": rounding},
        )
        for aggregation in ("count", "sum", "max"):
            sandbox.meter(aggregation, event_type="calls", aggregation=aggregation,
                          value_property="" if aggregation == "count" else "n")  # fmt: skip
        sandbox.plan(*prices, currency=currency)
        sandbox.customer()
        begin = START + timedelta(seconds=start)
        sandbox.subscribe(start_at=begin.isoformat(), anchor=anchor, timezone=zone)
        sandbox.project.refresh_from_db()
        for number, (second, value) in enumerate(sorted(used)):
            at = (START + timedelta(seconds=second)).isoformat()
            sandbox.clock(at)
            sandbox.event(at, id=str(number), data={"n": value})
        self._check(sandbox, currency)

    def _check(self, sandbox: Sandbox, currency: str) -> None:
        sandbox.clock("2026-04-11T00:00:00Z")
        before = {invoice["id"] for invoice in sandbox.invoices("&status=open")}
        before |= {invoice["id"] for invoice in sandbox.invoices("&status=paid")}
        previews = sandbox.preview(subscription="sub", as_of="2026-06-10T00:00:00Z")
        sandbox.clock("2026-06-11T00:00:00Z")
        issued = sandbox.invoices("&to=2026-06-10T00:00:00.000001Z")
        assert [preview["content_hash"] for preview in previews] == [
            invoice["content_hash"] for invoice in issued if invoice["id"] not in before
        ]
        assert previews
        digits = exponent(currency)
        for invoice in issued:
            total = sum(Decimal(line["amount"]) for line in invoice["lines"])
            assert total == Decimal(invoice["total"])
            assert len(invoice["total"].partition(".")[2]) == digits
            for line in invoice["lines"]:
                again = Money(amount_of_evidence(line["evidence"], currency), currency)
                assert again.amount == line["amount"]
            verdict = sandbox.post(f"/invoices/{invoice['id']}/verify", None, 200)
            assert verdict["matches"], verdict
