"""Work in a forked process that is killed at a point of its way.

A point lies before each SQL statement (savepoints are statements), before and after each COMMIT,
and at the end of the work. The child opens a database connection of its own: the parent closes its
one before it forks.
"""

import os
import re
import signal
import traceback
from collections.abc import Callable
from typing import Any
from unittest import mock

from django.db import connections

END = "end"
BEFORE_COMMIT = "before COMMIT"
AFTER_COMMIT = "after COMMIT"

_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+[\"`]?(\w+)")
_LOCKS = ("FOR UPDATE", "IN SHARE MODE")


class NotKilledError(AssertionError):
    """The work ended before it came to the point at which it was to be killed."""


def points_of(work: Callable[[], object]) -> list[str]:
    """The points that undisturbed work passes, in order. What it raises, fails here."""
    passed, status = _fork(work, kill_at=None)
    assert status == 0, f"the child ended with {status}\n" + "\n".join(passed)
    return passed


def kill_at(point: int, work: Callable[[], object]) -> str:
    """Kill the work at its `point`-th point, counted from 1; returns which one that was.

    Raises NotKilledError where the work ended, well or not, before it came there.
    """
    passed, status = _fork(work, kill_at=point)
    if status != -signal.SIGKILL or len(passed) != point:
        raise NotKilledError(f"point {point}: the child ended with {status}\n" + "\n".join(passed))
    return passed[-1]


def _fork(work: Callable[[], object], *, kill_at: int | None) -> tuple[list[str], int]:
    """The points that a child passed and its exit status, below 0 for a signal."""
    connections.close_all()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run(work, _Watch(writer, kill_at))
    os.close(writer)
    with open(reader, encoding="utf-8") as lines:
        passed = lines.read().splitlines()
    _, status = os.waitpid(child, 0)
    return passed, os.waitstatus_to_exitcode(status)


def _run(work: Callable[[], object], watch: "_Watch") -> None:
    """The child's whole life: it never returns into what belongs to the parent."""
    status = 1
    try:
        watch.follow(work)
        status = 0
    except BaseException:
        watch.say(traceback.format_exc())
    finally:
        os._exit(status)


class _Watch:
    """Tells the parent each point before the child passes it, and kills the child at one of
    them.
    """

    def __init__(self, pipe: int, kill_at: int | None) -> None:
        self._pipe = pipe
        self._kill_at = kill_at
        self._passed = 0

    def follow(self, work: Callable[[], object]) -> None:
        connection = connections["default"]
        commit = connection._commit  # type: ignore[attr-defined]

        def watched_commit() -> None:
            self.reach(BEFORE_COMMIT)
            commit()
            self.reach(AFTER_COMMIT)

        # COMMIT is no statement to `execute_wrapper`.
        with (
            connection.execute_wrapper(self._statement),
            mock.patch.object(connection, "_commit", watched_commit),
        ):
            work()
        self.reach(END)

    def reach(self, point: str) -> None:
        self._passed += 1
        self.say(point)
        if self._passed == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def say(self, text: str) -> None:
        os.write(self._pipe, f"{text}\n".encode())

    def _statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django calls it so
        self.reach(kind_of(sql))
        return execute(sql, params, many, context)


def kind_of(sql: str) -> str:
    """A statement's verb and table; of a savepoint, and of BEGIN, the verb."""
    if "SAVEPOINT" in sql[:30]:
        return sql.partition("SAVEPOINT")[0] + "SAVEPOINT"
    verb = "LOCK" if sql.rstrip().endswith(_LOCKS) else sql.split(maxsplit=1)[0]
    table = _TABLE.search(sql)
    return f"{verb} {table[1]}" if table else verb
