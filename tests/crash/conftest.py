"""A database that a child process can open for itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from tests.databases import database_named


@pytest.fixture
def shared_database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """On SQLite the test database as a file: what a child did to one in memory would go with it."""
    if connection.vendor != "sqlite":
        yield
        return
    file = tmp_path / "crash.sqlite3"
    connection.ensure_connection()
    with closing(sqlite3.connect(file)) as copy:
        connection.connection.backup(copy)
    with database_named(str(file)):
        yield
