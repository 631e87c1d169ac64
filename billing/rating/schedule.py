"""The periods of a subscription. Boundaries are computed from the anchor, never from each other.

The algorithm, with worked dates, is in docs/periods-and-proration.md.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache

from dateutil.relativedelta import relativedelta

from billing.rating.proration import Basis, Span
from billing.rating.rhythm import Anchor, Rhythm
from neruba.period import Interval, local_date, local_instant, local_midnight, zone_named

_LAST_DAY_OF_A_MONTH = 31
MIDNIGHT = time()


@lru_cache(maxsize=4096)
def _months_after(day: date, months: int) -> date:
    """Subscriptions with one billing calendar ask for the same few dates."""
    return day + relativedelta(months=months)


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """Period `number` of a subscription, counted from 0, as half-open instants and local dates.

    `starts_on` and `ends_on` are the local dates of the two boundaries; the second one is not part
    of it. `whole_start` and `whole_starts_on` begin the whole period that ends at `end`: earlier
    than the start for a short first period, and the denominator of every share of it. `whole_end`
    and `whole_ends_on` end it, where the period was cut short; None: where the period does.
    """

    number: int
    start: datetime
    end: datetime
    starts_on: date
    ends_on: date
    whole_start: datetime
    whole_starts_on: date
    whole_end: datetime | None = None
    whole_ends_on: date | None = None

    @property
    def interval(self) -> Interval:
        return Interval(self.start, self.end)

    @property
    def span(self) -> Span:
        return Span(self.start, self.end, self.starts_on, self.ends_on)

    @property
    def whole(self) -> Span:
        end, ends_on = self.whole_end or self.end, self.whole_ends_on or self.ends_on
        return Span(self.whole_start, end, self.whole_starts_on, ends_on)

    def cut(self, end: datetime, zone: str) -> "BillingPeriod":
        """The period as it is where something ends it at `end`, on the clock of a zone; it keeps
        its whole.
        """
        if end >= self.end:
            return self
        whole, ends_on = self.whole, max(self.starts_on, local_date(end, zone))
        end = max(end, self.start)
        return replace(
            self, end=end, ends_on=ends_on, whole_end=whole.end, whole_ends_on=whole.ends_on
        )

    def uncut(self) -> "BillingPeriod":
        """The period as it was before something cut it."""
        whole = self.whole
        return replace(
            self, end=whole.end, ends_on=whole.ends_on, whole_end=None, whole_ends_on=None
        )


@dataclass(frozen=True, slots=True)
class Grid:
    """What the dates of a schedule are counted from, and the local time of day of its boundaries
    under the basis `second`.
    """

    origin: date
    clock: time

    @classmethod
    def of(cls, start: datetime, zone: str) -> "Grid":
        """The grid that a start lays down."""
        local = start.astimezone(zone_named(zone))
        return cls(local.date(), local.time())


@dataclass(frozen=True)
class Schedule:
    """The boundaries of a subscription that starts at an instant, for one rhythm.

    `start` is in UTC; `zone` is an IANA name. `billing_day` (1 to 31, clamped to the length of the
    month) stands in for day 1 of a calendar rhythm in months or years; days and weeks have no use
    for it. Boundary 0 is `start` itself. Boundary n >= 1 lies on the n-th date of the grid after
    the local date of the start, at local midnight, and under the basis `second` at the local time
    of the start. Law: periods tile time from `start` on without gap or overlap.

    A schedule that goes on where another one stopped keeps its `grid`, and begins on the date
    `begins_on` of that; None: the start says both.
    """

    rhythm: Rhythm
    anchor: Anchor
    zone: str
    start: datetime
    basis: Basis
    billing_day: int | None = None
    grid: Grid | None = None
    begins_on: date | None = None

    def __post_init__(self) -> None:
        if self.start.utcoffset() != timedelta(0):
            raise ValueError(
                f"a schedule starts at an instant in UTC, not {self.start.isoformat()}"
            )
        if self.anchor not in ("calendar", "anniversary"):
            raise ValueError(f"an anchor is calendar or anniversary, not {self.anchor!r}")
        if self.billing_day is not None:
            if self.anchor == "anniversary":
                raise ValueError("an anniversary lies on the day of the start: no billing day")
            if not 1 <= self.billing_day <= _LAST_DAY_OF_A_MONTH:
                raise ValueError(f"a billing day is 1 to 31, not {self.billing_day}")
        zone_named(self.zone)

    def boundary(self, number: int) -> datetime:
        """Return boundary `number` >= 0 in UTC. Raises ValueError for a negative number."""
        if number < 0:
            raise ValueError(f"boundaries are counted from 0, not {number}")
        return self.start if number == 0 else self._instant(self._first + number)

    def date_of(self, number: int) -> date:
        """Return the local date of boundary `number` >= 0."""
        return self._starts_on if number == 0 else self._date(self._first + number)

    def period(self, number: int) -> BillingPeriod:
        """Return the period from boundary `number` >= 0 to the next one."""
        whole_starts_on = self._date(self._first + number)
        starts_on = self._starts_on if number == 0 else whole_starts_on
        whole_start = self._instant(self._first + number)
        is_reading = self.basis == "second" or self.begins_on is not None
        if number == 0 and is_reading and whole_starts_on == starts_on:
            # Where the clock shows the time of the start twice, its reading alone names the first;
            # and what another zone's clock called a date began when that one did.
            whole_start = self.start
        return BillingPeriod(
            number=number,
            start=self.boundary(number),
            end=self.boundary(number + 1),
            starts_on=starts_on,
            ends_on=self._date(self._first + number + 1),
            whole_start=whole_start,
            whole_starts_on=whole_starts_on,
        )

    def number_at(self, instant: datetime) -> int:
        """Return the number of the period that holds an instant; ValueError before the start."""
        if instant < self.start:
            raise ValueError(f"{instant} lies before the start, {self.start}")
        number = max(self._index_near(local_date(instant, self.zone)) - self._first, 0)
        while number and self.boundary(number) > instant:
            number -= 1
        while self.boundary(number + 1) <= instant:
            number += 1
        return number

    @cached_property
    def _starts_on(self) -> date:
        return self.begins_on or local_date(self.start, self.zone)

    @cached_property
    def _grid(self) -> Grid:
        return self.grid or Grid.of(self.start, self.zone)

    @cached_property
    def _first(self) -> int:
        """The index of the last date of the grid that is not after the start."""
        index = self._index_near(self._starts_on)
        return index if self._date(index) <= self._starts_on else index - 1

    @cached_property
    def _origin(self) -> date:
        """The date of the grid with index 0, from which all others are counted."""
        start = self._grid.origin
        if self.anchor == "anniversary" or self.rhythm.interval == "day":
            return start
        if self.rhythm.interval == "week":
            return start - timedelta(days=start.weekday())
        return date(start.year, 1, self.billing_day or 1)

    @cached_property
    def _clock(self) -> time:
        """The local time of day of the boundaries after the first."""
        return self._grid.clock if self.basis == "second" else MIDNIGHT

    def _date(self, index: int) -> date:
        """Return a date of the grid; a day that a month does not have is its last one."""
        if self.rhythm.months is not None:
            return _months_after(self._origin, index * self.rhythm.months)
        days = index * self.rhythm.count * (7 if self.rhythm.interval == "week" else 1)
        return self._origin + timedelta(days=days)

    def _instant(self, index: int) -> datetime:
        if self._clock == MIDNIGHT:
            return local_midnight(self._date(index), self.zone)
        return local_instant(self._date(index), self._clock, self.zone)

    def _index_near(self, day: date) -> int:
        """Return the index of the last date of the grid not after a day, or the next index."""
        if self.rhythm.months is None:
            length = self.rhythm.count * (7 if self.rhythm.interval == "week" else 1)
            return (day - self._origin).days // length
        months = (day.year - self._origin.year) * 12 + day.month - self._origin.month
        return months // self.rhythm.months
