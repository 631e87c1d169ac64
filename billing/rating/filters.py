"""Which of a meter's events a price counts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.rating.definition import refuse_unknown
from billing.rating.price import PriceError
from neruba.canonical import MAX_INTEGER, canonical_json

MAX_FILTERS = 20
MAX_VALUES = 100
MAX_NAME = 255

FilterValue = str | int | bool | None


@dataclass(frozen=True, slots=True)
class PriceFilter:
    """Holds for an event whose property has one of `values`, which are at least one."""

    property: str
    values: tuple[FilterValue, ...]

    def holds(self, properties: Mapping[str, object]) -> bool:
        """Whether an event has one of the values; null is an event without the property."""
        return _typed(properties.get(self.property)) in {_typed(one) for one in self.values}

    def spec(self) -> dict[str, Any]:
        """The filter as it is written, on a price as on a meter."""
        return {"property": self.property, "in": list(self.values)}


def parse_filters(definition: Mapping[str, object]) -> tuple[PriceFilter, ...]:
    """Read `filters`, which may be left out, null or empty. Raises PriceError.

    All of them must hold, so that each property stands in one only.
    """
    rows = definition.get("filters")
    if rows is None:
        return ()
    if not isinstance(rows, list | tuple) or len(rows) > MAX_FILTERS:
        raise PriceError("/filters", "not_filters", f"write a list of up to {MAX_FILTERS} filters")
    filters: list[PriceFilter] = []
    for index, row in enumerate(rows):
        pointer = f"/filters/{index}"
        one = _parse(row, pointer)
        if any(one.property == other.property for other in filters):
            raise PriceError(
                f"{pointer}/property", "duplicate", f"there are two filters of {one.property!r}"
            )
        filters.append(one)
    return tuple(filters)


def _parse(row: object, pointer: str) -> PriceFilter:
    if not isinstance(row, Mapping):
        raise PriceError(pointer, "not_a_filter", "write a filter as an object")
    refuse_unknown(row, frozenset({"property", "in"}), pointer)
    name, values = row.get("property"), row.get("in")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or name != name.strip():
        raise PriceError(
            f"{pointer}/property", "invalid", f"property is text of 1 to {MAX_NAME} characters"
        )
    if not isinstance(values, list | tuple) or not 0 < len(values) <= MAX_VALUES:
        raise PriceError(f"{pointer}/in", "invalid", f"write a list of 1 to {MAX_VALUES} values")
    seen: set[str] = set()
    for index, value in enumerate(values):
        place = f"{pointer}/in/{index}"
        if not _is_value(value):
            raise PriceError(place, "invalid", "a string, a whole number, a boolean or null")
        text = canonical_json(value)
        if text in seen:
            raise PriceError(place, "duplicate", f"{text} stands there twice")
        seen.add(text)
    return PriceFilter(name, tuple(values))


def _typed(value: object) -> tuple[bool, object]:
    """1 and 1.0 are one number; 1, true and "1" are three values, as in the content of events."""
    return isinstance(value, bool), value


def _is_value(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) <= MAX_INTEGER
    return value is None or isinstance(value, str | bool)
