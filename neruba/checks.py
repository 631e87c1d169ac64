"""System checks: what the promises rest on must really be set."""

import os
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from neruba.settings.environment import READ_ELSEWHERE, VARIABLES

OURS = "NERUBA_"


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


@register()
def check_names(**_kwargs: Any) -> list[CheckMessage]:
    """A variable that nothing reads is a misspelt one: what it should have set has its default."""
    known = VARIABLES.keys() | READ_ELSEWHERE.keys()
    unknown = sorted(name for name in os.environ if name.startswith(OURS) and name not in known)
    return [
        Warning(
            f"{name} is set, and nothing reads it.",
            hint=f"Is {near[0]} meant?" if (near := get_close_matches(name, known, 1)) else None,
            id="neruba.W020",
        )
        for name in unknown
    ]
