"""One of two profiles: SQLite as embedded, MariaDB or MySQL in production. `DATABASE_URL` alone
decides.
"""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from neruba.settings.environment import env, read

SQLITE = "django.db.backends.sqlite3"
MYSQL = "django.db.backends.mysql"
EXPECTED = "sqlite:///absolute/path.sqlite3 or mysql://user:password@host:port/name"


def database(base_dir: Path) -> dict[str, Any]:
    """The default database of `DATABASE_URL`, with the options that the promises rest on."""
    url = f"sqlite:///{base_dir / 'var' / 'neruba.sqlite3'}"
    config: dict[str, Any] = dict(read(env.db_url, "DATABASE_URL", url, EXPECTED))
    if config.get("ENGINE") == SQLITE:
        return config | _sqlite(config)
    if config.get("ENGINE") == MYSQL:
        return config | _mysql()
    raise ImproperlyConfigured(f"DATABASE_URL is not valid: expected {EXPECTED}.")


def _sqlite(config: dict[str, Any]) -> dict[str, Any]:
    name = str(config["NAME"])
    if name != ":memory:":
        Path(name).parent.mkdir(parents=True, exist_ok=True)
    return {
        "OPTIONS": {
            # IMMEDIATE: a transaction that reads first and writes later would be refused, not made
            # to wait.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                "PRAGMA foreign_keys=ON; PRAGMA recursive_triggers=ON;"
            ),
        },
    }


def _mysql() -> dict[str, Any]:
    return {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "charset": "utf8mb4",
            # The lookup after a duplicate key must see what the other transaction committed.
            "isolation_level": "read committed",
            "init_command": (
                "SET sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
                "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout=5, "
                # MySQL would cut what is gathered into one text after 1,024 bytes.
                "group_concat_max_len=1048576"
            ),
        },
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_general_ci"},
    }
