"""The outermost edge of every write: one durable transaction, retried where the database asked for
it.

On MariaDB and MySQL a deadlock undoes the whole outer transaction, so a retry further in would
commit half of the work; `durable` refuses to run inside another transaction.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, transaction

from neruba.errors import RetryableError

T = TypeVar("T")

LOCK_WAIT_TIMEOUT = 1205
DEADLOCK = 1213
ATTEMPTS = 5


def is_lock_wait(error: OperationalError) -> bool:
    """Another transaction held a row (SQLite: the database) for longer than the
    connection waits.
    """
    return error.args[:1] == (LOCK_WAIT_TIMEOUT,) or "database is locked" in str(error)


def is_transient(error: OperationalError) -> bool:
    """The same transaction may succeed when it is run again."""
    return error.args[:1] == (DEADLOCK,) or is_lock_wait(error)


def run_atomic(work: Callable[[], T], *, attempts: int = ATTEMPTS) -> T:
    """Run `work` in one durable transaction; run it again after a deadlock or a lock wait.

    `work` must do all its reading inside, since it may run several times. Raises RetryableError
    when the last of `attempts` met a lock too; every other error passes through, and nothing is
    stored.
    """
    for attempt in range(1, attempts + 1):
        try:
            with transaction.atomic(durable=True):
                return work()
        except OperationalError as error:
            if not is_transient(error):
                raise
            if attempt == attempts:
                raise RetryableError("Other work holds the same rows; try again.") from error
        # Spread the rivals, so that they do not meet again at once.
        time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311
    raise AssertionError("unreachable: the last attempt returns or raises")
