"""Windows that may stand for the raw events of their local day."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from django.db.models import Aggregate, Count, F, Func, Max, Min, Q, QuerySet, Sum, TextField

from ingest.aggregation.state import State
from ingest.models import DirtyMark, UsageWindow, WindowSeries
from ingest.normalize import EARLIEST
from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.raw import Group, RawEvent, Stream, instant_text
from neruba.errors import InvariantError
from neruba.models import Project
from neruba.period import day_interval, days_between, local_date, local_midnight

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
# No event lies before, by the clock of any zone.
FIRST_DAY = EARLIEST.date() - DAY


class Series(NamedTuple):
    """The windows of one subject, meter and zone."""

    subject_id: int
    meter_id: int
    zone: str


@dataclass(frozen=True, slots=True)
class LocalDay:
    """A local date, its instants `[start, end)`, and the UTC dates that they lie in."""

    day: date
    start: datetime
    end: datetime
    utc_days: tuple[date, ...]


@lru_cache(maxsize=4096)
def local_days(zone: str, start: datetime, end: datetime) -> tuple[LocalDay, ...]:
    """The local days that have an instant in `[start, end)`, in order."""
    return tuple(_local_day(day, zone) for day in days_between(start, end, zone))


def _local_day(day: date, zone: str) -> LocalDay:
    hours = day_interval(day, zone)
    first, last = hours.start.date(), (hours.end - MICROSECOND).date()
    utc_days = tuple(first + timedelta(days=index) for index in range((last - first).days + 1))
    return LocalDay(day, hours.start, hours.end, utc_days)


def local_runs(zone: str, events: Sequence[RawEvent]) -> Iterator[tuple[date, slice]]:
    """The local days of events, with the events that follow one another in each."""
    first, current = 0, None
    for index, event in enumerate(events):
        day = _day_of(zone, event.at)
        if day is not current:
            if current is not None:
                yield current, slice(first, index)
            first, current = index, day
    if current is not None:
        yield current, slice(first, len(events))


def _day_of(zone: str, at: str) -> date:
    """The local date of an instant as text: that of its UTC day, unless the zone has more of
    them.
    """
    parts = _days_of_utc_day(zone, at[:10])
    return parts[0][1] if len(parts) == 1 else next(day for start, day in parts if start <= at)


@lru_cache(maxsize=4096)
def _days_of_utc_day(zone: str, utc_day: str) -> tuple[tuple[str, date], ...]:
    """The local days that have an instant in a UTC day, the last one first, and when each
    starts.
    """
    midnight = datetime.fromisoformat(utc_day).replace(tzinfo=UTC)
    days = local_days(zone, midnight, midnight + DAY)
    return tuple((instant_text(local.start), local.day) for local in reversed(days))


@dataclass(frozen=True, slots=True)
class WholeDays:
    """The local days that lie whole in some span of time, the UTC days that these lie in (both
    inclusive), and the `edges` that are left of the span on either side.
    """

    zone: str
    first: date
    last: date
    utc_first: date
    utc_last: date
    edges: tuple[tuple[datetime, datetime], ...]


@lru_cache(maxsize=4096)
def whole_days(zone: str, start: datetime, end: datetime) -> WholeDays | None:
    """The whole local days of `[start, end)`; None where there is none."""
    whole = [one for one in local_days(zone, start, end) if start <= one.start and one.end <= end]
    if not whole:
        return None
    spans = ((start, whole[0].start), (whole[-1].end, end))
    return WholeDays(
        zone,
        whole[0].day,
        whole[-1].day,
        whole[0].utc_days[0],
        whole[-1].utc_days[-1],
        tuple(span for span in spans if span[0] < span[1]),
    )


@lru_cache(maxsize=4096)
def days_before(zone: str, instant: datetime) -> WholeDays:
    """All local days that end before an instant or with it, however long ago they were; the edge
    is the part of a day between the last of them and the instant.
    """
    day = local_date(instant, zone)
    midnight = local_midnight(day, zone)
    return WholeDays(
        zone,
        FIRST_DAY,
        day - DAY,
        FIRST_DAY,
        (midnight - MICROSECOND).date(),
        ((midnight, instant),) if midnight < instant else (),
    )


class CleanWindows:
    """The windows of some series, as far as they hold exactly what a bound takes in.

    Marks are read before windows: whatever a mark told of before it was deleted is then in the
    windows.
    """

    def __init__(
        self, project: Project, series: Mapping[Series, str], *, bound: ArrivalBound | None
    ) -> None:
        """`series` names the event type of each."""
        wanted = series.keys()
        self._project = project
        self._types = series
        self._bound = bound
        subjects = {one.subject_id for one in wanted}
        self._dirty = _dirty_days(project, subjects, set(series.values()))
        standing = WindowSeries.objects.filter(project=project, subject_id__in=subjects).filter(
            meter_id__in={one.meter_id for one in wanted}, zone__in={one.zone for one in wanted}
        )
        self._standing = {
            Series(*row) for row in standing.values_list("subject_id", "meter_id", "zone")
        } & wanted
        self._states: dict[Series, dict[date, dict[Group, State]]] = defaultdict(dict)
        self._beyond: dict[Series, set[date]] = defaultdict(set)

    def of_whole_days(
        self, several: Set[Series], days: Mapping[int, WholeDays]
    ) -> dict[Series, Mapping[Group, State]]:
        """The merged states of those of these series that are clean on all these days of their
        subject; one query, whose number of rows does not grow with the days.
        """
        wanted: dict[WholeDays, set[Series]] = defaultdict(set)
        for series in self._standing & several:
            span = days.get(series.subject_id)
            if span is not None and span.zone == series.zone and self._is_clean(series, span):
                wanted[span].add(series)
        found: dict[Series, dict[Group, State]] = {
            series: {} for clean in wanted.values() for series in clean
        }
        for series, group, state in merged_windows(self._project, wanted):
            if series in found:
                if self._is_beyond(state):
                    del found[series]
                else:
                    found[series][group] = state
        return dict(found)

    def load(self, series: Collection[Series], *, between: tuple[date, date]) -> None:
        """Read the windows of these series day by day; `between` are the first and last local date,
        inclusive.
        """
        standing = self._standing & set(series)
        rows = UsageWindow.objects.filter(
            project=self._project,
            subject_id__in={one.subject_id for one in standing},
            meter_id__in={one.meter_id for one in standing},
            zone__in={one.zone for one in standing},
            day__gte=between[0],
            day__lte=between[1],
        )
        for _pk, one, day, group, state in read_windows(rows):
            self._states[one].setdefault(day, {})[group] = state
            if self._is_beyond(state):
                self._beyond[one].add(day)

    def of(self, series: Series, local: LocalDay) -> Mapping[Group, State] | None:
        """The states of a local day that was loaded, none where nothing happened; None where raw
        events must be read instead.
        """
        if series not in self._standing or local.day in self._beyond[series]:
            return None
        dirty = self._dirty.get(self._stream(series))
        if dirty and not dirty.isdisjoint(local.utc_days):
            return None
        return self._states[series].get(local.day, {})

    def until(
        self, series: Series, last: date
    ) -> tuple[list[dict[Group, State]], list[LocalDay]] | None:
        """The states of the local days up to `last` that were loaded, and the days that must be
        read from raw events instead; None where that is all of them.
        """
        if series not in self._standing:
            return None
        days = set(self._beyond[series])
        for utc_day in self._dirty.get(self._stream(series), ()):
            midnight = datetime.combine(utc_day, time(), UTC)
            days |= {local.day for local in local_days(series.zone, midnight, midnight + DAY)}
        states = [
            groups
            for day, groups in self._states[series].items()
            if day <= last and day not in days
        ]
        return states, [_local_day(day, series.zone) for day in sorted(days) if day <= last]

    def _is_clean(self, series: Series, span: WholeDays) -> bool:
        dirty = self._dirty.get(self._stream(series), ())
        return not any(span.utc_first <= day <= span.utc_last for day in dirty)

    def _is_beyond(self, state: State) -> bool:
        return self._bound is not None and (
            state.last_event > self._bound.event or state.last_retraction > self._bound.retraction
        )

    def _stream(self, series: Series) -> Stream:
        return Stream(series.subject_id, self._types[series])


def _dirty_days(
    project: Project, subjects: Iterable[int], types: Iterable[str]
) -> dict[Stream, set[date]]:
    marks = DirtyMark.objects.filter(project=project, subject_id__in=subjects, type__in=types)
    found: dict[Stream, set[date]] = defaultdict(set)
    for subject_id, kind, day in marks.values_list("subject_id", "type", "day").distinct():
        found[Stream(subject_id, kind)].add(day)
    return found


def read_windows(rows: QuerySet[UsageWindow]) -> Iterator[tuple[int, Series, date, Group, State]]:
    """The ids of windows, whose they are, and the states that they hold."""
    columns = (
        *("id", "subject_id", "meter_id", "zone", "day", "group", "subscription"),
        *("count", "sum", "min", "max", "checksum", "unusable", "last_event", "last_retraction"),
    )
    for pk, subject_id, meter_id, zone, day, by, subscription, *kept in rows.values_list(
        *columns
    ).iterator():
        count, total, low, high, checksum, unusable, last_event, last_retraction = kept
        state = State(
            count=count,
            total=Decimal(total),
            low=Decimal(low) if low else None,
            high=Decimal(high) if high else None,
            checksum=int.from_bytes(checksum, "big"),
            unusable=unusable,
            last_event=last_event,
            last_retraction=last_retraction,
        )
        yield pk, Series(subject_id, meter_id, zone), day, Group(by, subscription), state


class _Gathered(Aggregate):
    """The texts of all rows of a group, with commas between them. They are added in Python: SQLite
    has no exact decimals.
    """

    function = "GROUP_CONCAT"
    name = "Gathered"
    output_field = TextField()


def merged_windows(
    project: Project, wanted: Mapping[WholeDays, Set[Series]]
) -> Iterator[tuple[Series, Group, State]]:
    """The windows of series over whole days, merged; one row for each series and group.

    A subject's series must all want the same days. Others of its series may come too.
    """
    condition = Q()
    for days, several in wanted.items():
        condition |= Q(
            zone=days.zone,
            day__gte=days.first,
            day__lte=days.last,
            subject_id__in={series.subject_id for series in several},
            meter_id__in={series.meter_id for series in several},
        )
    if not condition:
        return
    rows = (
        UsageWindow.objects.filter(condition, project=project)
        .order_by()
        .values_list("subject_id", "meter_id", "zone", "group_key")
        .annotate(
            windows=Count("id"),
            by=Min("group"),
            named=Min("subscription"),
            events=Sum("count"),
            totals=_Gathered("sum"),
            lows=_Gathered("min"),
            highs=_Gathered("max"),
            checksums=_Gathered(Func(F("checksum"), function="HEX", output_field=TextField())),
            useless=Sum("unusable"),
            event=Max("last_event"),
            retraction=Max("last_retraction"),
        )
    )
    for (
        subject_id,
        meter_id,
        zone,
        _,
        windows,
        by,
        subscription,
        count,
        *gathered,
    ) in rows:
        totals, lows, highs, checksums, unusable, last_event, last_retraction = gathered
        parts = [text.split(",") for text in (totals, lows, highs, checksums)]
        if any(len(part) != windows for part in parts):
            raise InvariantError("group_concat_max_len is too small for the windows of a period")
        state = State.of_parts(
            count=int(count),
            totals=parts[0],
            lows=parts[1],
            highs=parts[2],
            checksums=parts[3],
            unusable=int(unusable),
            last_event=last_event,
            last_retraction=last_retraction,
        )
        yield Series(subject_id, meter_id, zone), Group(by, subscription), state
