"""Laws of comparison: over documents of any prices, the parts are the difference."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.rating.compare import compare
from billing.rating.facts import (
    BilledUsage,
    ChargeFacts,
    CorrectionFacts,
    InvoiceFacts,
    PeriodFacts,
    UsageFacts,
)
from billing.rating.invoice import compute_invoice
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.rhythm import Rhythm
from billing.rating.terms import Terms
from neruba.decimals import plain
from neruba.money import Rounding
from neruba.project_settings import ProjectSettings
from tests.properties.price_strategies import amounts, definitions, measured, with_negative
from tests.properties.test_composition_laws import coupons, minors, rates

EXAMPLES = int(os.environ.get("NERUBA_EXAMPLES", "50"))
START = datetime(2026, 1, 15, 6, 30, tzinfo=UTC)
OF_SEATS = ("per_unit", "graduated", "volume", "package")

Pair = tuple[dict[str, Any], dict[str, Any]]
# What stands of a definition when a price is changed but keeps its model: only what it costs.
COSTS = ("amount", "unit_amount", "rate_percent", "default_unit_amount")


@st.composite
def plan_prices(draw: st.DrawFn, code: str, kind: str) -> dict[str, Any]:
    common = {"code": code, "kind": kind, "prorate": draw(st.booleans())}
    if kind == "usage":
        meter = draw(st.sampled_from(["calls", "calls", "tokens"]))
        return {**common, "meter": meter, **draw(definitions())}
    if kind == "seat":
        return {**common, **draw(definitions(*OF_SEATS, around=False))}
    billing = draw(st.sampled_from(["in_advance", "in_arrears"]))
    return {**common, "billing": billing, "model": "flat", "amount": draw(amounts)}


@st.composite
def changed(draw: st.DrawFn, price: dict[str, Any]) -> dict[str, Any] | None:
    """The price as it stands later: often the same or at another cost; else another, or gone."""
    how = draw(st.sampled_from(["same", "same", "cost", "cost", "other", "gone"]))
    if how == "other":
        return draw(plan_prices(price["code"], price["kind"]))
    if how == "gone":
        return None
    costs = {} if how == "same" else {name: draw(amounts) for name in COSTS if name in price}
    if "rate_percent" in costs:
        costs["rate_percent"] = plain(Decimal(draw(st.integers(0, 100))))
    return {**price, **costs}


@st.composite
def documents(
    draw: st.DrawFn, prices: list[dict[str, Any]], boundary: int, currency: str
) -> dict[str, Any]:
    policy = ProjectSettings(
        rounding=draw(st.sampled_from(["half_up", "half_even"])),
        proration_basis=draw(st.sampled_from(["day", "second", "day_30"])),
    )
    rounding: Rounding = draw(st.sampled_from(["half_up", "half_even"]))
    parsed = tuple(parse_plan_price(price) for price in prices)
    seats = {one.code: draw(st.integers(0, 9).map(Decimal)) for one in parsed if one.kind == "seat"}
    terms = Terms(
        plan="pro", plan_version=1, currency=currency, rhythm=Rhythm("month"), anchor="calendar",
        billing_day=None, zone="UTC", basis="day", start=START, prices=parsed, quantities=seats,
        minimum_commitment_minor=draw(st.none() | minors),
    )  # fmt: skip
    held = [PeriodFacts(terms.schedule.period(number), policy) for number in range(boundary + 1)]
    charges = [
        ChargeFacts(f"c{boundary}-{place}", draw(st.integers(-500, 500)), "Setup", START, "")
        for place in range(draw(st.integers(0, 2)))
    ]
    usage = [one for one in parsed if one.kind == "usage"]
    late = [one for one in usage if boundary > 1 and draw(st.booleans())]
    facts = InvoiceFacts(
        customer="acme", subscription="sub", currency=currency,
        period=held[boundary - 1].period.interval, terms=terms, boundary=boundary,
        ended=held[boundary - 1], begun=held[boundary],
        usage={one.code: draw(used(one)) for one in usage},
        charges=tuple(charges),
        corrections=tuple(
            CorrectionFacts(held[0], one.code, "first", draw(used(one)),
                            BilledUsage(draw(minors)), unit=0)
            for one in late
        ),
        coupons=tuple(draw(coupons(currency))), tax=draw(rates()), rounding=rounding,
    )  # fmt: skip
    return compute_invoice(facts).content()


@st.composite
def used(draw: st.DrawFn, price: PlanPrice) -> UsageFacts:
    found = measured(draw(with_negative))
    return UsageFacts(price.meter or "", "sum", found.quantity, len(found.values), "00",
                      found.groups, found.values)  # fmt: skip


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Two documents of a subscription, of one boundary or of two, under prices that may differ."""
    currency = draw(st.sampled_from(["USD", "JPY", "KWD"]))
    kinds = draw(st.lists(st.sampled_from(["usage", "usage", "seat", "recurring"]), max_size=4))
    old = [draw(plan_prices(f"p{place}", kind)) for place, kind in enumerate(kinds)]
    new = [one for one in (draw(changed(price)) for price in old) if one is not None]
    return (
        draw(documents(old, draw(st.sampled_from([1, 2])), currency)),
        draw(documents(new, draw(st.sampled_from([1, 2])), currency)),
    )


def minor(amount: str) -> int:
    return int(amount.replace(".", ""))


@settings(max_examples=EXAMPLES * 4)
@given(pairs())
def test_the_parts_add_up_to_the_difference_of_the_totals(pair: Pair) -> None:
    old, new = pair
    found = compare(old, new)
    assert sum(part.amount_minor for part in found.parts) == minor(new["total"]) - minor(
        old["total"]
    )
    assert found.difference_minor == minor(new["total"]) - minor(old["total"])
    assert all(part.amount_minor for part in found.parts)


@settings(max_examples=EXAMPLES)
@given(pairs())
def test_a_document_differs_from_itself_in_nothing(pair: Pair) -> None:
    for one in pair:
        found = compare(one, one)
        assert (found.parts, found.difference_minor) == ((), 0)


@settings(max_examples=EXAMPLES)
@given(pairs())
def test_the_other_way_round_the_difference_is_negated(pair: Pair) -> None:
    old, new = pair
    there, back = compare(old, new), compare(new, old)
    assert back.difference_minor == -there.difference_minor
    assert sum(part.amount_minor for part in back.parts) == -there.difference_minor


@settings(max_examples=EXAMPLES * 2)
@given(pairs())
def test_a_cause_is_named_only_where_it_is_one(pair: Pair) -> None:
    """Proration moves something only where shares differ, a price only where prices differ, and a
    quantity only where the use does.
    """
    old, new = ({line["price"]: line for line in of["lines"] if line["kind"] in
                 ("usage", "seat", "recurring")} for of in pair)  # fmt: skip
    for part in compare(*pair).parts:
        if part.cause not in ("quantity", "unit_price", "proration") or part.price is None:
            continue
        before, now = old[part.price]["evidence"], new[part.price]["evidence"]
        if part.cause == "proration":
            assert share(before) != share(now)
        elif part.cause == "unit_price":
            rules = [(one["price"], one["policy"]["rounding"]) for one in (before, now)]
            assert rules[0] != rules[1]
        else:
            assert use(before) != use(now)


def share(evidence: dict[str, Any]) -> tuple[int, ...]:
    part = evidence.get("share")
    if part is None or part["numerator"] == part["denominator"]:
        return (1, 1)
    return part["numerator"], part["denominator"]


def use(evidence: dict[str, Any]) -> object:
    return evidence.get("usage", evidence.get("quantity"))
