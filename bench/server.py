"""What benchmarks run against: a durable MariaDB and a gunicorn of their own, data on disk."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bin.lib import services

ROOT = Path(__file__).resolve().parents[1]
START_LIMIT_S = 30
# Each commit is on disk when it returns, as in production; a buffer pool that holds the data, and a
# log that need not be emptied every few seconds while millions of rows are loaded.
DURABLE = (
    "SET GLOBAL innodb_flush_log_at_trx_commit = 1; "
    "SET GLOBAL sync_binlog = 1; "
    "SET GLOBAL innodb_log_file_size = 1024 * 1024 * 1024; "
    "SET GLOBAL innodb_buffer_pool_size = {pool_mb} * 1024 * 1024"
)


@contextmanager
def mariadb(*, pool_mb: int = 512) -> Iterator[str]:
    """A migrated database; its DATABASE_URL is in the environment until the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=_disk()))
    try:
        url = services.start_mariadb(folder)
        client = (services.program("mariadb"), "--no-defaults", f"--socket={folder}/mariadb.sock")
        subprocess.run(
            [*client, "--user=root", f"--execute={DURABLE.format(pool_mb=pool_mb)}"], check=True
        )
        os.environ |= {
            "DATABASE_URL": url,
            **services.THROWAWAY,
            "NERUBA_RATE_LIMIT": "0",
            "DJANGO_SETTINGS_MODULE": "neruba.settings",
        }
        os.environ.pop("REDIS_URL", None)
        manage("migrate", "-v0")
        yield url
    finally:
        services.end(folder)
        shutil.rmtree(folder, ignore_errors=True)


def manage(*command: str, **environment: str) -> bytes:
    """What a management command prints."""
    return subprocess.check_output(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=os.environ | environment
    )


@contextmanager
def web(workers: int, **environment: str) -> Iterator[int]:
    """The product behind gunicorn; its port. `environment` comes on top of what is set."""
    port = services.free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "neruba.wsgi", "--bind", f"127.0.0.1:{port}"),
        *("--worker-class", "gthread", "--workers", str(workers), "--threads", "4"),
        *("--keep-alive", "30", "--graceful-timeout", "5"),
        *("--log-level", "warning"),
    ]
    given = {"NERUBA_ALLOWED_HOSTS": "*", **environment}
    log = ROOT / "build" / "bench-server.log"  # a line for each request
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | given, stdout=output, stderr=output
        )
    try:
        _wait(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=10)


def _disk() -> Path:
    folder = ROOT / "var"
    folder.mkdir(exist_ok=True)
    return folder


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/events", timeout=5)
        except urllib.error.HTTPError:
            return  # it answers, if only that a key is missing
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("gunicorn did not come up")
