"""Which of many half-open spans of time hold an instant."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Generic, TypeVar

I = TypeVar("I", datetime, str)  # noqa: E741 - an instant, or its text in an order that is time's
T = TypeVar("T")


class Spans(Generic[I, T]):
    """Spans `[start, end)` with their owners; they may overlap."""

    def __init__(self, spans: Iterable[tuple[I, I, T]]) -> None:
        given = list(spans)
        self._cuts: list[I] = sorted({bound for start, end, _ in given for bound in (start, end)})
        self._owners: list[list[T]] = [[] for _ in self._cuts]
        for start, end, owner in given:
            for index in range(bisect_left(self._cuts, start), bisect_left(self._cuts, end)):
                self._owners[index].append(owner)

    def place(self, instant: I) -> int:
        """Instants with the same place have the same owners."""
        return bisect_right(self._cuts, instant)

    def owners(self, place: int) -> Sequence[T]:
        return self._owners[place - 1] if place else ()

    def at(self, instant: I) -> Sequence[T]:
        """The owners of the spans that hold `instant`."""
        return self.owners(self.place(instant))

    def union(self) -> Iterator[tuple[I, I]]:
        """The time that is covered at all: disjoint spans that do not touch, in order."""
        start: I | None = None
        for cut, owners in zip(self._cuts, self._owners, strict=True):
            if owners and start is None:
                start = cut
            elif not owners and start is not None:
                yield start, cut
                start = None
