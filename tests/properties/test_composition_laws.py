"""Laws of composition: whatever is taken off and put on, it adds up to the minor unit."""

import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.rating.adjustments import Adjustments
from billing.rating.composition import Composition, compose
from billing.rating.coupon import RedeemedCoupon
from billing.rating.discounts import CouponFacts
from billing.rating.facts import InvoiceFacts, PeriodFacts
from billing.rating.invoice import InvoiceContent, amount_of_evidence
from billing.rating.lines import Line, LineKind
from billing.rating.minimum import counted_minor, due_minimum
from billing.rating.rhythm import Rhythm
from billing.rating.taxes import TaxFacts
from billing.rating.terms import Terms
from neruba.money import Rounding, apportion, rounded_minor
from neruba.project_settings import ProjectSettings
from neruba.tax import TaxRateFact

EXAMPLES = int(os.environ.get("NERUBA_EXAMPLES", "50"))
START = datetime(2026, 1, 15, tzinfo=UTC)
CURRENCIES = ["USD", "JPY", "KWD"]
HUNDRED = 100

minors = st.integers(0, 5_000_000)
percents = st.decimals("0.0001", "100", places=4)


@st.composite
def rates(draw: st.DrawFn) -> TaxFacts:
    several = [
        TaxRateFact(f"rate-{index}", "", draw(percents), draw(st.booleans()))
        for index in range(draw(st.integers(0, 3)))
    ]
    exempt = draw(st.sampled_from(["none", "none", "none", "reverse", "exempt"]))
    return TaxFacts(tuple(several), exempt)  # type: ignore[arg-type]


@st.composite
def coupons(draw: st.DrawFn, currency: str) -> list[CouponFacts]:
    answer = []
    for number in range(1, draw(st.integers(0, 4)) + 1):
        percent = draw(st.none() | percents)
        duration = draw(st.sampled_from(["once", "repeating", "forever"]))
        coupon = RedeemedCoupon(
            code=f"C{number}",
            name="",
            percent_off=percent,
            amount_off_minor=draw(st.integers(1, 2_000_000)) if percent is None else None,
            currency=currency,
            duration=duration,
            periods=draw(st.integers(1, 3)) if duration == "repeating" else None,
            number=number,
            redeemed_at=START,
            prices=frozenset(draw(st.sets(st.sampled_from(["p0", "p1", "p2"]), max_size=2))),
        )
        first = draw(st.none() | st.integers(0, 1))
        used = {} if first is None else {first: draw(st.integers(0, 1_000_000))}
        answer.append(CouponFacts(coupon, first, used))
    return answer


@st.composite
def documents(draw: st.DrawFn) -> tuple[InvoiceFacts, list[Line]]:
    currency = draw(st.sampled_from(CURRENCIES))
    rounding: Rounding = draw(st.sampled_from(["half_up", "half_even"]))
    policy = ProjectSettings(rounding=rounding)
    terms = Terms(
        plan="pro",
        plan_version=1,
        currency=currency,
        rhythm=Rhythm("month"),
        anchor=draw(st.sampled_from(["calendar", "anniversary"])),
        billing_day=None,
        zone="UTC",
        basis="day",
        start=START,
        prices=(),
        minimum_commitment_minor=draw(st.none() | minors),
    )
    ended = PeriodFacts(terms.schedule.period(0), policy)
    begun = PeriodFacts(terms.schedule.period(1), policy)
    lines = []
    for index in range(draw(st.integers(0, 5))):
        held = draw(st.sampled_from([ended, begun]))
        minor = draw(minors)
        kind: LineKind = draw(st.sampled_from(["usage", "recurring", "charge"]))
        lines.append(
            Line(
                key=f"{kind}:{index}",
                kind=kind,
                price=f"p{index % 3}",
                description="",
                period=held.period.interval,
                quantity="1",
                unit_amount=None,
                amount_minor=-minor if kind == "charge" and draw(st.booleans()) else minor,
                earned="usage",
                evidence={},
                unit=None if kind == "charge" else held.period.number,
            )
        )
    facts = InvoiceFacts(
        customer="acme",
        subscription="sub",
        currency=currency,
        period=ended.period.interval,
        terms=terms,
        boundary=1,
        ended=ended,
        begun=begun,
        coupons=tuple(draw(coupons(currency))),
        tax=draw(rates()),
        rounding=rounding,
        counted_minor=draw(minors) if terms.minimum_commitment_minor is not None else 0,
    )
    return facts, lines


@settings(max_examples=EXAMPLES * 4)
@given(documents())
def test_lines_less_discounts_with_taxes_are_the_total(
    document: tuple[InvoiceFacts, list[Line]],
) -> None:
    facts, lines = document
    content = InvoiceContent(facts, compose(facts, lines)).content()

    def minor(rows: list[dict[str, Any]]) -> int:
        return sum(int(row["amount"].replace(".", "")) for row in rows)

    total = minor(content["lines"]) - minor(content["discounts"]) + minor(content["taxes"])
    assert total == int(content["total"].replace(".", ""))
    for row in [*content["discounts"], *content["taxes"]]:
        assert minor([row]) == minor(row["lines"])


@settings(max_examples=EXAMPLES * 4)
@given(documents())
def test_what_is_inclusive_changes_no_total(document: tuple[InvoiceFacts, list[Line]]) -> None:
    facts, lines = document
    composed = compose(facts, lines)
    gross = sum(line.gross_minor for line in composed.lines)
    gross -= sum(one.gross_minor for one in composed.discounts)
    put_on = sum(tax.amount_minor for tax in composed.taxes if not tax.rate.inclusive)
    assert composed.total_minor == gross + put_on


