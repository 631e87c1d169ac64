"""What a container runs as its first process: the process itself, which ends when it is told to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.server import BASE_DIR, _wait, free_port

pytestmark = pytest.mark.django_db


def start(database_url: str, log: Path, *arguments: str, port: int = 0) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "bin.lib.container", *arguments],
            cwd=BASE_DIR,
            env={
                **os.environ,
                "DATABASE_URL": database_url,
                "NERUBA_SECRET_KEY": "only-for-this-test",
                "PORT": str(port),
            },
            stdout=output,
            stderr=output,
        )


def test_the_web_is_the_process_that_signals_reach(database_url: str, tmp_path: Path) -> None:
    log, port = tmp_path / "container.log", free_port()
    assert start(database_url, log, "migrate").wait(timeout=120) == 0, log.read_text()
    web = start(database_url, log, "web", port=port)
    try:
        _wait(f"http://127.0.0.1:{port}", web, log)
        assert "gunicorn" in Path(f"/proc/{web.pid}/cmdline").read_text()
        web.terminate()
        assert web.wait(timeout=60) == 0, log.read_text()
    finally:
        web.kill()


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["web", "more"], ["manage"]])
def test_what_it_does_not_know_it_names(arguments: list[str], tmp_path: Path) -> None:
    log = tmp_path / "container.log"
    assert start("sqlite://:memory:", log, *arguments).wait(timeout=60) == 2
    assert "web | worker | beat" in log.read_text()
