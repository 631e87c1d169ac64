"""Rebuilding windows from raw events: idempotent, so that order, gaps and crashes do not matter."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby

from django.db import connection, transaction

from ingest.aggregation.spans import Spans
from ingest.aggregation.state import DIGEST_BYTES, State
from ingest.locks import take_windows
from ingest.models import DirtyMark, Meter, UsageWindow, WindowSeries
from ingest.news import tell
from ingest.normalize import EARLIEST, read_data
from ingest.selectors.bounds import known_bound
from ingest.selectors.meters import reader_of
from ingest.selectors.raw import Group, Stream, count_events, raw_events
from ingest.selectors.windows import Series, local_days, local_runs, read_windows
from neruba.canonical import sha256_hex
from neruba.decimals import plain
from neruba.inserts import insert_rows
from neruba.models import Project, Subject
from neruba.period import day_interval

SUBJECTS_AT_ONCE = 200
ROWS_A_DELETE = 1000
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
DAY = timedelta(days=1)
SERIES_COLUMNS = ("project_id", "subject_id", "meter_id", "zone")
WINDOW_COLUMNS = (
    *("project_id", "subject_id", "meter_id", "zone", "day", "group_key", "group", "subscription"),
    *("count", "sum", "min", "max", "checksum", "unusable", "last_event", "last_retraction"),
)

Window = tuple[Series, date, Group]


def rebuild_windows(
    project: Project,
    *,
    subject_ids: Collection[int] | None = None,
    zones: Mapping[int, Collection[str]] | None = None,
) -> int:
    """Rebuild what dirty marks name, and delete just those marks; return how many windows were
    written or removed.

    With `subject_ids`, only theirs, and each of them gets a series for every meter of the project
    that windows are of use to; without, all that have marks, and for the types that were marked.
    Windows are kept by the zone of the customer (else the project's), the zones of series that
    exist, and for each subject those in `zones`. A new series is built from all its events. One
    transaction, in which nobody else rebuilds windows of the same subjects. Law: rebuilding changes
    no usage.
    """
    subjects = sorted(set(subject_ids)) if subject_ids is not None else _marked_subjects(project)
    return _rebuild(project, subjects, zones or {}, every_meter=subject_ids is not None)


def rebuild_marked(project: Project, subject_ids: Collection[int]) -> int:
    """Rebuild what dirty marks of these subjects name, for the types that were marked; otherwise
    as `rebuild_windows`.
    """
    return _rebuild(project, sorted(set(subject_ids)), {}, every_meter=False)


def _rebuild(
    project: Project,
    subjects: Sequence[int],
    zones: Mapping[int, Collection[str]],
    *,
    every_meter: bool,
) -> int:
    with transaction.atomic():
        changed = 0
        days: dict[Stream, set[date]] = {}
        for first in range(0, len(subjects), SUBJECTS_AT_ONCE):
            part = subjects[first : first + SUBJECTS_AT_ONCE]
            take_windows(part)
            rebuild = _Rebuild.plan(project, part, zones, every_meter=every_meter)
            changed += rebuild.run()
            days |= rebuild.marked
        if days:
            tell(project, days, known_bound(project))
    return changed


def _marked_subjects(project: Project) -> list[int]:
    marks = DirtyMark.objects.filter(project=project).order_by("subject_id")
    return list(marks.values_list("subject_id", flat=True).distinct())


@dataclass(slots=True)
class _Rebuild:
    """What is to be done for some subjects. `days` are a series' local days to rebuild; None means
    all of them.
    """

    project: Project
    marks: list[int]
    marked: Mapping[Stream, set[date]]
    meters: dict[int, Meter]
    days: dict[Series, frozenset[date] | None]
    missing: list[Series]
    by_stream: dict[Stream, dict[str, list[Series]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    @classmethod
    def plan(
        cls,
        project: Project,
        subjects: Collection[int],
        zones: Mapping[int, Collection[str]],
        *,
        every_meter: bool,
    ) -> "_Rebuild":
        # Marks first: what they tell of is committed, and read below. A later mark stays.
        marks: list[int] = []
        marked: dict[Stream, set[date]] = defaultdict(set)
        rows = DirtyMark.objects.filter(project=project, subject_id__in=subjects)
        columns = ("id", "subject_id", "type", "day")
        for pk, subject_id, kind, day in rows.values_list(*columns).iterator():
            marks.append(pk)
            marked[Stream(subject_id, kind)].add(day)
        standing = {
            Series(*row)
            for row in WindowSeries.objects.filter(
                project=project, subject_id__in=subjects
            ).values_list("subject_id", "meter_id", "zone")
        }
        meters = {meter.pk: meter for meter in Meter.objects.filter(project=project)}
        wanted = {
            Series(subject_id, meter.pk, zone)
            for subject_id, own in _zones_of(project, subjects).items()
            for meter in meters.values()
            if reader_of(meter).has_windows
            if every_meter or Stream(subject_id, meter.event_type) in marked
            for zone in {own, *zones.get(subject_id, ())}
        }
        missing = sorted(wanted - standing)
        rebuild = cls(project, marks, marked, meters, dict.fromkeys(missing), missing)
        for series in standing:
            touched = marked.get(Stream(series.subject_id, meters[series.meter_id].event_type))
            if touched:
                rebuild.days[series] = _local_dates(frozenset(touched), series.zone)
        for series in rebuild.days:
            rebuild.by_stream[rebuild._stream(series)][series.zone].append(series)
        return rebuild

    def run(self) -> int:
        fresh: dict[tuple[Series, date], dict[Group, State]] = defaultdict(dict)
        readers = {pk: reader_of(meter) for pk, meter in self.meters.items()}
        for batch in raw_events(self.project, self._spans(), bound=None):
            for stream, of_stream in groupby(batch, lambda event: event.stream):
                events = list(of_stream)
                data = [read_data(event.data) for event in events]
                for zone, several in self.by_stream[stream].items():
                    for day, part in local_runs(zone, events):
                        for series in several:
                            days = self.days[series]
                            if days is None or day in days:
                                count_events(
                                    fresh[series, day],
                                    readers[series.meter_id],
                                    events[part],
                                    data[part],
                                )
        states = {
            (series, day, group): state
            for (series, day), groups in fresh.items()
            for group, state in groups.items()
        }
        changed = self._write(states)
        rows = [(self.project.pk, *series) for series in self.missing]
        insert_rows(WindowSeries, SERIES_COLUMNS, rows)
        _delete(DirtyMark, self.marks)
        return changed

    def _stream(self, series: Series) -> Stream:
        return Stream(series.subject_id, self.meters[series.meter_id].event_type)

    def _spans(self) -> dict[Stream, tuple[tuple[datetime, datetime], ...]]:
        return {
            stream: _covered(
                frozenset(
                    (zone, days if days is None else frozenset(days))
                    for zone, several in zones.items()
                    for series in several
                    for days in [self.days[series]]
                )
            )
            for stream, zones in self.by_stream.items()
        }

    def _write(self, states: Mapping[Window, State]) -> int:
        """Make the windows of the days in question be `states`, touching only what differs."""
        rows = UsageWindow.objects.filter(
            project=self.project, subject_id__in={series.subject_id for series in self.days}
        )
        touched = set().union(*(days for days in self.days.values() if days))
        if not touched:
            standing: dict[Window, tuple[int, State]] = {}
        else:
            standing = {
                (series, day, group): (pk, state)
                for pk, series, day, group, state in read_windows(rows.filter(day__in=touched))
                if day in (self.days.get(series) or ())
            }
        stale = [pk for key, (pk, state) in standing.items() if states.get(key) != state]
        _delete(UsageWindow, stale)
        new = sorted(
            key for key, state in states.items() if key not in standing or standing[key][1] != state
        )
        insert_rows(UsageWindow, WINDOW_COLUMNS, [self._row(key, states[key]) for key in new])
        return len(new) + sum(key not in states for key in standing)

    def _row(self, window: Window, state: State) -> tuple[object, ...]:
        series, day, group = window
        return (
            *(self.project.pk, *series, day, _group_key(group), group.by, group.subscription),
            *(state.count, plain(state.total)),
            "" if state.low is None else plain(state.low),
            "" if state.high is None else plain(state.high),
            state.checksum.to_bytes(DIGEST_BYTES, "big"),
            *(state.unusable, state.last_event, state.last_retraction),
        )


def _zones_of(project: Project, subjects: Collection[int]) -> dict[int, str]:
    rows = Subject.objects.filter(project=project, pk__in=subjects)
    return {
        pk: zone or project.timezone for pk, zone in rows.values_list("id", "customer__timezone")
    }


@lru_cache(maxsize=1024)
def _local_dates(utc_days: frozenset[date], zone: str) -> frozenset[date]:
    """The local dates that have an instant in one of the UTC days: two or three for each."""
    midnights = (datetime.combine(day, time(), UTC) for day in utc_days)
    return frozenset(
        local.day for start in midnights for local in local_days(zone, start, start + DAY)
    )


@lru_cache(maxsize=1024)
def _covered(
    days_of_zones: frozenset[tuple[str, frozenset[date] | None]],
) -> tuple[tuple[datetime, datetime], ...]:
    """The time that local days in their zones cover; None means all days. Many customers share
    it.
    """
    spans: list[tuple[datetime, datetime, None]] = []
    for zone, days in days_of_zones:
        if days is None:
            spans.append((EARLIEST, LATEST, None))
        else:
            spans += [_hours(day, zone) for day in days]
    return tuple(Spans(spans).union())


def _hours(day: date, zone: str) -> tuple[datetime, datetime, None]:
    hours = day_interval(day, zone)
    return hours.start, hours.end, None


def _group_key(group: Group) -> str:
    if group == Group("{}", ""):
        return ""
    return sha256_hex(list(group))


def _delete(model: type[DirtyMark] | type[UsageWindow], pks: Collection[int]) -> None:
    """By statements with the ids in them: as parameters they would cost more than the deletion."""
    ordered = sorted(pks)
    with connection.cursor() as cursor:
        for first in range(0, len(ordered), ROWS_A_DELETE):
            ids = ",".join(map(int.__repr__, ordered[first : first + ROWS_A_DELETE]))
            cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE id IN ({ids})")  # noqa: S608
