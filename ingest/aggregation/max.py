"""The greatest value."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from ingest.aggregation.base import Aggregation
from ingest.aggregation.state import State
from neruba.decimals import ZERO


class Max(Aggregation):
    """The greatest value of the window, below zero too; 0 of no events."""

    code: ClassVar[str] = "max"

    def result(self, opening: State, window: State, *, start: datetime, end: datetime) -> Decimal:
        return ZERO if window.high is None else window.high
