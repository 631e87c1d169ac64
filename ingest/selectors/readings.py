"""Reading spans of time: what windows hold of them, and raw events for the rest."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal

from ingest.aggregation.meter import MeterReader
from ingest.aggregation.spans import Spans
from ingest.aggregation.state import State
from ingest.normalize import read_data
from ingest.selectors.bounds import ArrivalBound
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
Groups = dict[Group, State]


@dataclass(slots=True)
class Span:
    """The instants `[start, end)` of a series, and what is found of them by group, of every
    subscription. Spans of one need, which do not overlap, may share what they find.

    `is_opening`: all the time before `end`. `keeps_entries`: each event is wanted. `fits`: windows
    may hold it.
    """

    series: Series
    stream: Stream
    reader: MeterReader
    start: datetime
    end: datetime
    is_opening: bool
    keeps_entries: bool
    fits: bool
    found: Groups

    def take(self, states: Mapping[Group, State]) -> None:
        """Add what windows hold."""
        for group, state in states.items():
            self.found.setdefault(group, State()).merge(state)


Gap = tuple[Span, datetime, datetime]


def read_spans(
    project: Project, spans: Sequence[Span], *, bound: ArrivalBound | None, source: Source
) -> None:
    """Find what the spans have of events within the bound, in a constant number of queries."""
    _Reading(project, spans, bound).run(source)


class _Reading:
    """Some spans while their states are read."""

    def __init__(self, project: Project, spans: Sequence[Span], bound: ArrivalBound | None) -> None:
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
        series = {span.series: span.stream.type for span in fitting}
        windows = CleanWindows(self._project, series, bound=self._bound)
        for spans, whole, merge_days in (
            ([span for span in fitting if not span.is_opening], _whole_days, _merge_days),
            ([span for span in fitting if span.is_opening], _days_before, _merge_days_before),
        ):
            days = _days_of_subjects(spans, whole)
            merged = windows.of_whole_days({span.series for span in spans}, days)
            rest = []
            for span in spans:
                if span.series in merged:
                    span.take(merged[span.series])
                    gaps += [(span, *edge) for edge in days[span.series.subject_id].edges]
                else:
                    rest.append(span)
            if rest:
                gaps += merge_days(windows, rest)
        return gaps

    def _count_raw(self, gaps: Sequence[Gap]) -> None:
        by_stream: dict[Stream, list[tuple[datetime, datetime, Span]]] = defaultdict(list)
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


def _merge_days(windows: CleanWindows, spans: Sequence[Span]) -> Iterator[Gap]:
    """Merge the clean windows day by day; return what they leave."""
    first = min(local_date(span.start, span.series.zone) for span in spans)
    last = max(local_date(span.end, span.series.zone) for span in spans)
    windows.load({span.series for span in spans}, between=(first, last))
    for span in spans:
        for local in local_days(span.series.zone, span.start, span.end):
            states = windows.of(span.series, local) if _is_whole(local, span) else None
            if states is None:
                yield span, max(local.start, span.start), min(local.end, span.end)
            else:
                span.take(states)


def _merge_days_before(windows: CleanWindows, spans: Sequence[Span]) -> Iterator[Gap]:
    """The same for all the days before the needs, of which only those are looked at that have
    windows or marks.
    """
    before = [days_before(span.series.zone, span.end) for span in spans]
    last = max(days.last for days in before)
    windows.load({span.series for span in spans}, between=(FIRST_DAY, last))
    for span, days in zip(spans, before, strict=True):
        held = windows.until(span.series, days.last)
        if held is None:
            yield span, span.start, span.end
            continue
        states, unclean = held
        for groups in states:
            span.take(groups)
        yield from ((span, local.start, local.end) for local in unclean)
        yield from ((span, *edge) for edge in days.edges)


def _whole_days(span: Span) -> WholeDays | None:
    return whole_days(span.series.zone, span.start, span.end)


def _days_before(span: Span) -> WholeDays | None:
    return days_before(span.series.zone, span.end)


def _days_of_subjects(
    spans: Iterable[Span], whole: Callable[[Span], WholeDays | None]
) -> dict[int, WholeDays]:
    """The whole days that all spans of a subject have in common; subjects whose spans differ are
    left out.
    """
    found: dict[int, set[WholeDays | None]] = defaultdict(set)
    for span in spans:
        found[span.series.subject_id].add(whole(span))
    return {
        subject_id: days
        for subject_id, (days, *others) in found.items()
        if days is not None and not others
    }


def _is_whole(local: LocalDay, span: Span) -> bool:
    return span.start <= local.start and local.end <= span.end