@settings(max_examples=EXAMPLES * 4)
@given(documents())
def test_each_tax_is_its_exact_sum_rounded_once(
    document: tuple[InvoiceFacts, list[Line]],
) -> None:
    facts, lines = document
    composed = compose(facts, lines)
    left = gross_by_line(composed)
    inclusive = sum(
        (Fraction(rate.rate_percent) for rate in facts.tax.rates if rate.inclusive), Fraction(0)
    )
    for tax in composed.taxes:
        percent = Fraction(tax.rate.rate_percent)
        if tax.reason:
            assert tax.amount_minor == 0
        elif tax.rate.inclusive:
            exact = sum(left[line] for line, _, _ in tax.parts) * percent / (HUNDRED + inclusive)
            assert tax.amount_minor == rounded_minor(exact, facts.rounding)
        else:
            exact = tax.base_minor * percent / HUNDRED
            assert tax.amount_minor == rounded_minor(exact, facts.rounding)


@settings(max_examples=EXAMPLES * 4)
@given(documents())
def test_no_line_is_discounted_below_zero_and_no_amount_is_given_twice(
    document: tuple[InvoiceFacts, list[Line]],
) -> None:
    facts, lines = document
    composed = compose(facts, lines)
    left = gross_by_line(composed)
    given = {line.key for line in lines if line.amount_minor > 0}
    assert all(left[key] >= 0 for key in given)
    for coupon in facts.coupons:
        off = coupon.coupon.amount_off_minor
        for unit in (0, 1):
            mine = [
                one.gross_minor
                for one in composed.discounts
                if one.unit == unit and one.coupon.number == coupon.coupon.number
            ]
            assert all(minor > 0 for minor in mine)
            if off is not None and mine:
                assert sum(mine) + coupon.used.get(unit, 0) <= off


@settings(max_examples=EXAMPLES * 4)
@given(documents())
def test_a_period_counts_at_least_the_minimum(document: tuple[InvoiceFacts, list[Line]]) -> None:
    facts, lines = document
    composed = compose(facts, lines)
    minimums = [line for line in composed.lines if line.kind == "minimum"]
    if facts.terms is None or facts.terms.minimum_commitment_minor is None or facts.ended is None:
        assert minimums == []
        return
    minimum = due_minimum(facts.terms, facts.ended, facts.currency)
    due = 0 if minimum is None else minimum.minor
    counted = facts.counted_minor + counted_minor(
        composed.lines, composed.discounts, facts.ended.period
    )
    trued_up = sum(line.gross_minor for line in minimums)
    assert counted + trued_up == max(counted, due)
    for line in minimums:
        evidence = json.loads(line.evidence_text)
        assert amount_of_evidence(evidence, facts.currency) == line.amount_minor


@settings(max_examples=EXAMPLES * 4)
@given(documents())
def test_what_a_document_knew_is_read_as_it_was_written(
    document: tuple[InvoiceFacts, list[Line]],
) -> None:
    facts, lines = document
    known = Adjustments.of(facts)
    again = Adjustments.read(known.text(is_used=True), "half_up")
    assert again == known
    same = compose(again.put_in(facts), lines)
    assert same == compose(facts, lines)


@settings(max_examples=EXAMPLES * 4)
@given(
    st.lists(st.fractions(-1000, 1000, max_denominator=1000), max_size=8),
    st.sampled_from(["half_up", "half_even"]),
)
def test_parts_add_up_each_less_than_a_unit_from_its_share(
    shares: list[Fraction], rounding: Any
) -> None:
    total = rounded_minor(sum(shares, Fraction(0)), rounding)
    parts = apportion(total, shares)
    assert sum(parts) == total
    assert all(abs(part - share) < 1 for part, share in zip(parts, shares, strict=True))
    assert apportion(-total, [-share for share in shares]) == [-part for part in parts]


def gross_by_line(composed: Composition) -> dict[str, int]:
    left = {line.key: line.gross_minor for line in composed.lines}
    for one in composed.discounts:
        left[one.line] -= one.gross_minor
    return left


def test_a_discount_of_everything_leaves_nothing_to_tax() -> None:
    coupon = CouponFacts(
        RedeemedCoupon(
            code="ALL",
            name="",
            percent_off=Decimal(100),
            amount_off_minor=None,
            currency="",
            duration="forever",
            periods=None,
            number=1,
            redeemed_at=START,
        )
    )
    policy = ProjectSettings()
    terms = Terms(
        plan="pro", plan_version=1, currency="USD", rhythm=Rhythm("month"), anchor="calendar",
        billing_day=None, zone="UTC", basis="day", start=START, prices=(),
    )  # fmt: skip
    begun = PeriodFacts(terms.schedule.period(0), policy)
    fee = Line(
        key="fee", kind="recurring", price="fee", description="", period=begun.period.interval,
        quantity="1", unit_amount=None, amount_minor=999, earned="ahead", evidence={}, unit=0,
    )  # fmt: skip
    tax = TaxFacts((TaxRateFact("vat", "VAT", Decimal(20), inclusive=False),))
    facts = InvoiceFacts(
        customer="acme", subscription="sub", currency="USD", period=begun.period.interval,
        terms=terms, boundary=0, begun=begun, coupons=(coupon,), tax=tax,
    )  # fmt: skip
    composed = compose(facts, [fee])
    assert (composed.subtotal_minor, composed.discount_minor, composed.tax_minor) == (999, 999, 0)
