"""What must be there for Neruba to work, asked part by part, each within seconds.

Details are for a person at night: plain words, no addresses, no passwords, no traces.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from redis import RedisError

from neruba.append_only import missing_triggers
from neruba.models import Heartbeat
from neruba.ops.broker import ask_broker, messages_waiting
from neruba.ops.heartbeat import SCHEDULER
from neruba.ops.probe import probing

NAMED = 3
DATABASE = "database"
AWAY = "cannot be seen while the database does not answer"
NO_TABLE = "a table is missing: run manage.py migrate"
TOOK_LONG = "the database went away, or took too long"
# What MariaDB and MySQL say when they do answer.
REFUSALS = {
    1040: "has no connection left",
    1044: "refuses the login",
    1045: "refuses the login",
    1049: "the server answers, but has no database of this name",
}
NO_SUCH_TABLE = 1146


class FailingError(Exception):
    """A part does not work; says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part, and how it stands."""

    name: str
    ok: bool
    detail: str


def check_parts(parts: Collection[str], *, at: datetime) -> list[Check]:
    """Ask after each of the `parts`, at the wall time `at`; one that fails hides no other.

    The database is asked in any case, once: what lies in it is not asked for where it is away.
    """
    with probing():
        database = _outcome(DATABASE, PARTS[DATABASE], at)
        found = [database]
        for name in [name for name in PARTS if name in parts and name != DATABASE]:
            if name in IN_DATABASE and not database.ok:
                found.append(Check(name, ok=False, detail=AWAY))
            else:
                found.append(_outcome(name, PARTS[name], at))
    return [check for check in found if check.name in parts]


def _outcome(name: str, ask: Callable[[datetime], str], at: datetime) -> Check:
    try:
        return Check(name, ok=True, detail=ask(at))
    except FailingError as failing:
        return Check(name, ok=False, detail=str(failing))
    except Error as error:
        return Check(name, ok=False, detail=_words(error))


def _words(error: Error) -> str:
    if _number(error) == NO_SUCH_TABLE or "no such table" in str(error):
        return NO_TABLE
    return TOOK_LONG if isinstance(error, InterfaceError | OperationalError) else "has a fault"


def _number(error: Error) -> int:
    """MariaDB's and MySQL's number of the error; 0 for others."""
    number = error.args[0] if error.args else 0
    return number if isinstance(number, int) else 0


def _database(_at: datetime) -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        raise FailingError(REFUSALS.get(_number(error), "does not answer")) from None
    return "answers"


def _migrations(_at: datetime) -> str:
    applied = set(MigrationRecorder(connection).applied_migrations())
    missing = sorted(f"{app}.{name}" for app, name in _known_migrations() - applied)
    if missing:
        raise FailingError(f"not applied: {_some(missing)}; run manage.py migrate")
    return "all are applied"


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    """Every migration of this release; a squashed one stands for others, and they for it."""
    loader = MigrationLoader(None)
    disk = loader.disk_migrations or {}
    return frozenset(key for key, migration in disk.items() if not migration.replaces)


def _triggers(_at: datetime) -> str:
    missing = missing_triggers()
    if missing:
        raise FailingError(f"missing: {_some(missing)}; run manage.py migrate, then verify")
    return "all append-only triggers stand"


def _broker(_at: datetime) -> str:
    try:
        return ask_broker()
    except RedisError:
        raise FailingError("Redis, which is broker and cache, does not answer") from None
    except OSError:
        raise FailingError("the folder of messages cannot be written to") from None


def _scheduler(at: datetime) -> str:
    beat = Heartbeat.objects.filter(name=SCHEDULER).first()
    if beat is None:
        raise FailingError(f"was never heard of; {_whose_silence()}")
    seconds = int((at - beat.at).total_seconds())
    if seconds > settings.HEARTBEAT_SECONDS:
        raise FailingError(f"silent for {seconds} s; {_whose_silence()}")
    return f"heard of {max(0, seconds)} s ago"


def _whose_silence() -> str:
    """Messages that nobody takes tell that workers are silent; none, that the schedule is."""
    try:
        waiting = messages_waiting()
    except (OSError, RedisError):
        return "its messages cannot travel while the broker is away"
    if waiting:
        return f"{waiting} messages wait and no worker takes them: look at the workers"
    return "no message waits: look at the schedule (celery beat)"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


PARTS: dict[str, Callable[[datetime], str]] = {
    DATABASE: _database,
    "migrations": _migrations,
    "triggers": _triggers,
    "broker": _broker,
    "scheduler": _scheduler,
}
IN_DATABASE = frozenset({"migrations", "triggers", "scheduler"})
