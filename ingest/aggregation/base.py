"""What an aggregation must tell."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, Literal

from ingest.aggregation.state import State
from neruba.period import Interval

# What an aggregation reads of an event's value property: nothing, a number, or what names an item.
Reads = Literal["nothing", "number", "item"]


class Aggregation(ABC):
    """How the events of a window become a quantity.

    `merges`: the quantity follows from a state without its entries, so that windows of days may
    hold it; else the state of a window comes with an entry for each event. `carries`: a meter may
    let it carry over, and `level_merges` says the same of what came before the window. `averages`:
    the quantity is a mean over time, so that events count on after their instant, in parts of the
    window that they do not lie in.
    """

    code: ClassVar[str]
    reads: ClassVar[Reads] = "number"
    merges: ClassVar[bool] = True
    carries: ClassVar[bool] = False
    level_merges: ClassVar[bool] = False
    averages: ClassVar[bool] = False

    @abstractmethod
    def result(
        self, opening: State, window: State, *, start: datetime, end: datetime
    ) -> Decimal | Fraction:
        """The exact quantity of the window `[start, end)`; 0 of no events at all.

        `opening` is what came before it where the meter carries over, else the state of nothing.
        """

    def result_of_parts(
        self,
        opening: State,
        window: State,
        *,
        start: datetime,
        end: datetime,
        parts: Sequence[Interval],
    ) -> Decimal | Fraction:
        """The exact quantity of some parts of the window, disjoint and in order, none of them
        empty; `window` has the events that count in them (`UsageNeed` says which).
        """
        return self.result(opening, window, start=start, end=end)

    def carried(self, opening: State, window: State) -> State:
        """What the next window opens with. Law: as the opening and the window in one state, for
        every result.
        """
        whole = State()
        whole.merge(opening)
        whole.merge(window)
        return whole
