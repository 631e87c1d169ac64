"""How much was used: from windows where they are clean, from raw events for the rest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from ingest.aggregation.meter import Filter, MeterReader
from ingest.aggregation.spans import Spans
from ingest.aggregation.state import State
from ingest.models import Meter
from ingest.normalize import EARLIEST, Scalar, read_data
from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.meters import meters_by_id, reader_of
from ingest.selectors.raw import Group, Stream, instant_text
from ingest.selectors.readings import Groups, Source, Span, read_spans
from ingest.selectors.windows import Series
from neruba.models import Project
from neruba.period import Interval

Detail = Literal["total", "groups", "events"]
NEEDS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class UsageNeed:
    """The usage of one subject by one meter in the instants `[start, end)`, or in parts of them.

    `zone` is the one whose local days windows are kept by. Counts events that name no subscription
    or `subscription`, or one of `also`; None counts all of them. `filters` hold besides the meter's
    own; they may name any property. `detail` asks for the quantity of each group, or for the value
    of each event.

    `parts` are in order, disjoint, none empty; () is all of the time. What lies in them counts, as
    if the rest had never been, but for levels: one that is carried over is the level where the last
    part ends, made by all that came before that, in gaps between parts too; a `weighted_sum` is the
    level that it has anyway, held in the parts alone, over the length of the whole `[start, end)`.
    Law: where parts make up the whole, counts, sums and weighted sums (exactly: before they are
    rounded, each need by itself) add up to those of the whole. Raises ValueError for other parts.
    `whole` is the length of the whole period where `[start, end)` is a short one: what averages
    over time are divided by.
    """

    subject_id: int
    meter_id: int
    zone: str
    start: datetime
    end: datetime
    subscription: str | None
    filters: tuple[Filter, ...] = ()
    detail: Detail = "total"
    also: tuple[str, ...] = ()
    parts: tuple[Interval, ...] = ()
    whole: timedelta | None = None

    def __post_init__(self) -> None:
        free = self.start
        for part in self.parts:
            if part.is_empty or part.start < free or part.end > self.end:
                raise ValueError(
                    f"{part} is empty, out of order, or outside of {self.start} to {self.end}"
                )
            free = part.end

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
    meter carries over, of those before the window too; of a level in parts of a window, of all
    until the last part's end.

    `groups` are there where they were asked for, and have events, in the order of the canonical
    JSON of `by`. `values` are those of the events in the
    window, or its parts (1 of each where the meter reads no
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
    of queries for up to 1,000 needs, a few more where the parts, or from windows the dirty days,
    of many customers differ. What it costs: docs/usage.md.
    """
    if meters is None:
        meters = meters_by_id(project, {need.meter_id for need in needs})
    readers = {pk: reader_of(meter) for pk, meter in meters.items()}
    found: list[Measured] = []
    for batch in _batches(needs):
        openings = [need for need in batch if readers[need.meter_id].carry_over]
        measured = _measure(project, meters, readers, batch, openings, bound=bound, source=source)
        before = iter(measured[len(batch) :])
        found += [
            Measured(next(before) if readers[need.meter_id].carry_over else {}, window)
            for need, window in zip(batch, measured, strict=False)
        ]
    return [
        _usage(need, readers[need.meter_id], measured)
        for need, measured in zip(needs, found, strict=True)
    ]


