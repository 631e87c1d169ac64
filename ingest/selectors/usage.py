"""How much was used: from windows where they are clean, from raw events for the rest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from ingest.aggregation.meter import Filter, MeterReader
from ingest.aggregation.state import State
from ingest.models import Meter
from ingest.normalize import EARLIEST, Scalar, read_data
from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.meters import meters_by_id, reader_of
from ingest.selectors.raw import Group, Stream
from ingest.selectors.readings import Groups, Source, Span, read_spans
from ingest.selectors.windows import Series
from neruba.models import Project

Detail = Literal["total", "groups", "events"]
NEEDS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class UsageNeed:
    """The usage of one subject by one meter in the instants `[start, end)`.

    `zone` is the one whose local days windows are kept by. Counts events that name no subscription
    or `subscription`, or one of `also`; None counts all of them. `filters` hold besides the meter's
    own; they may name any property. `detail` asks for the quantity of each group, or for the value
    of each event.
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
        _span(need, meters[need.meter_id], readers[need.meter_id], is_opening=is_opening)
        for needs, is_opening in ((windows, False), (openings, True))
        for need in needs
    ]
    read_spans(project, spans, bound=bound, source=source)
    return [_chosen(need, span) for need, span in zip((*windows, *openings), spans, strict=True)]


def _span(need: UsageNeed, meter: Meter, reader: MeterReader, *, is_opening: bool) -> Span:
    aggregation = reader.aggregation
    chooses = _chooses_groups(need, reader)
    keeps_entries = (
        not aggregation.level_merges
        if is_opening
        else need.detail == "events" or not aggregation.merges
    )
    return Span(
        series=need.series,
        stream=Stream(need.subject_id, meter.event_type),
        reader=reader if chooses else reader.narrowed(need.filters),
        start=EARLIEST if is_opening else need.start,
        end=need.start if is_opening else need.end,
        is_opening=is_opening,
        keeps_entries=keeps_entries,
        fits=chooses and not keeps_entries,
    )


def _chooses_groups(need: UsageNeed, reader: MeterReader) -> bool:
    """Whether the need's filters choose among the meter's groups; else the reader has them."""
    return all(one.chooses_groups(reader.group_by) for one in need.filters)


def _chosen(need: UsageNeed, span: Span) -> Groups:
    """What was found, of the subscription and the groups that are wanted."""
    subscriptions = {"", need.subscription, *need.also}
    filters = need.filters if _chooses_groups(need, span.reader) else ()
    return {
        group: state
        for group, state in span.found.items()
        if need.subscription is None or group.subscription in subscriptions
        if not filters or _holds(filters, group)
    }


def _holds(filters: Sequence[Filter], group: Group) -> bool:
    by = read_data(group.by)
    return all(one.holds(by) for one in filters)
