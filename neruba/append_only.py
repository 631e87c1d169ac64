"""Triggers that refuse UPDATE and DELETE of raw history, on SQLite and on MariaDB and MySQL.

They are silent only while a row stands in `neruba_purge`, which is written in the purging
transaction itself: by test teardown, retention and erasure, nothing else. Installed by
`post_migrate` (SQLite drops triggers when a migration remakes a table) from one list of models;
`missing_triggers` lets readiness and `verify` see that they stand.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

APPEND_ONLY = (
    "neruba.AuditRecord",
    "ingest.UsageEvent",
    "ingest.EventRetraction",
    "ingest.EventArchive",
    "ledger.JournalEntry",
    "ledger.Transfer",
    "billing.PlanVersion",
    "billing.Price",
    "billing.SubscriptionChange",
    "payments.ProviderEvent",
    "payments.ProviderTransaction",
    "payments.PayoutTransaction",
    "payments.CreditPack",
)
OPERATIONS = ("UPDATE", "DELETE")
NOT_PURGING = "NOT EXISTS (SELECT 1 FROM neruba_purge)"


def _tables() -> list[str]:
    return [apps.get_model(label)._meta.db_table for label in APPEND_ONLY]


def _name(table: str, operation: str) -> str:
    return f"{table}_no_{operation.lower()}"


def _create_sql(vendor: str, table: str, operation: str) -> str:
    head = f"CREATE TRIGGER {_name(table, operation)} BEFORE {operation} ON {table} FOR EACH ROW"
    text = f"'{table} is append-only'"
    if vendor == "mysql":
        refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {text}"
        return f"{head} BEGIN IF {NOT_PURGING} THEN {refuse}; END IF; END"
    return f"{head} WHEN {NOT_PURGING} BEGIN SELECT RAISE(ABORT, {text}); END"


def _standing(connection: BaseDatabaseWrapper) -> set[str]:
    query = (
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
        if connection.vendor == "mysql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}


def missing_triggers(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Names of the append-only triggers that do not stand, in the order of the list."""
    standing = _standing(connections[using])
    wanted = [_name(table, operation) for table in _tables() for operation in OPERATIONS]
    return [name for name in wanted if name not in standing]


def install_triggers(using: str = DEFAULT_DB_ALIAS) -> None:
    """Create what is missing, for the tables that exist (a partial `migrate` has not made all of
    them).
    """
    connection = connections[using]
    existing, standing = set(connection.introspection.table_names()), _standing(connection)
    with connection.cursor() as cursor:
        for table in _tables():
            for operation in OPERATIONS:
                if table in existing and _name(table, operation) not in standing:
                    cursor.execute(_create_sql(connection.vendor, table, operation))


@contextmanager
def purging(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Silence the triggers for one transaction. Retention and erasure leave an audit
    row as well.
    """
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("INSERT INTO neruba_purge (id) VALUES (1)")
        try:
            yield
        finally:
            cursor.execute("DELETE FROM neruba_purge")