def _usage(need: UsageNeed, reader: MeterReader, measured: Measured) -> Usage:
    opening, window = _merged(measured.opening.values()), _merged(measured.window.values())
    evidence = _merged([opening, window])
    return Usage(
        _quantity(need, reader, opening, window),
        evidence.count,
        evidence.checksum_hex,
        _group_usages(need, reader, measured) if need.detail == "groups" else (),
        _values(need, window) if need.detail == "events" else (),
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
            quantity = _quantity(need, reader, opening, window)
            found.append(GroupUsage(read_data(by), quantity, events))
    return tuple(found)


def _quantity(need: UsageNeed, reader: MeterReader, opening: State, window: State) -> Decimal:
    return reader.quantity(
        opening, window, start=need.start, end=need.end, parts=need.parts, whole=need.whole
    )


def _values(need: UsageNeed, window: State) -> tuple[Decimal, ...]:
    """Of the events in the parts alone: between them others are only read for a level's sake."""
    inside = Spans((instant_text(part.start), instant_text(part.end), need) for part in need.parts)
    return tuple(
        entry.value for entry in sorted(window.entries) if not need.parts or inside.at(entry.at)
    )


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
    for batch in _batches(needs):
        yield from _measure(project, meters, readers, batch, [], bound=bound, source=source)


def openings_of(
    project: Project, needs: Sequence[UsageNeed], *, bound: ArrivalBound | None, source: Source
) -> Iterator[Groups]:
    """The states by group of what came before each need, in the order of the needs."""
    meters = meters_by_id(project, {need.meter_id for need in needs})
    readers = {pk: reader_of(meter) for pk, meter in meters.items()}
    for batch in _batches(needs):
        yield from _measure(project, meters, readers, [], batch, bound=bound, source=source)


def _batches(needs: Sequence[UsageNeed]) -> Iterator[Sequence[UsageNeed]]:
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
    spans: list[Span] = []
    found: list[Groups] = []
    for needs, is_opening in ((windows, False), (openings, True)):
        for need in needs:
            found.append({})
            meter, reader = meters[need.meter_id], readers[need.meter_id]
            spans += _spans(need, meter, reader, found[-1], is_opening=is_opening)
    read_spans(project, spans, bound=bound, source=source)
    return [
        _chosen(need, readers[need.meter_id], groups)
        for need, groups in zip((*windows, *openings), found, strict=True)
    ]


def _spans(
    need: UsageNeed, meter: Meter, reader: MeterReader, found: Groups, *, is_opening: bool
) -> Iterator[Span]:
    """What must be read of a need; all of it adds up in `found`."""
    aggregation = reader.aggregation
    chooses = _chooses_groups(need, reader)
    keeps_entries = (
        not aggregation.level_merges
        if is_opening
        else need.detail == "events" or not aggregation.merges
    )
    own = reader if chooses else reader.narrowed(need.filters)
    for start, end in [(EARLIEST, need.start)] if is_opening else _times(need, reader):
        yield Span(
            series=need.series,
            stream=Stream(need.subject_id, meter.event_type),
            reader=own,
            start=start,
            end=end,
            is_opening=is_opening,
            keeps_entries=keeps_entries,
            fits=chooses and not keeps_entries,
            found=found,
        )


def _times(need: UsageNeed, reader: MeterReader) -> Iterable[tuple[datetime, datetime]]:
    """When what counts in a need happened; parts that touch are one, so that a day that lies across
    both is a whole day.
    """
    if not need.parts:
        return [(need.start, need.end)]
    if reader.looks_between_parts:
        return [(need.start, need.parts[-1].end)]
    return Spans((part.start, part.end, need) for part in need.parts).union()


def _chooses_groups(need: UsageNeed, reader: MeterReader) -> bool:
    """Whether the need's filters choose among the meter's groups; else the reader has them."""
    return all(one.chooses_groups(reader.group_by) for one in need.filters)


def _chosen(need: UsageNeed, reader: MeterReader, found: Groups) -> Groups:
    """What was found, of the subscription and the groups that are wanted."""
    subscriptions = {"", need.subscription, *need.also}
    filters = need.filters if _chooses_groups(need, reader) else ()
    return {
        group: state
        for group, state in found.items()
        if need.subscription is None or group.subscription in subscriptions
        if not filters or _holds(filters, group)
    }


def _holds(filters: Sequence[Filter], group: Group) -> bool:
    by = read_data(group.by)
    return all(one.holds(by) for one in filters)
