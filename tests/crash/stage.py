"""Where operations are killed: each point finds the same project, untouched by those before it."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.db import connection

from tests.billing.sandbox import Sandbox
from tests.crash.end_state import EndState, end_state
from tests.crash.killing import kill_at, points_of
from tests.crash.operations import Operation


class Stage:
    """An operation on the database at hand, with the end state of an undisturbed run."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self._fresh = (_copies if connection.vendor == "sqlite" else _made)(operation.prepare)
        made = self._fresh()
        self.points = points_of(partial(operation.work, made))
        self.expected = end_state(made, operation.end)

    def killed_at(self, point: int) -> EndState:
        """The end state after a kill at this point, counted from 1, and the repetition."""
        made = self._fresh()
        kill_at(point, partial(self.operation.work, made))
        self.operation.repeat(made)
        return end_state(made, self.operation.end)

    def each_kind(self) -> list[int]:
        """The first point of each kind, and every point beside a COMMIT."""
        first = {kind: number for number, kind in reversed(list(enumerate(self.points, 1)))}
        commits = {number for number, kind in enumerate(self.points, 1) if "COMMIT" in kind}
        return sorted({*first.values(), *commits})


def _made(prepare: Callable[[], Sandbox]) -> Callable[[], Sandbox]:
    """A project of its own for each point: the same external names, another slug."""
    return prepare


def _copies(prepare: Callable[[], Sandbox]) -> Callable[[], Sandbox]:
    """The same project on a copy of the file for each point, which is quicker to make."""
    made = prepare()
    connection.close()  # as the last one it folds the log into the file
    file = Path(str(connection.settings_dict["NAME"]))
    prepared = file.with_suffix(".prepared")
    shutil.copy(file, prepared)

    def copied() -> Sandbox:
        connection.close()
        for log in ("-wal", "-shm"):  # of a process that was killed
            file.with_name(file.name + log).unlink(missing_ok=True)
        shutil.copy(prepared, file)
        return made

    return copied
