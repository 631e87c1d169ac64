"""Random prices of every model, and random use to rate by them."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from billing.rating.models import MODELS, Price, parse_price
from billing.rating.price import GroupUse, Measured, Scalar
from neruba.decimals import add, plain

ZERO = Decimal(0)
CLOUDS: tuple[Scalar, ...] = ("aws", "gcp", "azure", 1, True, None)
REGIONS: tuple[Scalar, ...] = ("eu", "us", None)


def numbers(places: int, largest: int) -> st.SearchStrategy[Decimal]:
    """Decimals from zero on, small and round ones often."""
    return st.one_of(
        st.integers(0, 60).map(Decimal),
        st.integers(0, 600).map(lambda value: Decimal(value).scaleb(-1)),
        st.integers(0, largest * 10**places).map(lambda value: Decimal(value).scaleb(-places)),
    )


quantities = numbers(9, 10**18)
amounts = numbers(12, 10**6).map(plain)
sizes = numbers(9, 1000).filter(bool).map(plain)
percents = numbers(12, 100).filter(lambda percent: percent <= 100).map(plain)
free_units = numbers(9, 1000).map(plain)


@st.composite
def _tiers(draw: st.DrawFn, price: st.SearchStrategy[dict[str, Any]]) -> list[dict[str, Any]]:
    bounds = sorted(draw(st.sets(numbers(9, 1000).filter(bool), max_size=5)))
    return [
        {"up_to": bound, "flat_amount": draw(amounts), **draw(price)}
        for bound in [*map(plain, bounds), None]
    ]


by_unit = st.fixed_dictionaries({"unit_amount": amounts})
by_package = st.fixed_dictionaries({"package_size": sizes, "package_amount": amounts})
by_percent = st.fixed_dictionaries({"rate_percent": percents})
matches = st.fixed_dictionaries(
    {},
    optional={
        "cloud": st.sampled_from(CLOUDS)
        | st.lists(st.sampled_from(CLOUDS), min_size=1, unique_by=repr),
        "region": st.sampled_from(REGIONS),
    },
).filter(bool)


def matched(cell: dict[str, Any]) -> str:
    """What a cell matches, in whatever order it is written."""
    return repr(sorted((key, _as_set(one)) for key, one in cell["match"].items()))


def _as_set(one: Any) -> list[str]:
    return sorted(map(repr, one if isinstance(one, list) else [one]))


cells = st.lists(
    st.fixed_dictionaries({"match": matches, "unit_amount": amounts}),
    min_size=1,
    max_size=6,
    unique_by=matched,
)


FIELDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "flat": {"amount": amounts},
    "per_unit": {"unit_amount": amounts, "free_units": free_units},
    "graduated": {
        "tiers": _tiers(by_unit | by_package),
        "first_flat_at_zero": st.booleans(),
        "free_units": st.just("0") | free_units,
    },
    "volume": {
        "tiers": _tiers(by_unit | by_package),
        "first_flat_at_zero": st.booleans(),
        "free_units": st.just("0") | free_units,
    },
    "package": {
        "package_size": sizes,
        "package_amount": amounts,
        "free_units": free_units,
        "rounding": st.sampled_from(["up", "down"]),
    },
    "percentage": {
        "rate_percent": percents,
        "fixed_fee": amounts,
        "free_events": st.none() | st.integers(0, 5),
        "free_amount": st.none() | amounts,
        "min_per_event": st.none() | numbers(2, 5).map(plain),
        "max_per_event": st.none() | numbers(2, 5).map(lambda most: plain(most + 60)),
    },
    "graduated_percentage": {"tiers": _tiers(by_percent), "first_flat_at_zero": st.booleans()},
    "matrix": {"cells": cells, "default_unit_amount": amounts},
    "dynamic": {"multiplier": amounts},
}
rounds = st.sampled_from(["up", "down", "half_up"])
transforms = st.none() | st.one_of(
    st.fixed_dictionaries({"divide_by": sizes, "round": rounds}),
    st.fixed_dictionaries({"divide_by": st.sampled_from(["3", "7", "1000"])}),
    st.fixed_dictionaries({"multiply_by": sizes, "round": st.none() | rounds}),
)


@st.composite
def definitions(draw: st.DrawFn, *models: str, around: bool = True) -> dict[str, Any]:
    """A price as JSON; with `around`, often with a transform and limits."""
    name = draw(st.sampled_from(models or list(MODELS)))
    definition = {"model": name, **draw(st.fixed_dictionaries(FIELDS[name]))}
    if around:
        definition |= _around(draw, events=MODELS[name].reads == "events")
    return definition


def _around(draw: st.DrawFn, *, events: bool) -> dict[str, Any]:
    transform = draw(transforms)
    if transform is not None and events:
        transform.setdefault("round", "half_up")
        transform["round"] = transform["round"] or "up"
    least, most = draw(st.tuples(st.none() | amounts, st.none() | amounts))
    if least is not None and most is not None and Decimal(most) < Decimal(least):
        least, most = most, least
    return {"transform": transform, "minimum_amount": least, "maximum_amount": most}


def prices(*models: str, around: bool = True) -> st.SearchStrategy[Price]:
    return definitions(*models, around=around).map(parse_price)


@dataclass(frozen=True)
class Event:
    value: Decimal
    by: dict[str, Scalar]


events = st.builds(
    Event,
    numbers(9, 10**6),
    st.fixed_dictionaries({"cloud": st.sampled_from(CLOUDS), "region": st.sampled_from(REGIONS)}),
)
used = st.lists(events, max_size=8)
with_negative = st.lists(
    st.builds(lambda event, sign: Event(event.value * sign, event.by), events,
              st.sampled_from([1, 1, 1, -1])),
    max_size=8,
)  # fmt: skip


def measured(events: Sequence[Event]) -> Measured:
    """What a meter that adds up says of events, grouped by their properties."""
    groups: dict[str, GroupUse] = {}
    for event in events:
        known = groups.get(repr(event.by), GroupUse(event.by, ZERO, 0))
        groups[repr(event.by)] = GroupUse(
            event.by, add(known.quantity, event.value), known.events + 1
        )
    values = tuple(event.value for event in events)
    return Measured(add(ZERO, *values), tuple(groups[key] for key in sorted(groups)), values)
