from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.rating.models import Price, parse_price
from billing.rating.numbers import add, multiply
from neruba.canonical import canonical_json
from neruba.decimals import plain

ZERO = Decimal(0)


def numbers(places: int, largest: int) -> st.SearchStrategy[Decimal]:
    """Decimals from zero on, small and round ones often."""
    return st.one_of(
        st.integers(0, 60).map(Decimal),
        st.integers(0, 600).map(lambda value: Decimal(value).scaleb(-1)),
        st.integers(0, largest * 10**places).map(lambda value: Decimal(value).scaleb(-places)),
    )


quantities = numbers(9, 10**18)
amounts = numbers(12, 10**6).map(plain)


@st.composite
def tier_tables(draw: st.DrawFn) -> list[dict[str, object]]:
    bounds = sorted(draw(st.sets(numbers(9, 1000).filter(bool), max_size=5)))
    return [
        {"up_to": bound, "unit_amount": draw(amounts), "flat_amount": draw(amounts)}
        for bound in [*map(plain, bounds), None]
    ]


prices = st.one_of(
    st.fixed_dictionaries({"model": st.just("flat"), "amount": amounts}),
    st.fixed_dictionaries(
        {
            "model": st.just("per_unit"),
            "unit_amount": amounts,
            "free_units": numbers(9, 1000).map(plain),
        }
    ),
    st.fixed_dictionaries(
        {
            "model": st.just("graduated"),
            "tiers": tier_tables(),
            "first_flat_at_zero": st.booleans(),
        }
    ),
).map(parse_price)


@given(prices, quantities, quantities)
def test_two_ratings_equal_one(price: Price, first: Decimal, second: Decimal) -> None:
    once = price.rate(add(first, second))
    parts = [
        price.rate(first),
        price.rate(second, before=first),
    ]
    assert add(*(part.amount_exact for part in parts)) == once.amount_exact
    assert add(ZERO, *(step.quantity for part in parts for step in part.steps)) == add(
        ZERO, *(step.quantity for step in once.steps)
    )


@given(prices, st.none() | quantities, quantities.map(lambda value: value - 30))
def test_steps_add_up_to_the_amount(
    price: Price, before: Decimal | None, quantity: Decimal
) -> None:
    rated = price.rate(quantity, before=before)
    assert rated.amount_exact == add(ZERO, *(step.amount for step in rated.steps))
    for step in rated.steps:
        assert step.amount == add(multiply(step.quantity, step.unit_amount), step.flat_amount)
        assert step.text
    if price.model.name != "flat" and before is None:
        assert add(ZERO, *(step.quantity for step in rated.steps)) == max(quantity, ZERO)


@given(prices, quantities, quantities)
def test_more_never_costs_less(price: Price, first: Decimal, more: Decimal) -> None:
    less = price.rate(first).amount_exact
    assert price.rate(add(first, more)).amount_exact >= less >= 0


@given(prices)
def test_a_definition_is_read_as_it_was_written(price: Price) -> None:
    assert parse_price(price.definition()) == price
    assert canonical_json(parse_price(price.definition()).definition()) == canonical_json(
        price.definition()
    )
