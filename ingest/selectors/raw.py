"""Raw usage, read set-wise: the source that every total can be rebuilt from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from ingest.aggregation.meter import MeterReader, UnusableError
from ingest.aggregation.state import State
from ingest.models import EventArchive, EventRetraction, UsageEvent
from ingest.normalize import Scalar
from ingest.selectors.archives import archived_event
from ingest.selectors.bounds import ArrivalBound
from neruba.models import Project
from neruba.reads import streamed

SPANS_A_QUERY = 100  # SQLite takes an expression of 1,000 levels, and this is far below
SUBJECTS_A_SPAN = 500
OF_SPAN = "e.type = %s AND e.effective_at >= %s AND e.effective_at < %s"

T = TypeVar("T")


class Stream(NamedTuple):
    """The events of one type of one subject."""

    subject_id: int
    type: str


class Group(NamedTuple):
    """What the events of one state have in common: their group as canonical JSON, and the
    subscription they name.
    """

    by: str
    subscription: str


ALL = Group("{}", "")


class RawEvent(NamedTuple):
    """An event as stored; `retraction` is the id of what retracted it.

    `at` is its instant as text in UTC, as `instant_text` writes it but for zeros at its end: such
    texts are in the order of time.
    """

    subject_id: int
    type: str
    at: str
    id: int
    data: str
    subscription: str
    content_hash: bytes
    retraction: int | None

    @property
    def stream(self) -> Stream:
        return Stream(self.subject_id, self.type)


def instant_text(instant: datetime) -> str:
    """An instant in UTC as both databases write it."""
    assert instant.tzinfo is UTC
    return instant.isoformat(" ").removesuffix("+00:00")


def raw_events(
    project: Project,
    wanted: Mapping[Stream, Iterable[tuple[datetime, datetime]]],
    *,
    bound: ArrivalBound | None,
) -> Iterator[list[RawEvent]]:
    """The events of each stream in its spans `[start, end)`, which must not overlap; some at a
    time, in no order.

    With a bound, only events within it, and retractions beyond it are not known. Retracted events
    come too, and archived ones with the data of their files: raises ArchiveError where these are
    not at hand. Streams with the same spans share a query: those of hundreds of customers with one
    billing calendar are a handful. Nothing else can be asked of the database until the last event
    was taken.
    """
    sharing: dict[tuple[str, datetime, datetime], list[int]] = defaultdict(list)
    for stream, spans in wanted.items():
        for start, end in spans:
            sharing[(stream.type, start, end)].append(stream.subject_id)
    conditions = [
        (
            f"e.subject_id IN ({','.join(map(int.__repr__, part))}) AND " + OF_SPAN,
            (kind, instant_text(start), instant_text(end)),
        )
        for (kind, start, end), subjects in sharing.items()
        for part in _parts(subjects, SUBJECTS_A_SPAN)
    ]
    for several in _parts(conditions, SPANS_A_QUERY):
        condition = " OR ".join(f"({text})" for text, _ in several)
        values: list[Any] = [value for _, own in several for value in own]
        for rows in streamed(*_query(project, condition, values, bound)):
            events = list(map(RawEvent._make, rows))
            # Data are an object; what is none is the name of the file where they rest.
            if not all(event.data.startswith("{") for event in events):
                events = [_with_data(project, event) for event in events]
            yield events


def _with_data(project: Project, event: RawEvent) -> RawEvent:
    if event.data.startswith("{"):
        return event
    found = archived_event(project, event.data, event.id)
    return event._replace(data=bytes(found.data).decode())


def _query(
    project: Project, condition: str, values: list[Any], bound: ArrivalBound | None
) -> tuple[str, list[Any]]:
    known = "" if bound is None else f"AND r.id <= {bound.retraction:d} "
    within = "" if bound is None else f"AND e.id <= {bound.event:d} "
    # The instant as text, since the driver takes longer to make a datetime than the rest of a row.
    text = (
        "SELECT e.subject_id, e.type, CAST(e.effective_at AS CHAR), e.id, "  # noqa: S608
        "COALESCE(a.file, e.data), e.subscription, e.content_hash, r.id "
        f"FROM {UsageEvent._meta.db_table} e "
        f"LEFT JOIN {EventArchive._meta.db_table} a ON a.id = e.archive_id "
        f"LEFT JOIN {EventRetraction._meta.db_table} r ON r.event_id = e.id {known}"
        f"WHERE e.project_id = %s {within}AND ({condition})"
    )
    return text, [project.pk, *values]


def count_events(
    states: dict[Group, State],
    reader: MeterReader,
    events: Sequence[RawEvent],
    data: Sequence[Mapping[str, Scalar]],
    *,
    keeps_entries: bool = False,
) -> None:
    """Add events to the states of their groups, as the meter reads them; `data` is what
    `read_data` makes of each. With `keeps_entries` the states hold each event too.

    A retracted event counts no more but is remembered; one that a filter leaves out is nothing to
    the meter. Law: in any parts, in any order, the states are the same.
    """
    if not events:
        return
    if reader.takes_all and not any(event.subscription for event in events):
        _count_group(states, ALL, reader, events, data, keeps_entries=keeps_entries)
        return
    parts: dict[Group, tuple[list[RawEvent], list[Mapping[str, Scalar]]]] = {}
    for event, own in zip(events, data, strict=True):
        if reader.counts(own):
            part = parts.setdefault(Group(reader.group(own), event.subscription), ([], []))
            part[0].append(event)
            part[1].append(own)
    for group, part in parts.items():
        _count_group(states, group, reader, *part, keeps_entries=keeps_entries)


def _count_group(
    states: dict[Group, State],
    group: Group,
    reader: MeterReader,
    events: Sequence[RawEvent],
    data: Sequence[Mapping[str, Scalar]],
    *,
    keeps_entries: bool,
) -> None:
    state = states.get(group)
    if state is None:
        state = states[group] = State()
    *_, ids, _, _, hashes, retractions = zip(*events, strict=True)
    state.note(max(ids), None)
    if not keeps_entries and retractions.count(None) == len(ids):
        values = reader.whole_numbers(data)
        if values is not None:
            state.add_many(values, hashes)
            return
    _count_each(state, reader, events, data, keeps_entries=keeps_entries)


def _count_each(
    state: State,
    reader: MeterReader,
    events: Sequence[RawEvent],
    data: Sequence[Mapping[str, Scalar]],
    *,
    keeps_entries: bool,
) -> None:
    for event, own in zip(events, data, strict=True):
        if event.retraction is not None:
            state.note(event.id, event.retraction)
            continue
        try:
            value = reader.value(own)
        except UnusableError:
            state.unusable += 1
            continue
        state.add(value, event.content_hash)
        if keeps_entries:
            state.entries.append(reader.entry(event.at, event.id, value, own))


def _parts(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
