"""What people decide on bodies that were refused: to mend and resubmit, to discard, to reopen.

`keep_failed` counts a body that comes again; only what stands here changes its state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ingest.errors import FailedEventStateError, IdentityTakenError, StillFailingError
from ingest.locks import lock_failed_event, share_arrival
from ingest.models import FailedEvent, UsageEvent
from ingest.normalize import body_text
from ingest.selectors.failed import OBJECT_TYPE, fault_pointer, sent_body
from ingest.services.events import Outcome, accept_events
from neruba.actor import Actor
from neruba.errors import InvalidError
from neruba.services.audit import record

State = FailedEvent.State


@dataclass(frozen=True, slots=True)
class Resubmitted:
    """The failed event, and the event that it became or that stood already (`is_duplicate`)."""

    failed: FailedEvent
    event: UsageEvent
    is_duplicate: bool


def resubmit_failed(
    *,
    failed: FailedEvent,
    event: Mapping[str, object] | None,
    actor: Actor,
    reason: str,
    at: datetime,
) -> Resubmitted:
    """Send an open failed event again: mended as `event`, or as it came (None).

    The mended one is decoded JSON and may be another event altogether. It goes the one way in, by
    the rules of an application/json request that arrives at `at`: without a `time` it counts then.
    Raises StillFailingError or IdentityTakenError with a pointer below `/event`,
    FailedEventStateError where it is not open; after each of them nothing has changed, and the
    attempt is neither counted nor kept as a further failed event.
    """
    _check_reason(reason)
    project = failed.project
    with transaction.atomic():
        # Before the row, since accepting holds the fence when it counts a failed body once more.
        share_arrival(project)
        row = _locked(failed, State.OPEN)
        body = sent_body(row) if event is None else event
        (outcome,) = accept_events(project=project, bodies=[body], at=at)
        # What was kept of a refusal is undone with the transaction.
        _check_taken(outcome, body)
        row.resubmitted_as = UsageEvent.objects.get(
            project=project, source=outcome.source, event_id=outcome.id
        )
        row.state = State.RESUBMITTED
        row.save(update_fields=["state", "resubmitted_as"])
        _note(
            row,
            "resubmitted",
            actor=actor,
            reason=reason,
            at=at,
            source=outcome.source,
            id=outcome.id,
            outcome=outcome.outcome,
            mended="no" if body_text(body) == row.body else "yes",
        )
    return Resubmitted(row, row.resubmitted_as, outcome.outcome == "duplicate")


def discard_failed(*, failed: FailedEvent, actor: Actor, reason: str, at: datetime) -> FailedEvent:
    """Decide that an open failed event will not be sent again; it stays readable.

    Raises FailedEventStateError where it is not open.
    """
    return _move(
        failed, State.OPEN, State.DISCARDED, "discarded", actor=actor, reason=reason, at=at
    )


def reopen_failed(*, failed: FailedEvent, actor: Actor, reason: str, at: datetime) -> FailedEvent:
    """Take back that it was discarded. Raises FailedEventStateError where it was not."""
    return _move(failed, State.DISCARDED, State.OPEN, "reopened", actor=actor, reason=reason, at=at)


def _move(
    failed: FailedEvent,
    before: State,
    after: State,
    act: str,
    *,
    actor: Actor,
    reason: str,
    at: datetime,
) -> FailedEvent:
    _check_reason(reason)
    with transaction.atomic():
        row = _locked(failed, before)
        row.state = after
        row.save(update_fields=["state"])
        _note(row, act, actor=actor, reason=reason, at=at)
    return row


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidError("A reason is needed.", pointer="/reason")


def _locked(failed: FailedEvent, wanted: State) -> FailedEvent:
    """The row as it stands now, which rivals wait for. Raises FailedEventStateError in any other
    state.
    """
    row = lock_failed_event(failed)
    row.project = failed.project  # the lock reads the row alone
    if row.state == wanted:
        return row
    if row.state == State.RESUBMITTED:
        assert row.resubmitted_as is not None, "it was resubmitted as some event"
        event = row.resubmitted_as
        words = f"It was resubmitted already, as event {event.event_id!r} of {event.source!r}."
    elif row.state == State.DISCARDED:
        words = "It was discarded: reopen it first."
    else:
        words = "It is open already."
    raise FailedEventStateError(words, state=row.state)


def _check_taken(outcome: Outcome, body: object) -> None:
    if outcome.outcome == "failed":
        place = f"/event{fault_pointer(body, outcome.detail)}"
        raise StillFailingError(outcome.detail, pointer=place, fault=outcome.code)
    if outcome.outcome == "conflict":
        raise IdentityTakenError(outcome.detail, pointer="/event")


def _note(
    row: FailedEvent, act: str, *, actor: Actor, reason: str, at: datetime, **details: str
) -> None:
    record(
        project=row.project,
        actor=actor,
        action=f"{OBJECT_TYPE}.{act}",
        on=(OBJECT_TYPE, row.body_hash),
        at=at,
        reason=reason,
        details=details,
    )
