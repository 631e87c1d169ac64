"""The only place where time is read.

Business time is the project's: a sandbox has a clock of its own, a live project runs on the real
one. Keys, leases, back-off and retention use the wall clock. Views, admin, tasks and commands read
it and hand it down as `at`; nothing below them reads a clock.
"""

from datetime import UTC, datetime
from typing import Protocol


class HasClock(Protocol):
    """A project, as far as its time is concerned."""

    clock_at: datetime | None


def wall() -> datetime:
    """The real time, UTC."""
    return datetime.now(UTC)


def now(project: HasClock) -> datetime:
    """The project's business time: its sandbox clock where it has one, else the real time."""
    return project.clock_at if project.clock_at is not None else wall()
