"""A broker that is away costs a line in the log: the work is in the database."""

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.server import BASE_DIR

SCRIPT = """
from neruba.nudge import nudge
from neruba.tasks import deliver_due
nudge(deliver_due)
print("went on")
"""


def nudged(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {
        **os.environ,
        "NERUBA_SECRET_KEY": "x" * 50,
        "DATABASE_URL": f"sqlite:///{tmp_path}/neruba.sqlite3",
        **environment,
    }
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", SCRIPT]
    return subprocess.run(
        command, cwd=BASE_DIR, env=given, capture_output=True, text=True, check=True
    )


def test_without_a_broker_the_caller_goes_on(tmp_path: Path) -> None:
    said = nudged(tmp_path, REDIS_URL="redis://127.0.0.1:1/0")  # nothing listens there
    assert said.stdout == "went on\n"
    assert "the broker is away" in said.stderr
    assert "neruba.tasks.deliver_due" in said.stderr


def test_on_the_embedded_profile_messages_are_files_beside_the_database(tmp_path: Path) -> None:
    said = nudged(tmp_path, REDIS_URL="")
    assert (said.stdout, "the broker is away" in said.stderr) == ("went on\n", False)
    (message,) = (tmp_path / "broker").glob("*.msg")
    assert "neruba.tasks.deliver_due" in message.read_text()
