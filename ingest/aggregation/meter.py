"""How a meter reads one event: whether it counts, with which value, in which group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ingest.aggregation.functions import AGGREGATIONS, Aggregation
from ingest.normalize import Scalar, data_text
from neruba.decimals import QUANTITY_INTEGER_DIGITS, QUANTITY_PLACES, parse_decimal, plain

MISSING = object()
WHOLE_BOUND = 10**QUANTITY_INTEGER_DIGITS


class UnusableError(ValueError):
    """An event that the meter reads, with a value that it cannot use."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Holds where the property's value is one of `values`: same type, same value; 1 is 1.0, but
    neither true nor "1".
    """

    property: str
    values: frozenset[tuple[str, object]]

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> "Filter":
        return cls(spec["property"], frozenset(_typed(value) for value in spec["in"]))

    def holds(self, data: Mapping[str, Scalar]) -> bool:
        value = data.get(self.property, MISSING)
        return value is not MISSING and _typed(value) in self.values


@dataclass(frozen=True, slots=True)
class MeterReader:
    """One meter's view of the data of an event of its type."""

    aggregation: Aggregation
    value_property: str = ""
    filters: tuple[Filter, ...] = ()
    group_by: tuple[str, ...] = ()
    _known_groups: dict[tuple[object, ...], str] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls,
        *,
        aggregation: str,
        value_property: str,
        filters: Sequence[Mapping[str, Any]],
        group_by: Sequence[str],
    ) -> "MeterReader":
        return cls(
            AGGREGATIONS[aggregation],
            value_property,
            tuple(Filter.of(spec) for spec in filters),
            tuple(group_by),
        )

    def counts(self, data: Mapping[str, Scalar]) -> bool:
        """Whether all filters hold."""
        return all(one.holds(data) for one in self.filters)

    def value(self, data: Mapping[str, Scalar]) -> Decimal | None:
        """The event's value, exact; None where the aggregation needs none.

        A number, or a number as text. Raises UnusableError where it is missing, no number, has more
        than 19 digits before the point or more than 9 after it.
        """
        number = self.number(data)
        return None if number is None else Decimal(number)

    def number(self, data: Mapping[str, Scalar]) -> int | Decimal | None:
        """The event's value as `value` gives it; a whole number may come as an integer."""
        if not self.aggregation.needs_value:
            return None
        given = data.get(self.value_property, MISSING)
        if type(given) is int and -WHOLE_BOUND < given < WHOLE_BOUND:
            return given
        if given is MISSING or given is None:
            raise UnusableError(f"data has no value {self.value_property!r}")
        if isinstance(given, bool) or not isinstance(given, int | Decimal | str):
            raise UnusableError(f"{self.value_property!r} is not a number")
        try:
            return parse_decimal(
                given if isinstance(given, str) else plain(Decimal(given)),
                max_integer_digits=QUANTITY_INTEGER_DIGITS,
                max_places=QUANTITY_PLACES,
            )
        except ValueError as error:
            raise UnusableError(
                f"{self.value_property!r} is not a usable number: {error}"
            ) from None

    @property
    def takes_all(self) -> bool:
        """Whether every event counts, and in one group."""
        return not self.filters and not self.group_by

    def group(self, data: Mapping[str, Scalar]) -> str:
        """The event's group as canonical JSON; a property that it lacks is null."""
        if not self.group_by:
            return "{}"
        values = [data.get(name) for name in self.group_by]
        key = tuple(_typed(value) for value in values)
        known = self._known_groups.get(key)
        if known is None:
            known = data_text(dict(zip(self.group_by, values, strict=True)))
            self._known_groups[key] = known
        return known


def _typed(value: object) -> tuple[str, object]:
    """A value that compares as JSON does: Python holds true equal to 1."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, int | Decimal):
        return ("number", value)
    return ("other", value)
