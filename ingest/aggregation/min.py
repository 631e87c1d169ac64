"""The least value."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from ingest.aggregation.base import Aggregation
from ingest.aggregation.state import State
from neruba.decimals import ZERO


class Min(Aggregation):
    """The least value of the window, below zero too; 0 of no events."""

    code: ClassVar[str] = "min"

    def result(self, opening: State, window: State, *, start: datetime, end: datetime) -> Decimal:
        return ZERO if window.low is None else window.low
