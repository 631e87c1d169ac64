"""Which of many half-open spans of time hold an instant."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


class Spans(Generic[T]):
    """Spans `[start, end)` with their owners; they may overlap."""

    def __init__(self, spans: Iterable[tuple[datetime, datetime, T]]) -> None:
        given = list(spans)
        self._cuts = sorted({bound for start, end, _ in given for bound in (start, end)})
        self._owners: list[list[T]] = [[] for _ in self._cuts]
        for start, end, owner in given:
            for index in range(bisect_left(self._cuts, start), bisect_left(self._cuts, end)):
                self._owners[index].append(owner)

    def at(self, instant: datetime) -> Sequence[T]:
        """The owners of the spans that hold `instant`."""
        index = bisect_right(self._cuts, instant) - 1
        return self._owners[index] if index >= 0 else ()

    def union(self) -> Iterator[tuple[datetime, datetime]]:
        """The time that is covered at all: disjoint spans that do not touch, in order."""
        start: datetime | None = None
        for cut, owners in zip(self._cuts, self._owners, strict=True):
            if owners and start is None:
                start = cut
            elif not owners and start is not None:
                yield start, cut
                start = None
