"""The product runs as a database user that can neither change the schema nor empty a table."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from tests.e2e.processes import fleet
from tests.e2e.server import BASE_DIR, running
from tests.e2e.test_migrate_once import migrate_once
from tests.e2e.test_workers import AS_OF, Project, wait_for

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no users"),
]

MySQLdb = pytest.importorskip("MySQLdb")
GRANT = re.compile(r"^GRANT (.+) ON .* TO 'neruba_app'", re.MULTILINE)


@contextmanager
def application_user(database_url: str) -> Iterator[str]:
    """The URL of a user with the grants that deploy/mariadb-users.sh gives."""
    (privileges,) = GRANT.findall((BASE_DIR / "deploy" / "mariadb-users.sh").read_text())
    parts = urlsplit(database_url)
    name = parts.path.strip("/")
    user = f"{name[-16:]}@127.0.0.1"
    server = MySQLdb.connect(unix_socket=root_socket(), user="root", autocommit=True)
    cursor = server.cursor()
    cursor.execute(f"CREATE USER {user} IDENTIFIED BY 'application'")
    cursor.execute(f"GRANT {privileges} ON `{name}`.* TO {user}")
    try:
        login = f"{name[-16:]}:application@{parts.hostname}:{parts.port}"
        yield urlunsplit(parts._replace(netloc=login))
    finally:
        cursor.execute(f"DROP USER {user}")
        server.close()


def root_socket() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@socket")
        return str(cursor.fetchone()[0])


REFUSED = (
    "TRUNCATE TABLE ledger_transfer",
    "DROP TABLE ledger_transfer",
    "DROP TRIGGER ledger_transfer_no_delete",
    "ALTER TABLE ledger_transfer ADD COLUMN more INTEGER",
    "CREATE TABLE more (id INTEGER)",
    "DELETE FROM ledger_transfer",  # by its trigger
    "UPDATE ingest_usageevent SET event_id = 'x'",
)


def refusal(url: str, statement: str) -> str:
    """What the server says to the statement."""
    parts = urlsplit(url)
    server = MySQLdb.connect(
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        database=parts.path.strip("/"),
    )
    try:
        server.cursor().execute(statement)
    except MySQLdb.OperationalError as error:
        return str(error)
    finally:
        server.close()
    return ""


def test_it_bills_and_verifies_and_is_refused_everything_else(
    database_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "background.log"
    assert migrate_once(database_url)[0] == 0
    with application_user(database_url) as url, running(url, tmp_path / "server.log") as server:
        assert migrate_once(url) == (0, "The database is up to date.\n")
        project = Project(server, "restricted")
        with fleet(server, log) as background:
            background.worker("one")
            background.schedule()
            run_id = project.call("POST", "/billing-runs", {"as_of": AS_OF}, 202)["id"]
            wait_for("the run", lambda: project.run(run_id)["status"] == "completed", log)
        assert "no difference" in server.manage("verify", "--project", "restricted")
        server.manage("check", "--database", "default", "--fail-level", "WARNING")
        said = {statement: refusal(url, statement) for statement in REFUSED}
        assert {one for one, words in said.items() if "denied" in words} == set(REFUSED[:5]), said
        assert all("is append-only" in said[statement] for statement in REFUSED[5:]), said
