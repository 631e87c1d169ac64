"""What an aggregation must tell."""

from abc import ABC, abstractmethod
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, Literal

from ingest.aggregation.state import State

# What an aggregation reads of an event's value property: nothing, a number, or what names an item.
Reads = Literal["nothing", "number", "item"]


class Aggregation(ABC):
    """How the events of a window become a quantity.

    `merges`: the quantity follows from a state without its entries, so that windows of days may
    hold it; else the state of a window comes with an entry for each event. `carries`: a meter may
    let it carry over, and `level_merges` says the same of what came before the window.
    """

    code: ClassVar[str]
    reads: ClassVar[Reads] = "number"
    merges: ClassVar[bool] = True
    carries: ClassVar[bool] = False
    level_merges: ClassVar[bool] = False

    @abstractmethod
    def result(
        self, opening: State, window: State, *, start: datetime, end: datetime
    ) -> Decimal | Fraction:
        """The exact quantity of the window `[start, end)`; 0 of no events at all.

        `opening` is what came before it where the meter carries over, else the state of nothing.
        """

    def carried(self, opening: State, window: State) -> State:
        """What the next window opens with. Law: as the opening and the window in one state, for
        every result.
        """
        whole = State()
        whole.merge(opening)
        whole.merge(window)
        return whole
