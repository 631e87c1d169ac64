"""A connection to the database that gives up soon, for those who ask whether it is there."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections

TIMEOUT_S = 2


@contextmanager
def probing() -> Iterator[None]:
    """Until the block ends, this thread's connection is a new one that waits for no answer longer
    than two seconds. SQLite has nobody to wait for: there it stays the thread's own.
    """
    usual = connections[DEFAULT_DB_ALIAS]
    if usual.vendor != "mysql":
        yield
        return
    given = usual.settings_dict
    limits = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), TIMEOUT_S)
    probe = type(usual)({**given, "OPTIONS": {**given["OPTIONS"], **limits}}, DEFAULT_DB_ALIAS)
    connections[DEFAULT_DB_ALIAS] = probe
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = usual
        probe.close()
