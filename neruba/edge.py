"""The outermost edge of every write: one durable transaction, retried where the database asked for
it.

On MariaDB and MySQL a deadlock undoes the whole outer transaction, so a retry further in would
commit half of the work; `durable` refuses to run inside another transaction.
"""

import logging
import random
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.db import OperationalError, transaction

from neruba.errors import RetryableError

T = TypeVar("T")

logger = logging.getLogger(__name__)

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


@dataclass(frozen=True, slots=True)
class Failure:
    """Work that failed and left nothing behind: `cause` is a line for people, `trace` for
    engineers. `passes`: the same work may succeed in a moment.
    """

    cause: str
    trace: str
    passes: bool


def outcome_of(work: Callable[[], T]) -> T | Failure:
    """Do the work; where it fails, say why instead of breaking off what else is to be done.

    For background work alone, which keeps the failure where a person finds it.
    """
    try:
        return work()
    except Exception as error:
        logger.exception("background work failed")
        passes = isinstance(error, RetryableError | OperationalError)
        words = str(error).strip().split("\n")[0]
        cause = f"{type(error).__name__}: {words}" if words else type(error).__name__
        return Failure(cause, traceback.format_exc(), passes)
