"""A running product on a fresh database of the kind under test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from tests.e2e.server import Server, running


@contextmanager
def new_database(folder: Path, blocker: DjangoDbBlocker) -> Iterator[str]:
    """The URL of a database of its own: a SQLite file in the folder, or one on the MariaDB of the
    run.
    """
    settings = connections["default"].settings_dict
    if "mysql" not in settings["ENGINE"]:
        yield f"sqlite:///{folder / 'neruba.sqlite3'}"
        return
    name = f"neruba_e2e_{uuid4().hex[:8]}"
    login = f"{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}"
    with blocker.unblock(), connections["default"]._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield f"mysql://{login}/{name}"
        finally:
            cursor.execute(f"DROP DATABASE {name}")


@pytest.fixture
def database_url(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A database of the test's own."""
    with new_database(tmp_path, django_db_blocker) as url:
        yield url


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """Neruba behind gunicorn."""
    with running(database_url, tmp_path / "server.log") as found:
        yield found
