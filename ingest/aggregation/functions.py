"""What a meter makes of the state of its events. A further aggregation is one class here and its
name in the list.
"""

from decimal import Decimal
from typing import ClassVar, Protocol

from ingest.aggregation.state import State
from neruba.decimals import ZERO


class Aggregation(Protocol):
    """`merges`: the result of a whole follows from the states of its parts, so that windows may
    hold them.
    """

    code: ClassVar[str]
    needs_value: ClassVar[bool]
    merges: ClassVar[bool]

    def result(self, state: State) -> Decimal:
        """The quantity; 0 of no events."""


class Count:
    """How many events there were."""

    code: ClassVar[str] = "count"
    needs_value: ClassVar[bool] = False
    merges: ClassVar[bool] = True

    def result(self, state: State) -> Decimal:
        return Decimal(state.count)


class Sum:
    """The sum of the values."""

    code: ClassVar[str] = "sum"
    needs_value: ClassVar[bool] = True
    merges: ClassVar[bool] = True

    def result(self, state: State) -> Decimal:
        return state.total


class Max:
    """The greatest value."""

    code: ClassVar[str] = "max"
    needs_value: ClassVar[bool] = True
    merges: ClassVar[bool] = True

    def result(self, state: State) -> Decimal:
        return ZERO if state.high is None else state.high


_ALL: tuple[Aggregation, ...] = (Count(), Sum(), Max())
AGGREGATIONS: dict[str, Aggregation] = {one.code: one for one in _ALL}
