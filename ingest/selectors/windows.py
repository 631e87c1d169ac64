"""Windows that may stand for the raw events of their local day."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from django.db.models import QuerySet

from ingest.aggregation.state import State
from ingest.models import DirtyMark, UsageWindow, WindowSeries
from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.raw import Group, Stream
from neruba.models import Project
from neruba.period import day_interval, days_between

MICROSECOND = timedelta(microseconds=1)


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


class CleanWindows:
    """The windows of some series between two dates, as far as they hold exactly what a bound takes
    in.

    Marks are read before windows: whatever a mark told of before it was deleted is then in the
    windows.
    """

    def __init__(
        self,
        project: Project,
        series: Mapping[Series, str],
        *,
        between: tuple[date, date],
        bound: ArrivalBound | None,
    ) -> None:
        """`series` names the event type of each; `between` are the first and last local date,
        inclusive.
        """
        wanted = series.keys()
        self._types = series
        subjects = {one.subject_id for one in wanted}
        self._dirty = _dirty_days(project, subjects, set(series.values()))
        standing = WindowSeries.objects.filter(project=project, subject_id__in=subjects).filter(
            meter_id__in={one.meter_id for one in wanted}, zone__in={one.zone for one in wanted}
        )
        self._standing = {
            Series(*row) for row in standing.values_list("subject_id", "meter_id", "zone")
        } & wanted
        self._states: dict[tuple[Series, date], dict[Group, State]] = defaultdict(dict)
        self._beyond: set[tuple[Series, date]] = set()
        rows = UsageWindow.objects.filter(
            project=project,
            subject_id__in={one.subject_id for one in self._standing},
            meter_id__in={one.meter_id for one in self._standing},
            zone__in={one.zone for one in self._standing},
            day__gte=between[0],
            day__lte=between[1],
        )
        for _pk, one, day, group, state in read_windows(rows):
            self._states[one, day][group] = state
            if bound is not None and (
                state.last_event > bound.event or state.last_retraction > bound.retraction
            ):
                self._beyond.add((one, day))

    def of(self, series: Series, local: LocalDay) -> Mapping[Group, State] | None:
        """The states of a local day, none where nothing happened; None where raw events must be
        read instead.
        """
        if series not in self._standing or (series, local.day) in self._beyond:
            return None
        stream = Stream(series.subject_id, self._types[series])
        dirty = self._dirty.get(stream)
        if dirty and not dirty.isdisjoint(local.utc_days):
            return None
        return self._states.get((series, local.day), {})


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
