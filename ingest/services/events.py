"""Accepting events: one way in for single events, batches, imports and resubmissions."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Literal

import msgspec
from django.db import IntegrityError, transaction

from ingest.aggregation.meter import MeterReader, UnusableError
from ingest.locks import share_arrival
from ingest.models import UsageEvent
from ingest.normalize import Event, EventError, normalize
from ingest.selectors.identities import Identity, Stored, stored_events
from ingest.selectors.meters import usability_readers
from ingest.selectors.raw import Stream
from ingest.services.failed import Refused, keep_failed, named
from ingest.services.marks import mark_dirty
from neruba.inserts import insert_rows
from neruba.models import Project
from neruba.ops.counters import count_ingested
from neruba.services.subjects import subject_ids

COLUMNS = (
    *("project_id", "source", "event_id", "subject_id", "type", "effective_at", "received_at"),
    *("data", "extensions", "subscription", "content_hash", "backfill"),
)
NO_BACKFILL = 0


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one body: the `index`-th of those that were sent."""

    index: int
    source: str
    id: str
    outcome: Literal["accepted", "duplicate", "conflict", "failed"]
    code: str = ""
    detail: str = ""


def accept_events(
    *, project: Project, bodies: Sequence[object], at: datetime, specversion_required: bool = False
) -> list[Outcome]:
    """Store what is new among decoded CloudEvents; return what became of each, in their order.

    Call in a transaction: all of it is committed together, and the answer given after that. Of one
    identity the first content that can be accepted wins, in the batch as between requests. Failed
    bodies are kept, and change no usage. The events of a batch arrive in the order of their
    identities, which keeps rivals from deadlocks. Law: sending the same bodies again, in any order
    and any batches, stores nothing.
    """
    assert transaction.get_connection().in_atomic_block, (
        "events and their marks are stored together"
    )
    read = [_read(body, specversion_required=specversion_required) for body in bodies]
    readers = usability_readers(project, {event.type for event in read if isinstance(event, Event)})
    stored = stored_events(project, _identities(read))
    while True:
        sorting = _Sorting(project, readers, stored, at)
        outcomes = [
            sorting.place(index, body, event)
            for index, (body, event) in enumerate(zip(bodies, read, strict=True))
        ]
        try:
            _store(project, sorting.fresh, at)
            break
        except IntegrityError:
            # A rival stored one of them since the look-up, and has committed: look again.
            before, stored = stored, stored_events(project, _identities(read))
            if stored == before:
                raise
    if sorting.refused:
        keep_failed(project=project, refused=sorting.refused, at=at)
    count_ingested(outcome.outcome for outcome in outcomes)
    return outcomes


def _identities(read: Iterable[Event | EventError]) -> set[Identity]:
    return {event.identity for event in read if isinstance(event, Event)}


def _read(body: object, *, specversion_required: bool) -> Event | EventError:
    try:
        return normalize(body, specversion_required=specversion_required)
    except EventError as error:
        return error


class _Sorting:
    """Sorts the events of one request into outcomes, given what is stored already."""

    def __init__(
        self,
        project: Project,
        readers: Mapping[str, Sequence[tuple[str, MeterReader]]],
        stored: Mapping[Identity, Stored],
        at: datetime,
    ) -> None:
        self._latest = at + project.policy.future_tolerance
        self._readers = readers
        self._stored = stored
        self._at = at
        self.fresh: dict[Identity, Event] = {}
        self.refused: list[Refused] = []

    def place(self, index: int, body: object, event: Event | EventError) -> Outcome:
        if isinstance(event, EventError):
            return self._refuse(index, body, event)
        identity = source, event_id = event.identity
        prior = self._stored.get(identity) or self._placed(identity)
        if prior is not None:
            if _same(event, prior):
                return Outcome(index, source, event_id, "duplicate")
            detail = "An event with this source and id, but other content, was accepted before."
            return Outcome(index, source, event_id, "conflict", "conflict", detail)
        error = self._fault(event)
        if error is not None:
            return self._refuse(index, body, error)
        self.fresh[identity] = event
        return Outcome(index, source, event_id, "accepted")

    def _placed(self, identity: Identity) -> Stored | None:
        """What this request itself will store under the identity."""
        event = self.fresh.get(identity)
        return None if event is None else Stored(event.content_hash, event.time or self._at)

    def _refuse(self, index: int, body: object, error: EventError) -> Outcome:
        self.refused.append(Refused(body, error))
        source, event_id = named(body, "source"), named(body, "id")
        return Outcome(index, source, event_id, "failed", error.code, error.detail)

    def _fault(self, event: Event) -> EventError | None:
        """What only the project can tell: too far in the future, or nothing that its meters could
        use.
        """
        if event.time is not None and event.time > self._latest:
            return EventError(
                "in_future", "time lies further in the future than the project tolerates."
            )
        for code, reader in self._readers.get(event.type, ()):
            try:
                if reader.counts(event.data):
                    reader.value(event.data)
            except UnusableError as error:
                return EventError("unusable_data", f"Meter {code!r} cannot use it: {error}.")
        return None


def _same(event: Event, prior: Stored) -> bool:
    """A time that was left out and one that names the instant of arrival are the same time too."""
    if event.content_hash == prior.content_hash:
        return True
    return event.time == prior.effective_at and event.hash_at(None) == prior.content_hash


def _store(project: Project, fresh: Mapping[Identity, Event], at: datetime) -> None:
    if not fresh:
        return
    share_arrival(project)
    ordered = [fresh[identity] for identity in sorted(fresh)]
    subjects = subject_ids(project=project, external_ids={event.subject for event in ordered})
    project_id = project.pk
    rows = [
        (
            *(project_id, event.source, event.id, subjects[event.subject], event.type),
            *(event.time or at, at, event.text, event.extensions, event.subscription),
            *(event.content_hash, NO_BACKFILL),
        )
        for event in ordered
    ]
    # One row undoes itself where it fails.
    with transaction.atomic() if len(rows) > 1 else nullcontext():
        insert_rows(UsageEvent, COLUMNS, rows)
    mark_dirty(
        project,
        ((Stream(subjects[event.subject], event.type), event.time or at) for event in ordered),
    )
