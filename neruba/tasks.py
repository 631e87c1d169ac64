"""Background work of the platform. Tasks are thin: they find what is due and call a service."""

from celery import shared_task

from neruba import clock
from neruba.nudge import nudge
from neruba.ops.heartbeat import SCHEDULER, note_life
from neruba.owner import worker_name
from neruba.selectors.outbox import due_messages
from neruba.services.idempotency import forget_answers
from neruba.services.leases import release_expired
from neruba.services.logins import forget_logins
from neruba.services.outbox import deliver

MESSAGES_A_TASK = 200


@shared_task
def beat() -> None:
    """Show that the schedule sends, the broker carries and a worker works."""
    note_life(SCHEDULER, owner=worker_name(), at=clock.wall())


@shared_task
def release_expired_leases() -> int:
    """Remove the leases of workers that are not heard of any more."""
    return release_expired(at=clock.wall())


@shared_task
def forget_old_answers() -> int:
    """Forget what requests with an `Idempotency-Key` were answered more than 30 days ago."""
    return forget_answers(at=clock.wall())


@shared_task
def forget_old_logins() -> int:
    """Forget failed logins of more than 90 days ago, and sessions that are over."""
    return forget_logins(wall=clock.wall())


@shared_task
def deliver_due() -> int:
    """Hand over what waits in the outbox; returns how many messages were done.

    Two at once do no harm: each message is claimed under its lock.
    """
    pks = list(due_messages(clock.wall()).values_list("pk", flat=True)[:MESSAGES_A_TASK])
    done = sum(deliver(pk, at=clock.wall()) for pk in pks)
    if done and len(pks) == MESSAGES_A_TASK:
        nudge(deliver_due)
    return done
