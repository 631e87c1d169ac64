"""How many different items there are."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from ingest.aggregation.base import Aggregation, Reads
from ingest.aggregation.state import Entry, Item, State


class UniqueCount(Aggregation):
    """The items that were added in the window, and not removed again by its end; carried over,
    those of earlier windows too.

    Events take effect by time, then by arrival. Adding what is there and removing what is not
    change nothing.
    """

    code: ClassVar[str] = "unique_count"
    reads: ClassVar[Reads] = "item"
    merges: ClassVar[bool] = False
    carries: ClassVar[bool] = True

    def result(self, opening: State, window: State, *, start: datetime, end: datetime) -> Decimal:
        return Decimal(len(_present(opening.entries, window.entries)))

    def carried(self, opening: State, window: State) -> State:
        """Of the entries only those of items that are still there."""
        whole = super().carried(opening, window)
        whole.entries = list(_present(opening.entries, window.entries).values())
        return whole


def _present(*several: Iterable[Entry]) -> dict[Item, Entry]:
    """The items that are there in the end, with what added them; each part of the entries lies
    after the one before it.
    """
    present: dict[Item, Entry] = {}
    for entries in several:
        for entry in sorted(entries):
            assert entry.item is not None, "an event without an item is unusable"
            if entry.removes:
                present.pop(entry.item, None)
            else:
                present.setdefault(entry.item, entry)
    return present
