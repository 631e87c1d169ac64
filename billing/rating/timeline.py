"""A subscription through time: its states, its boundaries, and the periods between them. Pure.

Boundaries are numbered from 0 through the whole life of a subscription. Where a decision moves
them (another anchor, zone or finest rhythm, the end of a trial) a new **stretch** of them begins;
inside of a stretch they lie on one grid. Source: docs/subscriptions.md, "Boundaries".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from billing.rating.decisions import Decision, Entry, State, entries_of, standing, trial_end_of
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import BillingPeriod
from billing.rating.stretch import Stretch, has_boundary, moved_by
from billing.rating.terms import Terms
from neruba.period import Interval


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
    """What the decisions up to a number of them add up to: those that stand, in the order in which
    they take effect, and what withdrew others.
    """

    decisions: tuple[Decision, ...]
    changes: int
    withdrawals: tuple[Decision, ...] = ()

    @classmethod
    def of(cls, decisions: Iterable[Decision]) -> "Timeline":
        """Those of one subscription, in any order; one is its creation."""
        every = list(decisions)
        withdrawals = tuple(one for one in every if one.type == "withdraw")
        return cls(standing(every), max(one.number for one in every), withdrawals)

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

    @cached_property
    def is_plain(self) -> bool:
        """Whether it goes on for ever as it began."""
        return len(self.entries) == 1 and self.end_at is None

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
            moved = moved_by(last, before.state.terms, entry)
            if moved is None:
                continue
            is_after = entry.decision is not None and entry.decision.is_after_boundary
            count = last.boundaries_until(entry.at, including=is_after)
            if count:
                found[-1] = replace(last, end=entry.at, ends_after=is_after)
            else:
                found.pop()
            found.append(replace(moved, number=last.number + count))
        return (
            *found[:-1],
            replace(found[-1], end=self.end_at, ends_after=self._ends_after),
        )

    @property
    def _ends_after(self) -> bool:
        return self._ending is not None and self._ending.is_after_boundary

    @cached_property
    def final(self) -> int | None:
        """The number of its last boundary; None while nothing ends it."""
        last = self.stretches[-1]
        if last.end is None:
            return None
        return last.number + last.boundaries_until(last.end, including=last.ends_after)

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
        if number not in self._boundaries:
            self._boundaries[number] = self._boundary(number)
        return self._boundaries[number]

    @cached_property
    def _boundaries(self) -> dict[int, Boundary]:
        """Those that were asked for: a step asks for the same one several times."""
        return {}

    def _boundary(self, number: int) -> Boundary:
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
            if stretch.end == at and not has_boundary(schedule, stretch, own + 1, at):
                yield rhythm.code, stretch.period_ending(rhythm, at).cut(at, zone)
                continue
            turn = schedule.number_at(at)
            if turn and schedule.date_of(turn) == stretch.finest.date_of(own + 1):
                yield rhythm.code, stretch.period(rhythm, turn - 1)

    def since(self, at: datetime, before: datetime) -> datetime | None:
        """The earliest instant from which on a document at `at` may find something else due than
        the one at the boundary `before` did; None where nothing was decided between.
        """
        news = [
            one.effective_at
            for one in self.decisions
            if one.type != "create"
            and one.effective_at <= at
            and max(one.effective_at, one.requested_at) >= before
        ]
        news += [one.requested_at for one in self.withdrawals if one.requested_at >= before]
        return max(min(news), self.start) if news else None

    def periods_between(
        self, start: datetime, end: datetime
    ) -> Iterator[tuple[Rhythm, BillingPeriod]]:
        """The periods of all rhythms that begin before `end` and do not end before `start`, as they
        open.
        """
        for stretch in self.stretches:
            for rhythm in self.rhythms_in(stretch):
                for period in stretch.periods_between(rhythm, start, end):
                    yield rhythm, period

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
        cuts = [end for end in (stretch.end, self.end_at) if end is not None and end <= by]
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

    @property
    def meters(self) -> set[str]:
        """The codes of the meters that any of its states bills."""
        return {code for codes in self.meters_by_rhythm.values() for code in codes}

    @cached_property
    def meters_by_rhythm(self) -> Mapping[str, set[str]]:
        """The same by the code of the rhythm that they are billed on."""
        found: dict[str, set[str]] = {}
        for terms in (entry.state.terms for entry in self.entries):
            for price in terms.prices:
                if price.meter is not None:
                    found.setdefault(terms.rhythm_of(price).code, set()).add(price.meter)
        return found

    def states_of_decisions(self, at: datetime) -> dict[int, str]:
        """What has become of each decision by an instant, by number: `scheduled`, `in_force`, or
        `past` where a later one took its place. Withdrawn ones are left out.
        """
        found: dict[int, str] = {}
        latest: dict[object, int] = {}
        for one in self.decisions:
            found[one.number] = "scheduled" if one.effective_at > at else "in_force"
            if one.effective_at > at:
                continue
            subject = one.subject
            if subject in latest:
                found[latest[subject]] = "past"
            latest[subject] = one.number
        return found

    @cached_property
    def minimum_rhythms(self) -> set[str]:
        """The codes of the rhythms whose periods come to a minimum, of the plans that have one."""
        return {
            entry.state.terms.rhythm.code
            for entry in self.entries
            if entry.state.terms.minimum_commitment_minor is not None
        }
