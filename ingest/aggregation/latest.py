"""The last value."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from ingest.aggregation.base import Aggregation
from ingest.aggregation.state import State
from neruba.decimals import ZERO


class Latest(Aggregation):
    """The value of the window's last event, by time and then by arrival; 0 where that is negative,
    and of no events.

    A latest value reads a gauge, and a gauge below nothing measures nothing. Source: Lago's
    aggregation of this name, tests/cases (ag-lago-057).
    """

    code: ClassVar[str] = "latest"
    merges: ClassVar[bool] = False

    def result(self, opening: State, window: State, *, start: datetime, end: datetime) -> Decimal:
        return max(ZERO, max(window.entries).value) if window.entries else ZERO
