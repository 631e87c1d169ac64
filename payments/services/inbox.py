"""The inbox: what the provider sent is stored once, and then worked on from the stored row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction

from neruba.actor import Actor
from neruba.backoff import MAX_ATTEMPTS, delay_after
from neruba.canonical import canonical_json
from neruba.edge import Failure, outcome_of, run_atomic
from neruba.errors import ConflictError
from neruba.models import Project
from neruba.services.audit import record
from payments.errors import CustomerUnknownError
from payments.gateway import PaymentGateway, ProviderEventData
from payments.locks import lock_due_works, lock_work
from payments.models import ProviderEvent, ProviderEventWork
from payments.provider import (
    CHECKOUT,
    PAYMENT,
    PAYOUT,
    look_at_checkout,
    look_at_payment,
    look_at_payout,
    subject_of,
)
from payments.services.intents import PROVIDER, work_on_payment
from payments.services.payouts import work_on_payout
from payments.services.sessions import work_on_checkout

State = ProviderEventWork.State

# How long an event that is worked on is left alone: longer than a few calls of the provider take.
IN_HAND = timedelta(minutes=5)
DIED = "The process died while it was worked on."


@dataclass(frozen=True, slots=True)
class Received:
    """A stored event; replayed: it had come before."""

    event: ProviderEvent
    replayed: bool


def receive_event(
    *, project: Project, found: ProviderEventData, body: bytes, wall: datetime
) -> Received:
    """Store a verified event once, in the caller's transaction, with the bytes as they came.

    One that nothing follows from is kept and done at once.
    """
    subject = subject_of(found.object_kind, found.object_id, found.object)
    try:
        with transaction.atomic():
            event = ProviderEvent.objects.create(
                project=project,
                provider=PROVIDER,
                event_id=found.id,
                type=found.type,
                object_id=found.object_id,
                subject=subject,
                api_version=found.api_version,
                body=body,
                created_at=found.created_at,
                received_at=wall,
            )
    except IntegrityError:
        rows = ProviderEvent.objects.filter(project=project, provider=PROVIDER)
        known = rows.filter(event_id=found.id).first()
        if known is None:
            raise
        return Received(known, replayed=True)
    ProviderEventWork.objects.create(
        event=event,
        project=project,
        subject=subject,
        type=found.type,
        state=State.WAITING if subject else State.IGNORED,
        received_at=wall,
        done_at=None if subject else wall,
    )
    return Received(event, replayed=False)


@dataclass(frozen=True, slots=True)
class Hands:
    """What working on events needs: the project's account at the provider, and its time."""

    gateway: Callable[[Project], PaymentGateway]
    now: Callable[[Project], datetime]


def work_on_subject(project: Project, subject: str, *, hands: Hands, wall: datetime) -> bool:
    """Work on the due events of a subject together; return whether that came to an end.

    The attempt is counted before it is made, so that one on which the process dies comes to its end
    too. The provider is asked outside of transactions, after the events were claimed: what it shows
    is not older than any of them.
    """
    claimed = run_atomic(partial(_claim, project, subject, wall))
    if not claimed:
        return False
    outcome = outcome_of(partial(_work, project, subject, claimed, hands, wall))
    if isinstance(outcome, Failure):
        run_atomic(partial(_fail, claimed, outcome, wall))
        return False
    return True


def _claim(project: Project, subject: str, wall: datetime) -> list[int]:
    claimed = []
    for work in lock_due_works(project, subject, wall):
        if work.attempts >= MAX_ATTEMPTS:
            _die(work, work.cause or DIED)
            continue
        work.attempts += 1
        work.due_at = wall + IN_HAND
        work.save(update_fields=["attempts", "due_at"])
        claimed.append(work.pk)
    return claimed


def _work(
    project: Project, subject: str, claimed: Sequence[int], hands: Hands, wall: datetime
) -> None:
    apply = _look(project, subject, hands)

    def work() -> CustomerUnknownError | None:
        try:
            done = apply(hands.now(project))
        except CustomerUnknownError as error:
            return error  # what happened before it is committed: the payment is there to be matched
        _settle(claimed, done, wall)
        return None

    if (unknown := run_atomic(work)) is not None:
        raise unknown


def _look(project: Project, subject: str, hands: Hands) -> Callable[[datetime], list[str]]:
    """Ask the provider how the subject stands; what is to be done about it, given the time."""
    gateway = hands.gateway(project)
    if subject.startswith(PAYMENT):
        payment = look_at_payment(gateway, subject)
        return lambda at: work_on_payment(project, payment, at=at)
    if subject.startswith(CHECKOUT):
        checkout = look_at_checkout(gateway, subject)
        paid = look_at_payment(gateway, checkout.payment) if checkout.payment else None
        return lambda at: [
            *(work_on_payment(project, paid, at=at) if paid is not None else ()),
            *work_on_checkout(project, checkout, at=at),
        ]
    assert subject.startswith(PAYOUT), f"no such subject: {subject}"
    payout = look_at_payout(gateway, subject)
    return lambda at: work_on_payout(project, payout, at=at)


def _settle(claimed: Sequence[int], done: Sequence[str], wall: datetime) -> None:
    """The first of the events carries what was done; the others brought nothing new."""
    rows = ProviderEventWork.objects.filter(state=State.WAITING)
    over = {"due_at": None, "done_at": wall, "cause": "", "trace": ""}
    first, *others = claimed
    if done:
        rows.filter(pk=first).update(state=State.DONE, outcome=canonical_json(list(done)), **over)
    else:
        others = list(claimed)
    rows.filter(pk__in=others).update(state=State.IGNORED, **over)


def _fail(claimed: Sequence[int], failure: Failure, wall: datetime) -> None:
    for pk in claimed:
        work = lock_work(pk)
        if work.state != State.WAITING:
            continue
        delay = delay_after(work.attempts)
        if delay is None:
            _die(work, failure.cause, failure.trace)
            continue
        work.due_at, work.cause, work.trace = wall + delay, failure.cause[:1000], failure.trace
        work.save(update_fields=["due_at", "cause", "trace"])


def _die(work: ProviderEventWork, cause: str, trace: str = "") -> None:
    work.state, work.due_at, work.cause = State.DEAD, None, cause[:1000]
    work.trace = trace or work.trace
    work.save(update_fields=["state", "due_at", "cause", "trace"])


def replay_event(
    *, work: ProviderEventWork, reason: str, actor: Actor, at: datetime
) -> ProviderEventWork:
    """Work on an event again from the beginning, in the caller's transaction: a dead one, or one
    that waits for its next attempt. Raises ConflictError for one that is over.
    """
    locked = lock_work(work.pk)
    if locked.state not in (State.DEAD, State.WAITING):
        raise ConflictError("This event was worked on: a replay would change nothing.")
    locked.state, locked.attempts, locked.due_at = State.WAITING, 0, None
    locked.save(update_fields=["state", "attempts", "due_at"])
    record(
        project=locked.project,
        actor=actor,
        action="webhook.replayed",
        on=("webhook", locked.event.event_id),
        at=at,
        reason=reason,
        details={"type": locked.type, "cause": locked.cause},
    )
    return locked
