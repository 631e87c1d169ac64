"""A level that events raise and lower, averaged over the window by time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from ingest.aggregation.base import Aggregation
from ingest.aggregation.state import State
from neruba.decimals import add, multiply

MICROSECOND = timedelta(microseconds=1)


class WeightedSum(Aggregation):
    """Each value changes the level from its event's instant on; the result is the mean level of
    the whole window.

    The level is 0 at the window's start; carried over, what all earlier values add up to. Weighted
    in microseconds, exactly: level x (end - start) + sum of value x (end - instant), over
    (end - start). A window without length has the level that it opens with.
    """

    code: ClassVar[str] = "weighted_sum"
    merges: ClassVar[bool] = False
    carries: ClassVar[bool] = True
    level_merges: ClassVar[bool] = True

    def result(
        self, opening: State, window: State, *, start: datetime, end: datetime
    ) -> Decimal | Fraction:
        length = (end - start) // MICROSECOND
        if not length:
            return opening.total
        held = (
            multiply(entry.value, Decimal((end - _instant(entry.at)) // MICROSECOND))
            for entry in window.entries
        )
        return Fraction(add(multiply(opening.total, Decimal(length)), *held)) / length

    def carried(self, opening: State, window: State) -> State:
        """The level alone: of what came before, nothing else counts."""
        whole = super().carried(opening, window)
        whole.entries = []
        return whole


def _instant(at: str) -> datetime:
    return datetime.fromisoformat(at).replace(tzinfo=UTC)
