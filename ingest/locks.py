"""The fence rows and failed events, locked. Call inside a transaction; the lock ends with it.

Global order: fences, then failed events.

SQLite has no row locks and needs none: its transactions are IMMEDIATE, so one writer excludes all
others.
"""

from collections.abc import Collection, Sequence

from django.db import IntegrityError, connection, transaction

from ingest.models import FailedEvent, Fence, WindowFence
from neruba.inserts import insert_rows
from neruba.models import Project


def share_arrival(project: Project) -> None:
    """Hold the order of arrival open: no bound is taken until this transaction has ended."""
    _lock(project, Fence.Name.ARRIVAL, "LOCK IN SHARE MODE")


def take_arrival(project: Project) -> None:
    """Wait until every transaction that holds the order of arrival open has ended, and let none
    begin.
    """
    _lock(project, Fence.Name.ARRIVAL, "FOR UPDATE")


def take_windows(subject_ids: Collection[int]) -> None:
    """Be the only one that rebuilds windows of these subjects. In any order over several calls, but
    for deadlocks.
    """
    assert connection.in_atomic_block, "a lock outside of a transaction would hold nothing"
    if connection.vendor == "sqlite":
        return
    wanted = sorted(set(subject_ids))
    while missing := sorted(set(wanted) - _locked_windows(wanted)):
        try:
            with transaction.atomic():
                insert_rows(WindowFence, ("subject_id",), [(pk,) for pk in missing])
        except IntegrityError:
            continue  # A rival made one of them, and has committed.


def _locked_windows(wanted: Sequence[int]) -> set[int]:
    if not wanted:
        return set()
    ids = ",".join(map(int.__repr__, wanted))
    with connection.cursor() as cursor:
        # By the index: reading the whole table would wait for the rows of others too.
        cursor.execute(
            f"SELECT subject_id FROM {WindowFence._meta.db_table} FORCE INDEX (PRIMARY) "  # noqa: S608
            f"WHERE subject_id IN ({ids}) ORDER BY subject_id FOR UPDATE"
        )
        return {pk for (pk,) in cursor.fetchall()}


def lock_failed_event(failed: FailedEvent) -> FailedEvent:
    """The failed event as it stands now."""
    return FailedEvent.objects.select_for_update().get(pk=failed.pk)


def _lock(project: Project, name: str, mode: str) -> None:
    assert connection.in_atomic_block, "a lock outside of a transaction would hold nothing"
    if connection.vendor == "sqlite":
        return
    while not _locked(project, name, mode):
        _make(project, name)


def _locked(project: Project, name: str, mode: str) -> bool:
    # Not through the ORM, which knows no share mode.
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {Fence._meta.db_table} WHERE project_id = %s AND name = %s {mode}",  # noqa: S608
            [project.pk, name],
        )
        return cursor.fetchone() is not None


def _make(project: Project, name: str) -> None:
    """A project's first use. A rival who makes the row too waits for us, and then finds it."""
    try:
        with transaction.atomic():
            Fence.objects.create(project=project, name=name)
    except IntegrityError:
        return
