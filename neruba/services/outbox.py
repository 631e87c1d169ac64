"""The outbox: news written with what it is of, handed to its handlers afterwards."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from neruba.actor import Actor
from neruba.backoff import MAX_ATTEMPTS, delay_after
from neruba.canonical import canonical_json
from neruba.edge import Failure, outcome_of, run_atomic
from neruba.errors import ConflictError
from neruba.locks import lock_message
from neruba.models import OutboxMessage, Project
from neruba.outbox import Handler, handler_of, handlers_of
from neruba.services.audit import record

State = OutboxMessage.State

# How long a message that is being handled is left alone: longer than any handler takes.
IN_HAND = timedelta(minutes=5)
DIED = "The process died while it was handled."


def announce(*, project: Project, topic: str, news: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
    """Write news, each as (key, payload), for every handler of the topic, in the caller's
    transaction; return how many messages that made.
    """
    messages = [
        OutboxMessage(
            project=project,
            topic=topic,
            key=key,
            handler=handler.name,
            payload=canonical_json(dict(payload)),
        )
        for handler in handlers_of(topic)
        for key, payload in news
    ]
    OutboxMessage.objects.bulk_create(messages, batch_size=1000)
    return len(messages)


def deliver(pk: int, *, at: datetime) -> bool:
    """Hand one message to its handler if it is due at the wall time `at`; return whether it was
    done.

    The attempt is counted before it is made, so that a message on which the process dies comes to
    its end too. What fails is tried again, later each time, and is dead after the last attempt.
    """
    claimed = run_atomic(partial(_claim, pk, at))
    if claimed is None:
        return False
    handler = handler_of(claimed.topic, claimed.handler)
    if handler is None:
        run_atomic(partial(_fail, pk, "No handler of this name is registered.", due_at=None))
        return False
    outcome = outcome_of(partial(_hand_over, claimed, handler, at))
    if isinstance(outcome, Failure):
        delay = delay_after(claimed.attempts)
        due_at = None if delay is None else at + delay
        run_atomic(partial(_fail, pk, outcome.cause, due_at=due_at))
        return False
    return True


def _claim(pk: int, at: datetime) -> OutboxMessage | None:
    message = lock_message(pk)
    if message is None or message.state != State.WAITING:
        return None
    if message.due_at is not None and message.due_at > at:
        return None
    if message.attempts >= MAX_ATTEMPTS:
        _fail(pk, message.cause or DIED, due_at=None)
        return None
    message.attempts += 1
    message.due_at = at + IN_HAND
    message.save(update_fields=["attempts", "due_at"])
    return message


def _hand_over(message: OutboxMessage, handler: Handler, at: datetime) -> None:
    payload = json.loads(message.payload)
    if handler.external:
        handler.work(message.project, payload)
        run_atomic(partial(_done, message.pk, at))
    else:
        run_atomic(partial(_work_and_mark, message, handler, payload, at))


def _work_and_mark(
    message: OutboxMessage, handler: Handler, payload: Mapping[str, Any], at: datetime
) -> None:
    # The message first: of two that hand it over at once, one finds it done.
    locked = lock_message(message.pk)
    if locked is not None and locked.state == State.WAITING:
        handler.work(message.project, payload)
        _done(message.pk, at)


def _done(pk: int, at: datetime) -> None:
    OutboxMessage.objects.filter(pk=pk).update(state=State.DONE, done_at=at, due_at=None, cause="")


def _fail(pk: int, cause: str, *, due_at: datetime | None) -> None:
    """Try again at `due_at`; None: dead."""
    state = State.DEAD if due_at is None else State.WAITING
    rows = OutboxMessage.objects.filter(pk=pk, state=State.WAITING)
    rows.update(state=state, cause=cause, due_at=due_at)


def replay_message(
    *, message: OutboxMessage, reason: str, actor: Actor, at: datetime
) -> OutboxMessage:
    """Try a dead message again from the beginning, in the caller's transaction; `at` is the
    project's time. Raises ConflictError for one that is not dead.
    """
    locked = lock_message(message.pk)
    if locked is None or locked.state != State.DEAD:
        raise ConflictError("This message is not dead: it was handled, or will be tried again.")
    locked.state, locked.attempts, locked.due_at = State.WAITING, 0, None
    locked.save(update_fields=["state", "attempts", "due_at"])
    record(
        project=locked.project,
        actor=actor,
        action="outbox.replayed",
        on=("outbox_message", str(locked)[:255]),
        at=at,
        reason=reason,
    )
    return locked
