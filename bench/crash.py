"""Crash anywhere, at every point: the process is killed before each SQL statement and before and
after each COMMIT, and the work is run again.

For each database and operation of `tests/crash`: how many points there are, and at how many the end
differs from that of an undisturbed run. Exit status 1 where one does.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection
from django.test.utils import setup_test_environment
from tqdm import tqdm

from bench.server import ROOT, mariadb
from bin.lib import services

DATABASES = ("sqlite", "mariadb")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/bench crash", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, help="one of them (default: both)")
    parser.add_argument("--operation", help="one of them (default: all)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        return kill_everywhere(given.operation)
    chosen = [given.database] if given.database else DATABASES
    return max(run_on(database, given.operation) for database in chosen)


def run_on(database: str, operation: str | None) -> int:
    """A process of its own: Django knows one database in a life."""
    command = [sys.executable, "-m", "bench.crash", "--here"]
    command += ["--operation", operation] if operation else []
    if database == "mariadb":
        with mariadb():
            return subprocess.run(command, cwd=ROOT, check=False).returncode
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{Path(folder) / 'crash.sqlite3'}",
            **services.THROWAWAY,
            "DJANGO_SETTINGS_MODULE": "neruba.settings",
        }
        environment.pop("REDIS_URL", None)
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def kill_everywhere(wanted: str | None) -> int:
    """All points of the operations on the database of the environment; 1 if an end differs."""
    django.setup()
    from tests.crash.operations import OPERATIONS  # noqa: PLC0415 - needs Django's apps
    from tests.crash.stage import Stage  # noqa: PLC0415

    setup_test_environment()
    call_command("migrate", verbosity=0)
    status = 0
    for operation in OPERATIONS:
        if wanted in {None, operation.name}:
            stage = Stage(operation)
            numbers = range(1, len(stage.points) + 1)
            title = f"{operation.name} on {connection.display_name}"
            differing = [
                f"{number} {stage.points[number - 1]}"
                for number in tqdm(numbers, desc=title, unit=" points", leave=False)
                if stage.killed_at(number) != stage.expected
            ]
            equal = "all equal" if not differing else f"different at {', '.join(differing)}"
            print(f"{title}: killed at {len(numbers)} points, {equal}", flush=True)
            status |= bool(differing)
    return status


if __name__ == "__main__":
    sys.exit(main())
