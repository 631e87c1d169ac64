"""A subscription through time: its states, its boundaries, and the periods between them. Pure.

Boundaries are numbered from 0 through the whole life of a subscription. Where a decision moves
them (another anchor, zone or finest rhythm, the end of a trial) a new **stretch** of them begins;
inside of a stretch they lie on one grid. Source: docs/subscriptions.md, "Boundaries".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property

from billing.rating.decisions import Decision, Entry, State, entries_of, standing, trial_end_of
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import BillingPeriod, Grid, Schedule
from billing.rating.terms import Terms
from neruba.period import Interval, local_date


@dataclass(frozen=True)
class Stretch:
    """Boundaries on one grid, from boundary `number` at `start` on; `end` is where the next stretch
    begins or the subscription ends, None while nothing does.

    Where the grid is older than the stretch, it begins on its date `begins_on`.
    """

    number: int
    start: datetime
    terms: Terms
    grid: Grid | None = None
    begins_on: date | None = None
    end: datetime | None = None

    @cached_property
    def finest(self) -> Schedule:
        """The schedule of its boundaries."""
        return self.schedule(self.terms.boundary_rhythm)

    def schedule(self, rhythm: Rhythm) -> Schedule:
        """The schedule of a rhythm on this grid."""
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


@dataclass(frozen=True)
class Held:
    """The state from `start` on, within a period; `waits` says that fees follow it from the next
    period on only.
    """

    start: datetime
    state: State
    waits: bool = False


@dataclass(frozen=True)
class Boundary:
    """What ends and what begins at boundary `number`, by the code of the rhythm, the finest first:
    what ended as it was cut, what begins as it opens.
    """

    number: int
    at: datetime
    ended: Mapping[str, BillingPeriod]
    begun: Mapping[str, BillingPeriod]

    @property
    def is_last(self) -> bool:
        return not self.begun


@dataclass(frozen=True)
class Timeline:
    """What the decisions up to a number of them add up to."""

    decisions: tuple[Decision, ...]
    changes: int

    @classmethod
    def of(cls, decisions: Iterable[Decision]) -> "Timeline":
        """Those of one subscription, in any order; one is its creation."""
        every = list(decisions)
        return cls(standing(every), max(one.number for one in every))

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Its states, in order of time. Raises DecisionError where a decision does not fit."""
        return entries_of(self.decisions)

    @cached_property
    def start(self) -> datetime:
        return self.entries[0].at

    @property
    def agreed(self) -> Terms:
        """The terms of the creation."""
        return self.entries[0].state.terms

    @cached_property
    def _ending(self) -> Decision | None:
        """What ends it: the earliest, of what was agreed and what somebody decided."""
        ends = [one for one in self.decisions if one.type == "cancel"]
        return min(ends, key=lambda one: (one.effective_at, one.number), default=None)

    @cached_property
    def end_at(self) -> datetime | None:
        """When it ends; None while nothing ends it."""
        agreed, decided = self.agreed.end_at, self._ending
        ends = [agreed] if agreed is not None else []
        if decided is not None:
            ends.append(max(decided.effective_at, self.start))
        return min(ends, default=None)

    def ends_by(self, at: datetime) -> datetime | None:
        """When it ends, as was known at an instant: what was agreed with the creation, and what was
        asked for or is effective by then.
        """
        ends = [] if self.agreed.end_at is None else [self.agreed.end_at]
        ends += [
            max(one.effective_at, self.start)
            for one in self.decisions
            if one.type == "cancel" and min(one.requested_at, one.effective_at) <= at
        ]
        return min(ends, default=None)

    @property
    def is_decided(self) -> bool:
        """Whether anything was decided about it after its creation."""
        return len(self.decisions) > 1

    @cached_property
    def trial_end(self) -> datetime | None:
        return trial_end_of(self.agreed, self.decisions[1:])

    def state_at(self, at: datetime) -> State:
        """The state at an instant; before the start that of the start."""
        found = self.entries[0].state
        for entry in self.entries:
            if entry.at > at:
                break
            found = entry.state
        return found

    def terms_at(self, at: datetime) -> Terms:
        return self.state_at(at).terms

    def status(self, at: datetime) -> str:
        """`pending` before the start, `canceled` from the end on, else `paused`, `trialing` or
        `active`.
        """
        if at < self.start:
            return "pending"
        if self.end_at is not None and self.end_at <= at:
            return "canceled"
        state = self.state_at(at)
        if state.is_paused:
            return "paused"
        return "trialing" if state.in_trial else "active"

    def held(self, interval: Interval) -> tuple[Held, ...]:
        """The states of an interval, the first one from its start on."""
        first = Held(interval.start, self.state_at(interval.start))
        return (
            first,
            *(
                Held(entry.at, entry.state, entry.waits)
                for entry in self.entries
                if interval.start < entry.at < interval.end
            ),
        )

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """In order of time; the last one ends where the subscription does."""
        found = [Stretch(0, self.start, self.agreed)]
        for before, entry in zip(self.entries, self.entries[1:], strict=False):
            last = found[-1]
            if self.end_at is not None and entry.at >= self.end_at:
                break
            moved = _moved(last, before.state.terms, entry)
            if moved is None:
                continue
            is_after = entry.decision is not None and entry.decision.is_after_boundary
            count = last.boundaries_until(entry.at, including=is_after)
            if count:
                found[-1] = replace(last, end=entry.at)
            else:
                found.pop()
            found.append(replace(moved, number=last.number + count))
        return (*found[:-1], replace(found[-1], end=self.end_at))

    @cached_property
    def final(self) -> int | None:
        """The number of its last boundary; None while nothing ends it."""
        last = self.stretches[-1]
        if last.end is None:
            return None
        is_after = self._ending is not None and self._ending.is_after_boundary
        return last.number + last.boundaries_until(last.end, including=is_after)

    def stretch_of(self, number: int) -> Stretch:
        """The stretch in which period `number` of its rhythms lies."""
        found = self.stretches[0]
        for stretch in self.stretches:
            if stretch.number > number:
                break
            found = stretch
        return found

    def boundary_at(self, number: int) -> datetime | None:
        """The instant of boundary `number`; None after the last one."""
        if self.final is not None and number >= self.final:
            return self.end_at if number == self.final else None
        stretch = self.stretch_of(number)
        return stretch.finest.boundary(number - stretch.number)

    def boundary(self, number: int) -> Boundary:
        """Boundary `number`, which must not lie after the last one."""
        at = self.boundary_at(number)
        assert at is not None, "no boundary comes after the last one"
        ended = {} if number == 0 else dict(self._ended(number, at))
        if self.final is not None and number >= self.final:
            return Boundary(number, at, ended, {})
        return Boundary(number, at, ended, dict(self._begun(number, at)))

    def _ended(self, number: int, at: datetime) -> Iterator[tuple[str, BillingPeriod]]:
        stretch = self.stretch_of(number - 1)
        zone, fine = stretch.terms.zone, stretch.terms.boundary_rhythm
        own = number - 1 - stretch.number
        yield fine.code, stretch.period(fine, own).cut(at, zone)
        for rhythm in self.rhythms_in(stretch)[1:]:
            schedule = stretch.schedule(rhythm)
            if stretch.end == at and not _has_boundary(schedule, stretch, own + 1, at):
                yield rhythm.code, stretch.period_ending(rhythm, at).cut(at, zone)
                continue
            turn = schedule.number_at(at)
            if turn and schedule.date_of(turn) == stretch.finest.date_of(own + 1):
                yield rhythm.code, stretch.period(rhythm, turn - 1)

    def _begun(self, number: int, at: datetime) -> Iterator[tuple[str, BillingPeriod]]:
        stretch = self.stretch_of(number)
        own = number - stretch.number
        fine, *coarser = self.terms_at(at).rhythms
        yield fine.code, stretch.period(fine, own)
        for rhythm in coarser:
            schedule = stretch.schedule(rhythm)
            turn = schedule.number_at(at)
            if schedule.date_of(turn) == stretch.finest.date_of(own):
                yield rhythm.code, stretch.period(rhythm, turn)

    def rhythms_in(self, stretch: Stretch) -> tuple[Rhythm, ...]:
        """The rhythms of all states of a stretch, that of its boundaries first."""
        found = dict.fromkeys(stretch.terms.rhythms)
        for entry in self.entries:
            if entry.at >= stretch.start and (stretch.end is None or entry.at < stretch.end):
                found |= dict.fromkeys(entry.state.terms.rhythms)
        return tuple(found)

    def cut(self, period: BillingPeriod, by: datetime) -> BillingPeriod:
        """A stored period as what is known to have happened by an instant cuts it: the end of its
        stretch, and the end of the subscription where that was known when it opened.
        """
        stretch = self.stretch_of(period.number)
        whole = period.uncut()
        cuts = [end for end in (stretch.end,) if end is not None and end <= by]
        if (end := self.ends_by(whole.start)) is not None:
            cuts.append(end)
        return whole.cut(min(cuts), stretch.terms.zone) if cuts else whole

    def boundary_ending(self, rhythm: str, period: BillingPeriod) -> int:
        """The number of the boundary at which a stored period ends."""
        stretch = self.stretch_of(period.number)
        end = period.uncut().end
        if stretch.end is not None and stretch.end < end:
            following = [one.number for one in self.stretches if one.number > stretch.number]
            assert following or self.final is not None
            return following[0] if following else self.final or 0
        if rhythm == stretch.terms.boundary_rhythm.code:
            return period.number + 1
        own = stretch.finest.number_at(end)
        while stretch.finest.date_of(own) > period.uncut().ends_on:
            own -= 1
        return stretch.number + own

    @cached_property
    def first_paid(self) -> int | None:
        """The number of the boundary at which what is due once is: the start, or the end of the
        trial; None where the trial never ends.
        """
        paid = (one.number for one in self.stretches if not self.state_at(one.start).in_trial)
        return next(paid, None)

    def usage_waits(self, boundary: Boundary) -> bool:
        """Whether a period of a usage price ends at a boundary."""
        return any(
            price.meter is not None and held.state.terms.rhythm_of(price).code == rhythm
            for rhythm, period in boundary.ended.items()
            for held in self.held(period.interval)
            for price in held.state.terms.prices
        )

    @cached_property
    def meters(self) -> set[str]:
        """The codes of the meters that any of its states bills."""
        return {meter for entry in self.entries for meter in entry.state.terms.meters}


def _has_boundary(schedule: Schedule, stretch: Stretch, own: int, at: datetime) -> bool:
    """Whether a rhythm ends a period of its own where its stretch ends."""
    turn = schedule.number_at(at)
    return (
        stretch.finest.boundary(own) == at
        and turn > 0
        and schedule.date_of(turn) == stretch.finest.date_of(own)
    )


def _moved(last: Stretch, before: Terms, entry: Entry) -> Stretch | None:
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
