"""How often something is billed."""

from dataclasses import dataclass
from typing import Literal, get_args

IntervalUnit = Literal["day", "week", "month", "year"]

MONTHS_A_YEAR = 12


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

    @property
    def months(self) -> int | None:
        """The length in months; None for days and weeks, which no number of months measures."""
        if self.interval == "month":
            return self.count
        if self.interval == "year":
            return self.count * MONTHS_A_YEAR
        return None
