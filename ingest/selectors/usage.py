"""How much was used: from windows where they are clean, from raw events for the rest."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Literal, NamedTuple

from ingest.aggregation.meter import Filter, MeterReader
from ingest.aggregation.spans import Spans
from ingest.aggregation.state import State
from ingest.models import Meter
from ingest.normalize import EARLIEST, Scalar, read_data
from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.meters import meters_by_id, reader_of
from ingest.selectors.raw import Group, Stream, count_events, instant_text, raw_events
from ingest.selectors.windows import (
    FIRST_DAY,
    CleanWindows,
    LocalDay,
    Series,
    WholeDays,
    days_before,
    local_days,
    whole_days,
)
from neruba.models import Project
from neruba.period import local_date

Source = Literal["windows", "raw"]
Detail = Literal["total", "groups", "events"]
Groups = dict[Group, State]

NEEDS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class UsageNeed:
    """The usage of one subject by one meter in the instants `[start, end)`.

    `zone` is the one whose local days windows are kept by. Counts events that name no subscription
    or `subscription`; None counts all of them. `filters` hold besides the meter's own; they may
    name any property. `detail` asks for the quantity of each group, or for the value of each event.
    """

    subject_id: int
    meter_id: int
    zone: str
    start: datetime
    end: datetime
    subscription: str | None
    filters: tuple[Filter, ...] = ()
    detail: Detail = "total"

    @property
    def series(self) -> Series:
        return Series(self.subject_id, self.meter_id, self.zone)


@dataclass(frozen=True, slots=True)
class GroupUsage:
    """What the meter says of the events with these values of its `group_by` properties (null where
    they have none), rounded as the meter says.
    """

    by: Mapping[str, Scalar]
    quantity: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class Usage:
    """A quantity, and the number and checksum of the events that it was computed from: where the
    meter carries over, of those before the window too.

    `groups` are there where they were asked for, and have events, in the order of the canonical
    JSON of `by`. `values` are those of the window's events (1 of each where the meter reads no
    number) where they were asked for, in the order of time, then of arrival.
    """

    quantity: Decimal
    events: int
    checksum: str
    groups: tuple[GroupUsage, ...] = ()
    values: tuple[Decimal, ...] = ()


class Measured(NamedTuple):
    """What was found of a need: the states by group of what came before it (none where the meter
    does not carry over), and of the need itself.
    """

    opening: Groups
    window: Groups


def usage_of(
    project: Project,
    needs: Sequence[UsageNeed],
    *,
    bound: ArrivalBound | None,
    source: Source,
    meters: Mapping[int, Meter] | None = None,
) -> list[Usage]:
    """The usage of each need, in their order; `meters` are theirs by id, where the caller has them.

    Counts events with id <= `bound.event` that no retraction with id <= `bound.retraction` took
    back; without a bound all that is accepted. Law: both sources give the same. A constant number
    of queries for up to 1,000 needs, from windows a few more where the dirty days of many customers
    differ. What it costs: docs/usage.md.
    """
    if meters is None:
        meters = meters_by_id(project, {need.meter_id for need in needs})
    readers = {pk: reader_of(meter) for pk, meter in meters.items()}
    found: list[Measured] = []
    for part in _parts(needs):
        openings = [need for need in part if readers[need.meter_id].carry_over]
        measured = _measure(project, meters, readers, part, openings, bound=bound, source=source)
        before = iter(measured[len(part) :])
        found += [
            Measured(next(before) if readers[need.meter_id].carry_over else {}, window)
            for need, window in zip(part, measured, strict=False)
        ]
    return [
        _usage(need, readers[need.meter_id], measured)
        for need, measured in zip(needs, found, strict=True)
    ]


def _usage(need: UsageNeed, reader: MeterReader, measured: Measured) -> Usage:
    opening, window = _merged(measured.opening.values()), _merged(measured.window.values())
    evidence = _merged([opening, window])
    return Usage(
        reader.quantity(opening, window, start=need.start, end=need.end),
        evidence.count,
        evidence.checksum_hex,
        _group_usages(need, reader, measured) if need.detail == "groups" else (),
        _values(reader, window) if need.detail == "events" else (),
    )


def _group_usages(
    need: UsageNeed, reader: MeterReader, measured: Measured
) -> tuple[GroupUsage, ...]:
    """Of the groups alone: the subscriptions that events name are no groups here."""
    sides: list[dict[str, State]] = []
    for states in measured:
        side: dict[str, State] = {}
        for group, state in states.items():
            side.setdefault(group.by, State()).merge(state)
        sides.append(side)
    before, own = sides
    found = []
    for by in sorted({*before, *own}):
        opening, window = before.get(by, State()), own.get(by, State())
        events = opening.count + window.count
        if events:
            quantity = reader.quantity(opening, window, start=need.start, end=need.end)
            found.append(GroupUsage(read_data(by), quantity, events))
    return tuple(found)


def _values(reader: MeterReader, window: State) -> tuple[Decimal, ...]:
    return tuple(entry.value for entry in sorted(window.entries))


def _merged(states: Iterable[State]) -> State:
    whole = State()
    for state in states:
        whole.merge(state)
    return whole


def states_of(
    project: Project, needs: Sequence[UsageNeed], *, bound: ArrivalBound | None, source: Source
) -> Iterator[Groups]:
    """The states of each need by group, in the order of the needs; without what came before."""
    meters = meters_by_id(project, {need.meter_id for need in needs})
    readers = {pk: reader_of(meter) for pk, meter in meters.items()}
    for part in _parts(needs):
        yield from _measure(project, meters, readers, part, [], bound=bound, source=source)


def openings_of(
    project: Project, needs: Sequence[UsageNeed], *, bound: ArrivalBound | None, source: Source
) -> Iterator[Groups]:
    """The states by group of what came before each need, in the order of the needs."""
    meters = meters_by_id(project, {need.meter_id for need in needs})
    readers = {pk: reader_of(meter) for pk, meter in meters.items()}
    for part in _parts(needs):
        yield from _measure(project, meters, readers, [], part, bound=bound, source=source)


def _parts(needs: Sequence[UsageNeed]) -> Iterator[Sequence[UsageNeed]]:
    for first in range(0, len(needs), NEEDS_AT_ONCE):
        yield needs[first : first + NEEDS_AT_ONCE]


def _measure(
    project: Project,
    meters: Mapping[int, Meter],
    readers: Mapping[int, MeterReader],
    windows: Sequence[UsageNeed],
    openings: Sequence[UsageNeed],
    *,
    bound: ArrivalBound | None,
    source: Source,
) -> list[Groups]:
    """The states of the first needs, and of what came before the second ones, read together."""
    spans = [
        _Span.of(need, meters[need.meter_id], readers[need.meter_id], is_opening=is_opening)
        for needs, is_opening in ((windows, False), (openings, True))
        for need in needs
    ]
    _Reading(project, spans, bound).run(source)
    return [span.chosen() for span in spans]


@dataclass(slots=True)
class _Span:
    """A span of time of a need, and what is found of it.

    `is_opening`: all the time before the need. `keeps_entries`: each event is wanted. `fits`:
    windows may hold it. `by_group`: filters that choose groups; the others are the reader's.
    """

    need: UsageNeed
    stream: Stream
    reader: MeterReader
    start: datetime
    end: datetime
    is_opening: bool
    keeps_entries: bool
    fits: bool
    by_group: tuple[Filter, ...]
    found: Groups = field(default_factory=dict)

    @classmethod
    def of(cls, need: UsageNeed, meter: Meter, reader: MeterReader, *, is_opening: bool) -> "_Span":
        aggregation = reader.aggregation
        choose = all(one.chooses_groups(reader.group_by) for one in need.filters)
        keeps_entries = (
            not aggregation.level_merges
            if is_opening
            else need.detail == "events" or not aggregation.merges
        )
        return cls(
            need=need,
            stream=Stream(need.subject_id, meter.event_type),
            reader=reader if choose else reader.narrowed(need.filters),
            start=EARLIEST if is_opening else need.start,
            end=need.start if is_opening else need.end,
            is_opening=is_opening,
            keeps_entries=keeps_entries,
            fits=choose and not keeps_entries,
            by_group=need.filters if choose else (),
        )

    def take(self, states: Mapping[Group, State]) -> None:
        """Add what windows hold."""
        for group, state in states.items():
            self.found.setdefault(group, State()).merge(state)

    def chosen(self) -> Groups:
        """What was found, of the subscription and the groups that are wanted."""
        wanted = {"", self.need.subscription}
        return {
            group: state
            for group, state in self.found.items()
            if (self.need.subscription is None or group.subscription in wanted)
            and (not self.by_group or self._is_chosen(group))
        }

    def _is_chosen(self, group: Group) -> bool:
        by = read_data(group.by)
        return all(one.holds(by) for one in self.by_group)


Gap = tuple[_Span, datetime, datetime]


class _Reading:
    """Some spans while their states are read."""

    def __init__(
        self, project: Project, spans: Sequence[_Span], bound: ArrivalBound | None
    ) -> None:
        self._project = project
        self._spans = spans
        self._bound = bound

    def run(self, source: Source) -> None:
        whole = [(span, span.start, span.end) for span in self._spans]
        self._count_raw(self._merge_windows() if source == "windows" else whole)

    def _merge_windows(self) -> list[Gap]:
        """Merge the clean windows; return what they leave to raw events."""
        fitting = [span for span in self._spans if span.fits]
        gaps: list[Gap] = [(span, span.start, span.end) for span in self._spans if not span.fits]
        if not fitting:
            return gaps
        series = {span.need.series: span.stream.type for span in fitting}
        windows = CleanWindows(self._project, series, bound=self._bound)
        for spans, whole, merge_days in (
            ([span for span in fitting if not span.is_opening], _whole_days, _merge_days),
            ([span for span in fitting if span.is_opening], _days_before, _merge_days_before),
        ):
            days = _days_of_subjects(spans, whole)
            merged = windows.of_whole_days({span.need.series for span in spans}, days)
            rest = []
            for span in spans:
                if span.need.series in merged:
                    span.take(merged[span.need.series])
                    gaps += [(span, *edge) for edge in days[span.need.subject_id].edges]
                else:
                    rest.append(span)
            if rest:
                gaps += merge_days(windows, rest)
        return gaps

    def _count_raw(self, gaps: Sequence[Gap]) -> None:
        by_stream: dict[Stream, list[tuple[datetime, datetime, _Span]]] = defaultdict(list)
        for span, start, end in gaps:
            if start < end:
                by_stream[span.stream].append((start, end, span))
        wanted = {stream: list(Spans(parts).union()) for stream, parts in by_stream.items()}
        owners = {
            stream: Spans(
                (instant_text(start), instant_text(end), span) for start, end, span in parts
            )
            for stream, parts in by_stream.items()
        }
        for batch in raw_events(self._project, wanted, bound=self._bound):
            runs = groupby(
                batch, lambda event: (event.stream, owners[event.stream].place(event.at))
            )
            for (stream, place), run in runs:
                events = list(run)
                data = [read_data(event.data) for event in events]
                for span in owners[stream].owners(place):
                    count_events(
                        span.found, span.reader, events, data, keeps_entries=span.keeps_entries
                    )


def _merge_days(windows: CleanWindows, spans: Sequence[_Span]) -> Iterator[Gap]:
    """Merge the clean windows day by day; return what they leave."""
    first = min(local_date(span.start, span.need.zone) for span in spans)
    last = max(local_date(span.end, span.need.zone) for span in spans)
    windows.load({span.need.series for span in spans}, between=(first, last))
    for span in spans:
        for local in local_days(span.need.zone, span.start, span.end):
            states = windows.of(span.need.series, local) if _is_whole(local, span) else None
            if states is None:
                yield span, max(local.start, span.start), min(local.end, span.end)
            else:
                span.take(states)


def _merge_days_before(windows: CleanWindows, spans: Sequence[_Span]) -> Iterator[Gap]:
    """The same for all the days before the needs, of which only those are looked at that have
    windows or marks.
    """
    before = [days_before(span.need.zone, span.end) for span in spans]
    last = max(days.last for days in before)
    windows.load({span.need.series for span in spans}, between=(FIRST_DAY, last))
    for span, days in zip(spans, before, strict=True):
        held = windows.until(span.need.series, days.last)
        if held is None:
            yield span, span.start, span.end
            continue
        states, unclean = held
        for groups in states:
            span.take(groups)
        yield from ((span, local.start, local.end) for local in unclean)
        yield from ((span, *edge) for edge in days.edges)


def _whole_days(span: _Span) -> WholeDays | None:
    return whole_days(span.need.zone, span.start, span.end)


def _days_before(span: _Span) -> WholeDays | None:
    return days_before(span.need.zone, span.end)


def _days_of_subjects(
    spans: Iterable[_Span], whole: Callable[[_Span], WholeDays | None]
) -> dict[int, WholeDays]:
    """The whole days that all spans of a subject have in common; subjects whose spans differ are
    left out.
    """
    found: dict[int, set[WholeDays | None]] = defaultdict(set)
    for span in spans:
        found[span.need.subject_id].add(whole(span))
    return {
        subject_id: days
        for subject_id, (days, *others) in found.items()
        if days is not None and not others
    }


def _is_whole(local: LocalDay, span: _Span) -> bool:
    return span.start <= local.start and local.end <= span.end
