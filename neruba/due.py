"""The registry of what falls due, and the walk through it.

Every thing that falls due has an indexed `due_at` in its own row and one entry here: a query for
the next instant, and a service that does what is due at an instant. `POST /clock`, `simulate` and
schedules walk the same registry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from neruba.models import Project
from neruba.services.projects import set_clock


@dataclass(frozen=True, slots=True)
class DueKind:
    """One kind of due work.

    `next_due(project, after)` is the earliest instant, after `after` if given, at which something
    is due and not done, or None. `perform(project, at, go_on)` does all of the kind that is due at
    or before `at`; False where `go_on()` stopped it, and doing it again goes on from there. What
    failed and waits for a person may stay due.
    """

    name: str
    next_due: Callable[[Project, datetime | None], datetime | None]
    perform: Callable[[Project, datetime, Callable[[], bool]], bool]


_KINDS: list[DueKind] = []


def register(kind: DueKind) -> None:
    """Add a kind; called from `AppConfig.ready`. Kinds due at one instant are done in order of
    registration.
    """
    if all(kind.name != known.name for known in _KINDS):
        _KINDS.append(kind)


def walk(project: Project, to: datetime, *, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Move a sandbox's clock to `to`, doing everything that falls due on the way, in order of time.

    Stops early when `go_on()` says so; then False, and the project's clock tells how far it came.
    Calling it again goes on from there. Each kind is done once at an instant: what failed there is
    not tried again before the next one.
    """
    done: dict[int, datetime] = {}
    while True:
        due = [
            (instant, index)
            for index, kind in enumerate(_KINDS)
            if (instant := kind.next_due(project, done.get(index)))
        ]
        instant, index = min(due, default=(None, 0))
        if instant is None or instant > to:
            set_clock(project=project, to=to)
            return True
        if not go_on():
            return False
        assert project.clock_at is not None
        reached = max(instant, project.clock_at)
        set_clock(project=project, to=reached)
        if not _KINDS[index].perform(project, reached, go_on):
            return False
        done[index] = reached
