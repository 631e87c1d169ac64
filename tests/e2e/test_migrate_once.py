"""Many hosts start at once on an empty database; some are killed; some run other releases."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest
from django.db import connection

from neruba.append_only import missing_triggers
from tests.databases import database_named
from tests.e2e.server import BASE_DIR

pytestmark = pytest.mark.django_db

HOSTS = 4
APPLIES = "Applying neruba.0001_initial"
WAITS = "Another host is at it"
HOLD = """
import time
from django.db import connection
from neruba.migration_lock import migration_lock
with migration_lock(connection, wait_s=0, tell=print):
    print("held", flush=True)
    time.sleep(600)
"""


def start(database_url: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "manage.py", *arguments],
        cwd=BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url, "NERUBA_SECRET_KEY": "only-for-this-test"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def migrate_once(database_url: str, *arguments: str) -> tuple[int, str]:
    host = start(database_url, "migrate_once", *arguments)
    printed, _ = host.communicate(timeout=120)
    return host.returncode, printed


def wait_for_line(output: IO[str] | None, words: str) -> None:
    assert output is not None
    seen = []
    for line in output:
        seen.append(line)
        if words in line:
            return
    raise AssertionError(f"never came: {words}\n{''.join(seen)}")


@contextmanager
def lock_held(database_url: str) -> Iterator[subprocess.Popen[str]]:
    with start(database_url, "shell", "--verbosity", "0", "-c", HOLD) as holder:
        try:
            wait_for_line(holder.stdout, "held")
            yield holder
        finally:
            holder.kill()


def execute(database_url: str, *statements: str) -> None:
    with database_named(name_of(database_url)), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def name_of(database_url: str) -> str:
    """As `database_named` takes it."""
    if database_url.startswith("sqlite"):
        return database_url.removeprefix("sqlite:///")
    return database_url.rpartition("/")[2]


def test_of_hosts_that_start_at_once_one_migrates_and_all_go_on(database_url: str) -> None:
    hosts = [start(database_url, "migrate_once") for _ in range(HOSTS)]
    printed = [host.communicate(timeout=180)[0] for host in hosts]
    assert [host.returncode for host in hosts] == [0] * HOSTS, printed
    assert len([text for text in printed if APPLIES in text]) == 1
    assert len([text for text in printed if "The database is up to date." in text]) == HOSTS - 1
    with database_named(name_of(database_url)):
        assert missing_triggers() == []


def test_a_host_that_dies_holding_the_lock_holds_back_nobody(database_url: str) -> None:
    with lock_held(database_url) as holder:
        waiting = start(database_url, "migrate_once")
        wait_for_line(waiting.stdout, WAITS)
        holder.send_signal(signal.SIGKILL)
        printed, _ = waiting.communicate(timeout=120)
        assert waiting.returncode == 0, printed
        assert APPLIES in printed


def test_waiting_has_an_end(database_url: str) -> None:
    with lock_held(database_url):
        status, printed = migrate_once(database_url, "--wait", "1")
    assert (status, APPLIES in printed) == (1, False)
    assert "Another host holds the migration lock for 1 s." in printed


def test_what_a_host_that_died_after_the_last_migration_left_out_is_done(database_url: str) -> None:
    assert migrate_once(database_url)[0] == 0
    execute(database_url, "DROP TRIGGER ledger_transfer_no_delete")
    assert migrate_once(database_url)[0] == 0
    execute(database_url, "DELETE FROM auth_permission WHERE codename = 'view_session'")
    status, printed = migrate_once(database_url)
    assert (status, "up to date" in printed) == (0, False), printed
    assert "The database is up to date." in migrate_once(database_url)[1]
    with database_named(name_of(database_url)):
        assert missing_triggers() == []


def test_a_migration_that_stopped_halfway_is_named(database_url: str) -> None:
    execute(database_url, "CREATE TABLE billing_plan (id INTEGER)")
    status, printed = migrate_once(database_url)
    assert status == 1
    assert "billing.0001_initial failed:" in printed
    assert "docs/deploy.md" in printed


def test_an_earlier_release_goes_on_with_a_newer_database_when_asked(database_url: str) -> None:
    assert migrate_once(database_url)[0] == 0
    newer = "INSERT INTO django_migrations (app, name, applied) VALUES ('billing', '9999_later', "
    execute(database_url, f"{newer} '2026-01-01 00:00:00')")
    status, printed = migrate_once(database_url)
    assert (status, "billing.9999_later" in printed) == (1, True)
    status, printed = migrate_once(database_url, "--allow-newer")
    assert (status, "newer by billing.9999_later" in printed) == (0, True)


def test_a_database_of_another_line_is_never_touched(database_url: str) -> None:
    assert migrate_once(database_url)[0] == 0
    execute(
        database_url,
        "UPDATE django_migrations SET name = '0003_of_another_line' WHERE name = "
        "'0003_chunks_of_runs'",
    )
    status, printed = migrate_once(database_url, "--allow-newer")
    assert status == 1
    assert "cannot run on this database" in printed
