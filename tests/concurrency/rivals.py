"""Threads that do their work at the same moment, each with a database connection of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from django.db import connection

T = TypeVar("T")

needs_row_locks = pytest.mark.skipif(
    connection.vendor == "sqlite",
    reason="SQLite lets one writer in at a time, so that rivals never meet at a row",
)


def at_once(works: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """The results, or what was raised, in the order of the works."""
    start = Barrier(len(works))

    def run(work: Callable[[], T]) -> T | Exception:
        try:
            connection.ensure_connection()
            start.wait(timeout=20)
            return work()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))
