"""A level that events raise and lower, averaged over the window by time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from ingest.aggregation.base import Aggregation
from ingest.aggregation.state import State
from neruba.decimals import add, multiply
from neruba.period import Interval

MICROSECOND = timedelta(microseconds=1)


class WeightedSum(Aggregation):
    """Each value changes the level from its event's instant on; the result is the mean level of
    the whole window.

    The level is 0 at the window's start; carried over, what all earlier values add up to. Weighted
    in microseconds, exactly: level x (end - start) + sum of value x (end - instant), over
    (end - start). A window without length has the level that it opens with.

    Of parts of the window: the same level, for as long as it lies in them, over the whole length.
    Law: the results of parts that make up the window sum to its own.
    """

    code: ClassVar[str] = "weighted_sum"
    merges: ClassVar[bool] = False
    carries: ClassVar[bool] = True
    level_merges: ClassVar[bool] = True
    averages: ClassVar[bool] = True

    def result(
        self, opening: State, window: State, *, start: datetime, end: datetime
    ) -> Decimal | Fraction:
        if start == end:
            return opening.total
        return self.result_of_parts(
            opening, window, start=start, end=end, parts=(Interval(start, end),)
        )

    def result_of_parts(
        self,
        opening: State,
        window: State,
        *,
        start: datetime,
        end: datetime,
        parts: Sequence[Interval],
    ) -> Decimal | Fraction:
        held = (
            multiply(entry.value, _left_of(parts, _instant(entry.at))) for entry in window.entries
        )
        opened = multiply(opening.total, _left_of(parts, start))
        return Fraction(add(opened, *held)) / ((end - start) // MICROSECOND)

    def carried(self, opening: State, window: State) -> State:
        """The level alone: of what came before, nothing else counts."""
        whole = super().carried(opening, window)
        whole.entries = []
        return whole


def _left_of(parts: Sequence[Interval], instant: datetime) -> Decimal:
    """The microseconds of the parts from an instant on."""
    left = (part.end - max(part.start, instant) for part in parts if part.end > instant)
    return Decimal(sum(left, timedelta()) // MICROSECOND)


def _instant(at: str) -> datetime:
    return datetime.fromisoformat(at).replace(tzinfo=UTC)
