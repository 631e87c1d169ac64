"""Leases: so that two workers, or two schedulers, do no harm and nobody waits for a dead one.

What must not happen twice rests on row locks and unique keys. A lease keeps others from trying, and
shows people who is at work. Wall time is handed down as `at`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from secrets import token_hex

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import ConflictError, LeaseLostError
from neruba.locks import lock_lease
from neruba.models import Lease, Project
from neruba.services.audit import record


@dataclass(frozen=True, slots=True)
class Held:
    """A lease in the hands of the worker that took it."""

    project: Project
    name: str
    token: str


def lease_time() -> timedelta:
    """How long a holder that is not heard of keeps its lease: longer than any one transaction of
    what it does, of which each renews it.
    """
    return timedelta(seconds=settings.LEASE_SECONDS)


def take_lease(*, project: Project, name: str, owner: str, at: datetime) -> Held | None:
    """Take the work `name` of the project, or None where another worker holds it.

    A lease that has expired is taken over: its holder finds out by `check_lease`. A transaction of
    its own (durable).
    """
    return run_atomic(partial(_take, project, name, owner, at))


def _take(project: Project, name: str, owner: str, at: datetime) -> Held | None:
    times = {"taken_at": at, "heartbeat_at": at, "expires_at": at + lease_time()}
    token = token_hex(16)
    expired = Lease.objects.filter(project=project, name=name, expires_at__lte=at)
    if not expired.update(owner=owner, token=token, **times):
        try:
            with transaction.atomic():
                Lease.objects.create(project=project, name=name, owner=owner, token=token, **times)
        except IntegrityError:
            return None
    return Held(project, name, token)


def _rows(held: Held) -> QuerySet[Lease]:
    return Lease.objects.filter(project=held.project, name=held.name, token=held.token)


def renew_lease(held: Held, *, at: datetime) -> None:
    """Show that the work goes on. Raises LeaseLostError where another worker has taken it over."""
    changed = run_atomic(partial(_rows(held).update, heartbeat_at=at, expires_at=at + lease_time()))
    if not changed:
        raise _lost(held)


def check_lease(held: Held) -> None:
    """Fence the caller's transaction: nobody takes the lease over until it has ended.

    Raises LeaseLostError where somebody has.
    """
    row = lock_lease(held.project, held.name)
    if row is None or row.token != held.token:
        raise _lost(held)


def _lost(held: Held) -> LeaseLostError:
    return LeaseLostError(f"Another worker has taken {held.name!r} over.")


def release_lease(held: Held) -> None:
    """Give the work back; nothing where it was taken over."""
    run_atomic(_rows(held).delete)


def release_expired(*, at: datetime) -> int:
    """Remove the leases, of all projects, whose holders were not heard of by the wall time `at`;
    return how many. Whoever died after its work was done leaves one that nobody takes over.
    """
    return run_atomic(Lease.objects.filter(expires_at__lte=at).delete)[0]


def free_lease(
    *, project: Project, name: str, token: str, reason: str, actor: Actor, at: datetime
) -> None:
    """Take a lease away from its holder, by an operator, in the caller's transaction.

    `token` is that of the taking which the operator saw. Raises ConflictError where it is not held
    so any more. `at` is the project's time.
    """
    row = lock_lease(project, name)
    if row is None or row.token != token:
        raise ConflictError("This lease was released or taken over in the meantime.")
    row.delete()
    record(
        project=project,
        actor=actor,
        action="lease.released",
        on=("lease", name),
        at=at,
        reason=reason,
        details={"owner": row.owner},
    )
