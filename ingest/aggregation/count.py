"""How many events there were."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from ingest.aggregation.base import Aggregation, Reads
from ingest.aggregation.state import State


class Count(Aggregation):
    """The number of events in the window."""

    code: ClassVar[str] = "count"
    reads: ClassVar[Reads] = "nothing"

    def result(self, opening: State, window: State, *, start: datetime, end: datetime) -> Decimal:
        return Decimal(window.count)
