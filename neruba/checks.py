"""System checks: what the promises rest on must really be set."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections


@register(Tags.database)
def check_database(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """The options that the exactness of ingest and ledger rests on, asked of the server itself."""
    problems: list[CheckMessage] = []
    for alias in databases or []:
        vendor = connections[alias].vendor
        problems += _check_mysql(alias) if vendor == "mysql" else _check_sqlite(alias)
    return problems


def _ask(alias: str, query: str) -> Any:
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def _check_mysql(alias: str) -> list[CheckMessage]:
    mode, charset, log_bin, log_format, trust = _ask(
        alias,
        "SELECT @@session.sql_mode, @@character_set_connection, @@log_bin, @@binlog_format, "
        "@@log_bin_trust_function_creators",
    )
    isolation_level = connections[alias].settings_dict["OPTIONS"].get("isolation_level")
    facts = [
        ("STRICT" in mode, "sql_mode must be strict.", "neruba.E001"),
        (charset == "utf8mb4", "The connection's character set must be utf8mb4.", "neruba.E002"),
        (
            isolation_level == "read committed",
            "The isolation level must be READ COMMITTED.",
            "neruba.E003",
        ),
        (
            not log_bin or log_format != "STATEMENT",
            "binlog_format=STATEMENT refuses READ COMMITTED: set it to ROW.",
            "neruba.E004",
        ),
        (
            not log_bin or trust,
            "With a binary log the append-only triggers need log_bin_trust_function_creators=1.",
            "neruba.E005",
        ),
    ]
    return [Error(text, id=code) for holds, text, code in facts if not holds]


def _check_sqlite(alias: str) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    if connections[alias].settings_dict["OPTIONS"].get("transaction_mode") != "IMMEDIATE":
        problems.append(Error("SQLite's transaction_mode must be IMMEDIATE.", id="neruba.E006"))
    if not _ask(alias, "PRAGMA recursive_triggers")[0] or not _ask(alias, "PRAGMA foreign_keys")[0]:
        problems.append(
            Error("SQLite needs foreign_keys and recursive_triggers on.", id="neruba.E007")
        )
    return problems
