"""Workers and schedules beside a running product, started and killed at will."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from tests.e2e.server import BASE_DIR, Server

CELERY = (sys.executable, "-m", "celery", "--app", "neruba.celery")
WORKER = ("worker", "--without-gossip", "--without-mingle", "--concurrency", "1")


class Fleet:
    """The background processes of one server, each in a session of its own."""

    def __init__(self, server: Server, log: Path) -> None:
        self._environment: Mapping[str, str] = server.environment
        self._output = log.open("ab")
        self._running: list[subprocess.Popen[bytes]] = []

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        return self._start(*WORKER, "--hostname", f"{name}@test", "--loglevel", "INFO")

    def schedule(self) -> subprocess.Popen[bytes]:
        return self._start("beat", "--pidfile", "")

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*CELERY, *command],
            cwd=BASE_DIR,
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )
        self._running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """At once, with all its children."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)

    def empty_broker(self) -> None:
        """Every message is lost."""
        if url := self._environment.get("REDIS_URL"):
            redis.Redis.from_url(url).flushdb()
            return
        folder = (
            Path(self._environment["DATABASE_URL"].removeprefix("sqlite:///")).parent / "broker"
        )
        for message in folder.glob("*.msg"):
            message.unlink(missing_ok=True)

    def end(self) -> None:
        for process in self._running:
            self.kill(process)
        self._output.close()


@contextmanager
def fleet(server: Server, log: Path) -> Iterator[Fleet]:
    """None of them is left when the block ends."""
    made = Fleet(server, log)
    made.empty_broker()
    try:
        yield made
    finally:
        made.end()
