"""Raw usage, read set-wise: the source that every total can be rebuilt from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db.models import Q

from ingest.aggregation.meter import MeterReader, UnusableError
from ingest.aggregation.state import State
from ingest.models import UsageEvent
from ingest.normalize import Scalar, read_data
from ingest.selectors.bounds import ArrivalBound
from neruba.models import Project

SPANS_A_QUERY = 100  # SQLite takes an expression of 1,000 levels, and this is far below
SUBJECTS_A_SPAN = 500
ROWS_A_FETCH = 2000

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


class RawEvent(NamedTuple):
    """An event as stored; `retraction` is the id of what retracted it."""

    stream: Stream
    effective_at: datetime
    id: int
    data: Mapping[str, Scalar]
    subscription: str
    content_hash: bytes
    retraction: int | None


def raw_events(
    project: Project,
    wanted: Mapping[Stream, Iterable[tuple[datetime, datetime]]],
    *,
    bound: ArrivalBound | None,
) -> Iterator[RawEvent]:
    """The events of each stream in its spans `[start, end)`, which must not overlap; in no order.

    With a bound, only events within it, and retractions beyond it are not known. Retracted events
    come too. Streams with the same spans share a query: those of hundreds of customers with one
    billing calendar are a handful.
    """
    sharing: dict[tuple[str, datetime, datetime], list[int]] = defaultdict(list)
    for stream, spans in wanted.items():
        for start, end in spans:
            sharing[(stream.type, start, end)].append(stream.subject_id)
    conditions = [
        Q(type=kind, subject_id__in=part, effective_at__gte=start, effective_at__lt=end)
        for (kind, start, end), subjects in sharing.items()
        for part in _parts(subjects, SUBJECTS_A_SPAN)
    ]
    for part in _parts(conditions, SPANS_A_QUERY):
        condition = Q()
        for one in part:
            condition |= one
        rows = UsageEvent.objects.filter(condition, project=project).order_by()
        if bound is not None:
            rows = rows.filter(id__lte=bound.event)
        columns = (
            *("subject_id", "type", "effective_at", "id", "data", "subscription", "content_hash"),
            "retraction__id",
        )
        for subject_id, kind, at, pk, data, subscription, digest, retraction in rows.values_list(
            *columns
        ).iterator(ROWS_A_FETCH):
            unknown = bound is not None and retraction is not None and retraction > bound.retraction
            yield RawEvent(
                Stream(subject_id, kind),
                at,
                pk,
                read_data(data),
                subscription,
                digest,
                None if unknown else retraction,
            )


def count_event(states: dict[Group, State], reader: MeterReader, event: RawEvent) -> None:
    """Add one event to the state of its group, as the meter reads it.

    A retracted event counts no more but is remembered; one that a filter leaves out is nothing to
    the meter.
    """
    if not reader.counts(event.data):
        return
    state = states.setdefault(Group(reader.group(event.data), event.subscription), State())
    state.note(event.id, event.retraction)
    if event.retraction is not None:
        return
    try:
        state.add(reader.value(event.data), event.content_hash)
    except UnusableError:
        state.unusable += 1


def _parts(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
