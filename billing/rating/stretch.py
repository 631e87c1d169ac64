"""Boundaries of a subscription that lie on one grid. Pure. Source: docs/subscriptions.md,
"Boundaries".
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property

from billing.rating.decisions import Entry
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import BillingPeriod, Grid, Schedule
from billing.rating.terms import Terms
from neruba.period import local_date


@dataclass(frozen=True)
class Stretch:
    """Boundaries on one grid, from boundary `number` at `start` on; `end` is where the next stretch
    begins or the subscription ends, None while nothing does.

    Where the grid is older than the stretch, it begins on its date `begins_on`. `ends_after` says
    that a boundary at the very end was drafted before something moved it.
    """

    number: int
    start: datetime
    terms: Terms
    grid: Grid | None = None
    begins_on: date | None = None
    end: datetime | None = None
    ends_after: bool = False

    @cached_property
    def finest(self) -> Schedule:
        """The schedule of its boundaries."""
        return self.schedule(self.terms.boundary_rhythm)

    def schedule(self, rhythm: Rhythm) -> Schedule:
        """The schedule of a rhythm on this grid; each is made once, since it keeps what it works
        out.
        """
        if rhythm not in self._schedules:
            self._schedules[rhythm] = self._schedule(rhythm)
        return self._schedules[rhythm]

    @cached_property
    def _schedules(self) -> dict[Rhythm, Schedule]:
        return {}

    def _schedule(self, rhythm: Rhythm) -> Schedule:
        return Schedule(
            rhythm=rhythm,
            anchor=self.terms.anchor,
            zone=self.terms.zone,
            start=self.start,
            basis=self.terms.basis,
            billing_day=self.terms.billing_day,
            grid=self.grid,
            begins_on=self.begins_on,
        )

    @property
    def laid_by(self) -> Grid:
        """What its dates are counted from."""
        return self.grid or Grid.of(self.start, self.terms.zone)

    def boundaries_until(self, instant: datetime, *, including: bool) -> int:
        """How many of its boundaries lie before an instant, or also at it."""
        own = self.finest.number_at(instant)
        return own if self.finest.boundary(own) == instant and not including else own + 1

    def period(self, rhythm: Rhythm, own: int) -> BillingPeriod:
        """Period `own` of a rhythm, numbered through the life of the subscription, as it opens."""
        period = self.schedule(rhythm).period(own)
        return replace(period, number=self.number + own) if self.number else period

    def period_ending(self, rhythm: Rhythm, at: datetime) -> BillingPeriod:
        """The period of a rhythm that runs until an instant."""
        schedule = self.schedule(rhythm)
        own = schedule.number_at(at)
        if own and schedule.boundary(own) == at:
            own -= 1
        return self.period(rhythm, own)

    def periods_between(
        self, rhythm: Rhythm, start: datetime, end: datetime
    ) -> Iterator[BillingPeriod]:
        """The periods of a rhythm that begin before `end` and do not end before `start`, as they
        open; also one that begins at `end`, where the stretch was closed after that.
        """
        if self.start > end or (self.end is not None and self.end < start):
            return
        schedule = self.schedule(rhythm)
        own = schedule.number_at(max(start, self.start))
        while (at := schedule.boundary(own)) <= end and self._opens(at):
            if at == end and not (self.ends_after and self.end == end):
                return
            yield self.period(rhythm, own)
            own += 1

    def _opens(self, at: datetime) -> bool:
        if self.end is None or at < self.end:
            return True
        return at == self.end and (self.ends_after or at == self.start)


def has_boundary(schedule: Schedule, stretch: Stretch, own: int, at: datetime) -> bool:
    """Whether a rhythm ends a period of its own where its stretch ends."""
    turn = schedule.number_at(at)
    return (
        stretch.finest.boundary(own) == at
        and turn > 0
        and schedule.date_of(turn) == stretch.finest.date_of(own)
    )


def moved_by(last: Stretch, before: Terms, entry: Entry) -> Stretch | None:
    """The stretch that begins with an entry, its number still to come; None where boundaries go on
    as they were.
    """
    terms, grid = entry.state.terms, last.laid_by
    if entry.opens_anew:
        is_new = terms.anchor == "anniversary"
        return Stretch(0, entry.at, terms, None if is_new else grid)
    if terms.zone != before.zone:
        own = last.finest.number_at(entry.at)
        begins_on = last.finest.date_of(own) if last.finest.boundary(own) == entry.at else None
        local = local_date(entry.at, terms.zone)
        return Stretch(
            0, entry.at, terms, grid, local if begins_on is None else max(begins_on, local)
        )
    if terms.boundary_rhythm != last.terms.boundary_rhythm:
        return Stretch(0, entry.at, terms, grid)
    return None
