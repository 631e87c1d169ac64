"""The default connection of this thread, led elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections


@contextmanager
def database_named(name: str) -> Iterator[None]:
    """Until the block ends the default connection is a new one, to the database (on SQLite: the
    file) of this name.
    """
    before = connections["default"]
    connections["default"] = type(before)({**before.settings_dict, "NAME": name}, "default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = before
