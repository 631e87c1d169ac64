"""The sum of the values."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from ingest.aggregation.base import Aggregation
from ingest.aggregation.state import State
from neruba.decimals import add


class Sum(Aggregation):
    """The sum of the window's values; carried over, of all values until its end."""

    code: ClassVar[str] = "sum"
    carries: ClassVar[bool] = True
    level_merges: ClassVar[bool] = True

    def result(self, opening: State, window: State, *, start: datetime, end: datetime) -> Decimal:
        return add(opening.total, window.total)
