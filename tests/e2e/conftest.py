"""A running product on a fresh database of the kind under test."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from tests.e2e.server import Server, running


@pytest.fixture
def server(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    """Neruba behind gunicorn: on a SQLite file, or on a database of its own on the MariaDB of the
    run.
    """
    log = tmp_path / "server.log"
    settings = connections["default"].settings_dict
    if "mysql" not in settings["ENGINE"]:
        with running(f"sqlite:///{tmp_path / 'neruba.sqlite3'}", log) as found:
            yield found
        return
    name = f"neruba_e2e_{uuid4().hex[:8]}"
    login = f"{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}"
    with django_db_blocker.unblock(), connections["default"]._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            with running(f"mysql://{login}/{name}", log) as found:
                yield found
        finally:
            cursor.execute(f"DROP DATABASE {name}")
