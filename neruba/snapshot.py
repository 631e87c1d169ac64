"""Many queries that see the books at one moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_BEGIN = {
    "mysql": (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
    # Django's own would take SQLite's one lock for writing (see settings/database.py).
    "sqlite": ("BEGIN DEFERRED",),
}


@contextmanager
def snapshot() -> Iterator[None]:
    """What is read inside is one state, whatever is written meanwhile; nothing waits for it.

    For reading alone: inside, no transaction can be begun. In a transaction that is open already
    it changes nothing.
    """
    if connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    with connection.cursor() as cursor:
        for statement in _BEGIN[connection.vendor]:
            cursor.execute(statement)
    try:
        yield
    finally:
        # The driver's own: a cursor would fail on a connection that was lost meanwhile.
        if connection.connection is not None and connection.is_usable():
            connection.connection.rollback()
