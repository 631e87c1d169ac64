"""Laws of prices, over random prices of every model, each often with a transform and limits."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.rating.models import MODELS, Price, parse_price
from billing.rating.numbers import Number, add, multiply, number_text
from billing.rating.price import Measured, Rated
from neruba.canonical import canonical_json
from neruba.decimals import plain
from tests.properties.price_strategies import (
    FIELDS,
    Event,
    definitions,
    measured,
    prices,
    quantities,
    used,
    with_negative,
)

ZERO = Decimal(0)
# Those of which more never costs less: the others fall at a bound.
RISING = [name for name, model in MODELS.items() if model.additive]
OF_QUANTITY = [name for name, model in MODELS.items() if model.reads == "quantity"]


def total(*parts: Rated) -> Number:
    return add(ZERO, *(part.amount_exact for part in parts))


def test_every_model_is_drawn() -> None:
    assert FIELDS.keys() == MODELS.keys()


@given(prices(), used, used)
def test_two_ratings_equal_one(price: Price, first: list[Event], second: list[Event]) -> None:
    before = price.use(measured(first))
    more = price.use(measured(second), after=before)
    whole = price.use(measured([*first, *second]))
    assert price.join(before, more) == whole
    assert total(price.rate(before, is_last=False), price.rate(more, before=before)) == total(
        price.rate(whole)
    )


@given(prices(*OF_QUANTITY), quantities, quantities)
def test_two_ratings_of_large_quantities_equal_one(
    price: Price, first: Decimal, second: Decimal
) -> None:
    parts = price.rate(first, is_last=False), price.rate(second, before=first)
    assert total(*parts) == total(price.rate(add(first, second)))


@given(prices(), st.lists(used, min_size=3, max_size=3))
def test_three_ratings_equal_one(price: Price, parts: list[list[Event]]) -> None:
    rated, before, seen = [], None, []
    for number, part in enumerate(parts):
        more = price.use(measured(part), after=before)
        rated.append(price.rate(more, before=before, is_last=number == 2))
        before = more if before is None else price.join(before, more)
        seen += part
    assert total(*rated) == total(price.rate(price.use(measured(seen))))


@given(prices(), used, with_negative)
def test_steps_add_up_to_the_amount(price: Price, first: list[Event], second: list[Event]) -> None:
    before = price.use(measured(first)) if first else None
    rated = price.rate(price.use(measured(second), after=before), before=before)
    assert rated.amount_exact == add(ZERO, *(step.amount for step in rated.steps))
    for step in rated.steps:
        assert step.amount == add(multiply(step.quantity, step.unit_amount), step.flat_amount)
        assert step.text
        assert canonical_json(step.evidence())


@given(prices(*RISING), used, used)
def test_more_never_costs_less(price: Price, first: list[Event], more: list[Event]) -> None:
    less = price.rate(price.use(measured(first))).amount_exact
    assert price.rate(price.use(measured([*first, *more]))).amount_exact >= less >= 0


@given(prices("volume", around=False), quantities, quantities)
def test_within_a_tier_more_of_a_volume_never_costs_less(
    price: Price, first: Decimal, more: Decimal
) -> None:
    """A step names its tier by the price of a unit: with equal prices the law is weaker."""
    last = add(first, more)
    ends = (price.rate(first).steps[-1], price.rate(last).steps[-1])
    bounds = [tier.up_to for tier in price.params.tiered.tiers]  # type: ignore[attr-defined]
    free = price.params.tiered.free_units  # type: ignore[attr-defined]
    if not any(bound is not None and first - free <= bound < last - free for bound in bounds):
        assert ends[1].amount >= ends[0].amount >= 0


@given(prices(), with_negative)
def test_an_amount_lies_between_the_limits(price: Price, used: list[Event]) -> None:
    whole = price.use(measured(used))
    rated = price.rate(whole)
    assert rated.amount_exact >= (price.minimum_amount or 0)
    if price.maximum_amount is not None:
        assert rated.amount_exact <= price.maximum_amount
        assert price.rate(whole, is_last=False).amount_exact <= price.maximum_amount
    if price.minimum_amount is None and price.maximum_amount is None:
        assert all("minimum of" not in step.text for step in rated.steps if step.flat_amount)


@given(prices(), st.none() | used, with_negative)
def test_evidence_alone_gives_the_amount_again(
    price: Price, first: list[Event] | None, second: list[Event]
) -> None:
    before = None if first is None else price.use(measured(first))
    now = measured(second)
    use = price.use(now, after=before)
    evidence = canonical_json(
        {
            "price": price.definition(),
            "usage": {"quantity": plain(now.quantity), **price.evidence(use)},
        }
    )
    stored: dict[str, Any] = json.loads(evidence)
    again = parse_price(stored["price"])
    assert again.read(stored["usage"]) == use
    assert again.rate(again.read(stored["usage"]), before=before) == price.rate(use, before=before)


@given(definitions())
def test_a_definition_is_read_as_it_was_written(definition: dict[str, Any]) -> None:
    price = parse_price(definition)
    canonical = price.definition()
    again = parse_price(json.loads(canonical_json(canonical)))
    assert again == price
    assert canonical_json(again.definition()) == canonical_json(canonical)
    # What is written says the same as what was read, and leaves out only what asks for nothing.
    for name, value in definition.items():
        if name not in {"tiers", "transform", "cells"} and canonical.get(name) != value:
            assert value in (None, 0, "0", "up")


@given(prices(*OF_QUANTITY), quantities)
def test_a_negative_quantity_costs_what_none_costs(price: Price, quantity: Decimal) -> None:
    assert price.rate(-quantity - 1).amount_exact == price.rate(ZERO).amount_exact


@given(prices("percentage"), with_negative)
def test_a_tally_holds_all_events_and_their_money(price: Price, used: list[Event]) -> None:
    tally = price.use(measured(used))
    sorts = [tally.free, tally.rated, tally.at_minimum, tally.at_maximum, tally.negative]
    assert sum(sort.events for sort in sorts) == len(used)
    values = [price.transform.of(event.value) if price.transform else event.value for event in used]
    assert add(ZERO, *(sort.amount for sort in sorts)) == add(ZERO, *values)


@given(prices("matrix", around=False), used)
def test_cells_hold_the_whole_quantity(price: Price, used: list[Event]) -> None:
    of_groups = measured(used)
    cells = price.use(of_groups)
    assert add(ZERO, *cells.values()) == of_groups.quantity
    # Without groups all of it has the default price.
    quantity = of_groups.quantity
    assert price.use(Measured(quantity)) == ({None: quantity} if quantity else {})


@given(quantities, st.integers(1, 10**6))
def test_a_number_is_written_as_it_is_or_to_twelve_decimals(top: Decimal, bottom: int) -> None:
    assert Decimal(number_text(top)) == top
    exact = Fraction(top) / bottom
    assert abs(Fraction(number_text(exact)) - exact) <= Fraction(1, 2 * 10**12)


@given(prices(), with_negative, st.fractions(0, 1))
def test_limits_are_scaled_by_the_share_of_a_period(
    price: Price, used: list[Event], part: Fraction
) -> None:
    whole = price.use(measured(used))
    unlimited = parse_price(
        {**price.definition(), "minimum_amount": None, "maximum_amount": None}
    ).rate(whole)
    bounded = Fraction(unlimited.amount_exact)
    if price.minimum_amount is not None:
        bounded = max(bounded, Fraction(price.minimum_amount) * part)
    if price.maximum_amount is not None:
        bounded = min(bounded, Fraction(price.maximum_amount) * part)
    assert price.rate(whole, part=part).amount_exact == bounded
