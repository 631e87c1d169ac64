"""The fence rows and failed events, locked. Call inside a transaction; the lock ends with it.

Global order: fences, then failed events.

SQLite has no row locks and needs none: its transactions are IMMEDIATE, so one writer excludes all
others.
"""

from django.db import IntegrityError, connection, transaction

from ingest.models import FailedEvent, Fence
from neruba.models import Project


def share_arrival(project: Project) -> None:
    """Hold the order of arrival open: no bound is taken until this transaction has ended."""
    _lock(project, Fence.Name.ARRIVAL, "LOCK IN SHARE MODE")


def take_arrival(project: Project) -> None:
    """Wait until every transaction that holds the order of arrival open has ended, and let none
    begin.
    """
    _lock(project, Fence.Name.ARRIVAL, "FOR UPDATE")


def take_windows(project: Project) -> None:
    """Be the only one that rebuilds windows of the project."""
    _lock(project, Fence.Name.WINDOWS, "FOR UPDATE")


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
