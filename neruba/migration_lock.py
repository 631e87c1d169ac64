"""One host at a time changes the schema.

On MariaDB and MySQL the lock is the server's (`GET_LOCK`), held by the very connection that
migrates: when its process is killed, the server gives it up once the statement that was at work has
ended. On SQLite it is a lock on a file beside the database, which ends with the process.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from neruba.canonical import sha256_hex
from neruba.errors import RetryableError

LOOK_EVERY_S = 0.2


@contextmanager
def migration_lock(
    connection: BaseDatabaseWrapper, *, wait_s: int, tell: Callable[[str], None]
) -> Iterator[None]:
    """Hold the lock of the connection's database until the block ends.

    Waits at most `wait_s` seconds for another host, and tells that it does. Raises RetryableError
    when the other one still holds it then.
    """
    server = connection.vendor == "mysql"
    with (_server_lock if server else _file_lock)(connection) as take:
        if not take(0):
            tell(f"Another host is at it; waiting for at most {wait_s} s.")
            if not take(wait_s):
                raise RetryableError(f"Another host holds the migration lock for {wait_s} s.")
        yield


@contextmanager
def _server_lock(connection: BaseDatabaseWrapper) -> Iterator[Callable[[int], bool]]:
    # Names are the whole server's, and MySQL takes 64 characters: as many as a database may have.
    name = f"neruba.migrate.{sha256_hex([str(connection.settings_dict['NAME'])])[:32]}"

    def take(wait_s: int) -> bool:
        return _ask(connection, "SELECT GET_LOCK(%s, %s)", name, wait_s) == 1

    try:
        yield take
    finally:
        if connection.connection is not None:
            _ask(connection, "SELECT RELEASE_LOCK(%s)", name)


def _ask(connection: BaseDatabaseWrapper, query: str, *values: int | str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]


@contextmanager
def _file_lock(connection: BaseDatabaseWrapper) -> Iterator[Callable[[int], bool]]:
    name = str(connection.settings_dict["NAME"])
    if name == ":memory:" or "mode=memory" in name:  # nobody else can reach it
        yield lambda _wait_s: True
        return
    with Path(f"{name}.migrating").open("w") as file:

        def take(wait_s: int) -> bool:
            stop_at = time.monotonic() + wait_s
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() >= stop_at:
                        return False
                    time.sleep(LOOK_EVERY_S)
                else:
                    return True

        yield take
