"""Rebuilding windows from raw events: idempotent, so that order, gaps and crashes do not matter."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction
from django.db.models import QuerySet

from ingest.aggregation.spans import Spans
from ingest.aggregation.state import State
from ingest.locks import take_windows
from ingest.models import DirtyMark, Meter, UsageWindow, WindowSeries
from ingest.news import tell
from ingest.normalize import EARLIEST
from ingest.selectors.bounds import known_bound
from ingest.selectors.meters import reader_of
from ingest.selectors.raw import Group, RawEvent, Stream, count_event, raw_events
from ingest.selectors.windows import Series, local_days, read_windows
from neruba.canonical import sha256_hex
from neruba.decimals import plain
from neruba.inserts import insert_rows
from neruba.models import Project, Subject
from neruba.period import day_interval, local_date

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

    With `subject_ids`, only theirs, and each of them gets a series for every meter of the project;
    without, all that have marks, and for the types that were marked. Windows are kept by the zone
    of the customer (else the project's), the zones of series that exist, and for each subject those
    in `zones`. A new series is built from all its events. One transaction, in which nobody else
    rebuilds windows of the project. Law: rebuilding changes no usage.
    """
    with transaction.atomic():
        take_windows(project)
        subjects = (
            sorted(set(subject_ids)) if subject_ids is not None else _marked_subjects(project)
        )
        changed = 0
        days: dict[Stream, set[date]] = {}
        for first in range(0, len(subjects), SUBJECTS_AT_ONCE):
            part = subjects[first : first + SUBJECTS_AT_ONCE]
            rebuild = _Rebuild.plan(project, part, zones or {}, every_meter=subject_ids is not None)
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
    days: dict[Series, set[date] | None]
    missing: list[Series]
    by_stream: dict[Stream, list[Series]] = field(default_factory=lambda: defaultdict(list))

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
        for pk, subject_id, kind, day in rows.values_list("id", "subject_id", "type", "day"):
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
            if every_meter or Stream(subject_id, meter.event_type) in marked
            for zone in {own, *zones.get(subject_id, ())}
        }
        missing = sorted(wanted - standing)
        rebuild = cls(project, marks, marked, meters, dict.fromkeys(missing), missing)
        for series in standing:
            touched = marked.get(Stream(series.subject_id, meters[series.meter_id].event_type))
            if touched:
                rebuild.days[series] = _local_dates(touched, series.zone)
        for series in rebuild.days:
            rebuild.by_stream[rebuild._stream(series)].append(series)
        return rebuild

    def run(self) -> int:
        fresh: dict[tuple[Series, date], dict[Group, State]] = defaultdict(dict)
        readers = {pk: reader_of(meter) for pk, meter in self.meters.items()}
        for event in raw_events(self.project, self._spans(), bound=None):
            for series, day in self._windows_of(event):
                count_event(fresh[series, day], readers[series.meter_id], event)
        states = {
            (series, day, group): state
            for (series, day), groups in fresh.items()
            for group, state in groups.items()
        }
        changed = self._write(states)
        rows = [(self.project.pk, *series) for series in self.missing]
        insert_rows(WindowSeries, SERIES_COLUMNS, rows)
        _delete(DirtyMark.objects.all(), self.marks)
        return changed

    def _stream(self, series: Series) -> Stream:
        return Stream(series.subject_id, self.meters[series.meter_id].event_type)

    def _spans(self) -> dict[Stream, list[tuple[datetime, datetime]]]:
        wanted = {}
        for stream, several in self.by_stream.items():
            spans: list[tuple[datetime, datetime, None]] = []
            for series in several:
                days = self.days[series]
                if days is None:
                    spans.append((EARLIEST, LATEST, None))
                else:
                    spans += [_hours(day, series.zone) for day in days]
            wanted[stream] = list(Spans(spans).union())
        return wanted

    def _windows_of(self, event: RawEvent) -> Iterable[tuple[Series, date]]:
        for series in self.by_stream[event.stream]:
            day, days = local_date(event.effective_at, series.zone), self.days[series]
            if days is None or day in days:
                yield series, day

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
        _delete(UsageWindow.objects.all(), stale)
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
            bytes.fromhex(state.checksum_hex),
            *(state.unusable, state.last_event, state.last_retraction),
        )


def _zones_of(project: Project, subjects: Collection[int]) -> dict[int, str]:
    rows = Subject.objects.filter(project=project, pk__in=subjects)
    return {
        pk: zone or project.timezone for pk, zone in rows.values_list("id", "customer__timezone")
    }


def _local_dates(utc_days: Iterable[date], zone: str) -> set[date]:
    """The local dates that have an instant in one of the UTC days: two or three for each."""
    midnights = (datetime.combine(day, time(), UTC) for day in utc_days)
    return {local.day for start in midnights for local in local_days(zone, start, start + DAY)}


def _hours(day: date, zone: str) -> tuple[datetime, datetime, None]:
    hours = day_interval(day, zone)
    return hours.start, hours.end, None


def _group_key(group: Group) -> str:
    if group == Group("{}", ""):
        return ""
    return sha256_hex(list(group))


def _delete(rows: QuerySet[DirtyMark] | QuerySet[UsageWindow], pks: Collection[int]) -> None:
    ordered = sorted(pks)
    for first in range(0, len(ordered), ROWS_A_DELETE):
        rows.filter(pk__in=ordered[first : first + ROWS_A_DELETE]).delete()
