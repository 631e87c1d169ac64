"""How a meter reads one event: whether it counts, with which value, in which group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ingest.aggregation.base import Aggregation
from ingest.aggregation.registry import AGGREGATIONS
from ingest.aggregation.rounding import QUANTITY, Rounding
from ingest.aggregation.state import Entry, Item, State
from ingest.normalize import Scalar, data_text
from neruba.decimals import QUANTITY_INTEGER_DIGITS, QUANTITY_PLACES, parse_decimal, plain
from neruba.period import Interval

MICROSECOND = timedelta(microseconds=1)
MISSING = object()
WHOLE_BOUND = 10**QUANTITY_INTEGER_DIGITS
ONE = Decimal(1)
# Where an event says what it does with the item that it names.
OPERATION = "operation"
REMOVE = "remove"


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

    def chooses_groups(self, group_by: Sequence[str]) -> bool:
        """Whether the groups of a meter that groups by these properties tell for which events it
        holds; they do not tell null from a property that is missing.
        """
        return self.property in group_by and _typed(None) not in self.values


@dataclass(frozen=True, slots=True)
class MeterReader:
    """One meter's view of the data of an event of its type, and what it makes of their state."""

    aggregation: Aggregation
    value_property: str = ""
    filters: tuple[Filter, ...] = ()
    group_by: tuple[str, ...] = ()
    carry_over: bool = False
    rounding: Rounding | None = None
    _known_groups: dict[tuple[object, ...], str] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls,
        *,
        aggregation: str,
        value_property: str,
        filters: Sequence[Mapping[str, Any]],
        group_by: Sequence[str],
        carry_over: bool = False,
        rounding: Rounding | None = None,
    ) -> "MeterReader":
        return cls(
            AGGREGATIONS[aggregation],
            value_property,
            tuple(Filter.of(spec) for spec in filters),
            tuple(group_by),
            carry_over,
            rounding,
        )

    def narrowed(self, filters: Sequence[Filter]) -> "MeterReader":
        """The same meter, of those events alone for which these filters hold too."""
        return replace(self, filters=(*self.filters, *filters), _known_groups={})

    @property
    def looks_between_parts(self) -> bool:
        """Whether what happened beside some parts of a window counts in them: it changed a level
        that they have.
        """
        return self.carry_over or self.aggregation.averages

    @property
    def has_windows(self) -> bool:
        """Whether windows of days are of use to it: for its quantities, or for the level that one
        opens with.
        """
        return self.aggregation.merges or (self.carry_over and self.aggregation.level_merges)

    def quantity(
        self,
        opening: State,
        window: State,
        *,
        start: datetime,
        end: datetime,
        parts: Sequence[Interval] = (),
        whole: timedelta | None = None,
    ) -> Decimal:
        """What the meter says of `[start, end)`, or of these parts of it: rounded as it says, else
        half up to 9 decimals where the exact result has more. `opening` is what came before, if it
        carries over. An average over time is one over the `whole`, of which the window may be a
        part; None: it is not.
        """
        aggregation = self.aggregation
        exact = (
            aggregation.result_of_parts(opening, window, start=start, end=end, parts=parts)
            if parts
            else aggregation.result(opening, window, start=start, end=end)
        )
        if whole is not None and aggregation.averages:
            exact = Fraction(exact) * ((end - start) // MICROSECOND) / (whole // MICROSECOND)
        if self.rounding is not None:
            return self.rounding.apply(exact)
        return exact if isinstance(exact, Decimal) else QUANTITY.apply(exact)

    def counts(self, data: Mapping[str, Scalar]) -> bool:
        """Whether all filters hold."""
        return all(one.holds(data) for one in self.filters)

    def value(self, data: Mapping[str, Scalar]) -> Decimal | None:
        """The event's value, exact; None where the aggregation reads no number.

        A number, or a number as text. Raises UnusableError where it is missing, no number, has more
        than 19 digits before the point or more than 9 after it; and where it shall name an item,
        and is neither a text nor a number.
        """
        if self.aggregation.reads == "nothing":
            return None
        given = data.get(self.value_property, MISSING)
        if given is MISSING or given is None:
            raise UnusableError(f"data has no value {self.value_property!r}")
        if self.aggregation.reads == "item":
            if isinstance(given, bool):
                raise UnusableError(f"{self.value_property!r} is neither a text nor a number")
            return None
        if isinstance(given, bool) or not isinstance(given, int | Decimal | str):
            raise UnusableError(f"{self.value_property!r} is not a number")
        if isinstance(given, int) and -WHOLE_BOUND < given < WHOLE_BOUND:
            return Decimal(given)
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

    def entry(
        self, at: str, number: int, value: Decimal | None, data: Mapping[str, Scalar]
    ) -> Entry:
        """The event at this instant and place in the order of arrival; `value` is what the meter
        reads of it.
        """
        if self.aggregation.reads != "item":
            return Entry(at, number, ONE if value is None else value)
        item: Item = _typed(data[self.value_property])
        return Entry(at, number, ONE, item, data.get(OPERATION) == REMOVE)

    def whole_numbers(self, data: Sequence[Mapping[str, Scalar]]) -> list[int] | None:
        """The values of events, all of them usable integers, or of none where none are read; None
        where `value` must look at each.
        """
        if self.aggregation.reads == "nothing":
            return []
        values: list[Any] = [own.get(self.value_property) for own in data]
        if (
            self.aggregation.reads == "number"
            and {int}.issuperset(map(type, values))
            and all(-WHOLE_BOUND < one < WHOLE_BOUND for one in (min(values), max(values)))
        ):
            return values
        return None

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
