"""The product as it is run: its own database, migrated; gunicorn in front; commands beside it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bin.lib import services

BASE_DIR = Path(__file__).resolve().parents[2]
START_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class Server:
    """A running Neruba: `call` goes over HTTP, `manage` runs a command on the same database.

    `process_id` is that of gunicorn's master, which replaces workers that end.
    """

    url: str
    environment: dict[str, str]
    log: Path
    process_id: int = 0

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Call the API; a body that is bytes is sent as it is."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}{path}",
            data=raw,
            method=method,
            headers={
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
                return _answer(response.status, response.read(), dict(response.headers))
        except urllib.error.HTTPError as error:
            return _answer(error.code, error.read(), dict(error.headers))

    def manage(self, *arguments: str, status: int = 0) -> str:
        """Run a management command and return what it printed; it must end with `status`."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, (
            f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout

    def create_project(self, slug: str, *arguments: str) -> str:
        """Make a project and return its admin key."""
        printed = self.manage("create_project", slug, "--json", *arguments)
        return str(json.loads(printed)["api_key"])


def _answer(status: int, raw: bytes, headers: dict[str, str]) -> Answer:
    is_json = "json" in headers.get("Content-Type", "")
    return Answer(status, json.loads(raw) if is_json and raw else None, headers)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment_of(database_url: str) -> dict[str, str]:
    """What a product under test is started with: quick ticks, short leases, small chunks."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        **services.THROWAWAY,
        "NERUBA_RATE_LIMIT": "0",
        # Tests one after the other are one address, and Redis remembers for a minute.
        "NERUBA_RATE_LIMIT_ANONYMOUS": "0",
        "NERUBA_TICK_SECONDS": "0.5",
        "NERUBA_LEASE_SECONDS": "4",
        "NERUBA_BILLING_CHUNK": "3",
    }
    if environment.get("REDIS_URL"):
        # Apart from what other tests send, for whom no worker is there.
        environment["REDIS_URL"] = f"{environment['REDIS_URL'].rpartition('/')[0]}/9"
    return environment


@contextmanager
def running(database_url: str, log: Path, *options: str) -> Iterator[Server]:
    """Neruba on a database of its own until the block ends; two web processes, unless the `options`
    of gunicorn say otherwise.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = environment_of(database_url)
    server = Server(url, environment, log)
    server.manage("migrate", "--verbosity", "0")
    command = [sys.executable, "-m", "gunicorn", "neruba.wsgi", "--bind", f"127.0.0.1:{port}"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--workers", "2", "--threads", "2", "--worker-class", "gthread", *options],
            cwd=BASE_DIR,
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            _wait(url, process, log)
            yield replace(server, process_id=process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    stop_at = time.monotonic() + START_SECONDS
    while time.monotonic() < stop_at:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/admin/login/", timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no answer within {START_SECONDS} s\n{log.read_text()}")
