"""How often something is billed, and which rhythms go together.

Source: docs/periods-and-proration.md, "Rhythms".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

IntervalUnit = Literal["day", "week", "month", "year"]

Anchor = Literal["calendar", "anniversary"]

MONTHS_A_YEAR = 12
DAYS_A_WEEK = 7
MAX_COUNT = 120


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Every `count` days, weeks, months or years; `count` is at least 1."""

    interval: IntervalUnit
    count: int = 1

    def __post_init__(self) -> None:
        if self.interval not in get_args(IntervalUnit):
            raise ValueError(f"an interval is day, week, month or year, not {self.interval!r}")
        if self.count < 1:
            raise ValueError(f"a rhythm counts at least one {self.interval}, not {self.count}")

    def __str__(self) -> str:
        return self.interval if self.count == 1 else f"{self.count} {self.interval}s"

    @classmethod
    def of(cls, code: str) -> "Rhythm":
        """Read what `code` writes."""
        interval, _, count = code.partition(":")
        return cls(interval, int(count))  # type: ignore[arg-type]

    @property
    def code(self) -> str:
        """The rhythm as it stands in keys, such as `month:1`."""
        return f"{self.interval}:{self.count}"

    @property
    def days(self) -> int | None:
        """The length in days; None for months and years, of which no two need be as long."""
        if self.interval == "day":
            return self.count
        return self.count * DAYS_A_WEEK if self.interval == "week" else None

    @property
    def months(self) -> int | None:
        """The length in months; None for days and weeks, which no number of months measures."""
        if self.interval == "month":
            return self.count
        if self.interval == "year":
            return self.count * MONTHS_A_YEAR
        return None


def nests(fine: Rhythm, coarse: Rhythm, anchor: Anchor) -> bool:
    """Whether every boundary of `coarse` is one of `fine`, for any start under this anchor.

    Months and years lie on one grid, and so do days and weeks from an anniversary: there a count
    must divide the other. On the calendar weeks count from a Monday and days from the start, so
    that only equal units share a grid. Every date is a boundary of single days.
    """
    if fine.days == 1:
        return True
    if fine.months is not None and coarse.months is not None:
        return coarse.months % fine.months == 0
    if fine.days is None or coarse.days is None:
        return False
    shares_grid = anchor == "anniversary" or fine.interval == coarse.interval
    return shares_grid and coarse.days % fine.days == 0


def from_finest(rhythms: Iterable[Rhythm], anchor: Anchor) -> tuple[Rhythm, ...]:
    """The different rhythms, each nested in the one before it; of equal ones the first comes first.

    Raises UnnestedError for one that fits no place in that order.
    """
    chain: list[Rhythm] = []
    for rhythm in rhythms:
        if rhythm in chain:
            continue
        place = sum(nests(other, rhythm, anchor) for other in chain)
        after = chain[place:]
        if not all(nests(rhythm, other, anchor) for other in after):
            raise UnnestedError(rhythm, next(o for o in after if not nests(rhythm, o, anchor)))
        chain.insert(place, rhythm)
    return tuple(chain)


class UnnestedError(ValueError):
    """Two rhythms of one plan, neither of which ends only where the other one does."""

    def __init__(self, rhythm: Rhythm, other: Rhythm) -> None:
        super().__init__(f"every {rhythm} and every {other} do not nest")
        self.rhythm = rhythm
        self.other = other
