"""Leases: one holder at a time, taken over when it is not heard of, taken away by an operator."""

from datetime import timedelta
from functools import partial

import pytest

from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import ConflictError, LeaseLostError
from neruba.models import AuditRecord, Lease
from neruba.services.leases import (
    Held,
    check_lease,
    free_lease,
    lease_time,
    release_expired,
    release_lease,
    renew_lease,
    take_lease,
)
from tests import factories
from tests.factories import START

pytestmark = pytest.mark.django_db

MOMENT = timedelta(seconds=1)
LEASE_TIME = lease_time()


def test_what_is_held_is_not_taken_by_another_until_it_is_released() -> None:
    project = factories.project()
    held = factories.lease(project=project)
    again = partial(take_lease, project=project, name="windows", owner="other")
    assert again(at=START + LEASE_TIME - MOMENT) is None
    release_lease(held)
    assert again(at=START + MOMENT) is not None


def test_the_same_work_of_other_projects_and_other_work_are_free() -> None:
    project = factories.project()
    factories.lease(project=project)
    factories.lease(project=project, name="outbox")
    factories.lease(project=factories.project())
    assert Lease.objects.count() == 3


def test_an_expired_lease_is_taken_over_and_its_holder_finds_out() -> None:
    project = factories.project()
    first = factories.lease(project=project)
    second = factories.lease(project=project, at=START + LEASE_TIME)
    with pytest.raises(LeaseLostError, match="windows"):
        renew_lease(first, at=START)
    with pytest.raises(LeaseLostError, match="windows"):
        run_atomic(partial(check_lease, first))
    release_lease(first)  # nothing of it is left to release
    run_atomic(partial(check_lease, second))


def test_a_heartbeat_keeps_it() -> None:
    project = factories.project()
    held = factories.lease(project=project)
    beat = START + LEASE_TIME - MOMENT
    renew_lease(held, at=beat)
    row = Lease.objects.get()
    assert (row.taken_at, row.heartbeat_at, row.expires_at) == (START, beat, beat + LEASE_TIME)
    late = START + LEASE_TIME + MOMENT
    assert take_lease(project=project, name="windows", owner="other", at=late) is None


def test_leases_of_the_dead_are_removed_and_those_of_the_living_stay() -> None:
    project = factories.project()
    dead = factories.lease(project=project)
    factories.lease(project=project, name="outbox", at=START + MOMENT)
    assert release_expired(at=START + LEASE_TIME) == 1
    assert [lease.name for lease in Lease.objects.all()] == ["outbox"]
    with pytest.raises(LeaseLostError):
        renew_lease(dead, at=START + LEASE_TIME)


def free(held: Held) -> None:
    run_atomic(
        partial(
            free_lease,
            project=held.project,
            name=held.name,
            token=held.token,
            reason="its host is gone",
            actor=Actor("operator", "ada@neruba.example"),
            at=START,
        )
    )


def test_an_operator_releases_the_lease_that_they_saw_and_no_other() -> None:
    project = factories.project()
    held = factories.lease(project=project)
    free(held)
    row = AuditRecord.objects.get(action="lease.released")
    assert (row.actor, row.object_id, row.reason) == (
        "ada@neruba.example",
        "windows",
        "its host is gone",
    )
    with pytest.raises(LeaseLostError):
        run_atomic(partial(check_lease, held))
    successor = factories.lease(project=project)
    with pytest.raises(ConflictError, match="taken over"):
        free(held)
    run_atomic(partial(check_lease, successor))
    assert AuditRecord.objects.filter(action="lease.released").count() == 1
