"""The product as bin/serve runs it, web, worker and schedule, whose parts can be taken away."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from email.message import Message
from pathlib import Path
from typing import Any

from bin.lib import product
from tests.e2e.server import Server, environment_of, free_port

PATIENCE_S = 60
READY = "/health/ready"


@dataclass
class Product:
    """Its server, its processes by name, and the log of all of them."""

    server: Server
    processes: dict[str, subprocess.Popen[bytes]]
    log: Path

    def get(self, path: str, **headers: str) -> tuple[int, str, Message]:
        """Without a key: status, text, headers."""
        request = urllib.request.Request(self.server.url + path, headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    def readiness(self, query: str = "") -> tuple[int, dict[str, Any]]:
        """The status, and what fails with its detail."""
        status, text, _ = self.get(READY + query)
        checks = json.loads(text)["checks"]
        return status, {one["name"]: one["detail"] for one in checks if not one["ok"]}

    def wait_until_ready(self) -> None:
        self.wait_for("green", lambda: self.readiness() == (200, {}))

    def wait_until_red(self, *parts: str) -> dict[str, Any]:
        """Until exactly these parts fail; their details."""
        red: dict[str, Any] = {}

        def is_red() -> bool:
            red.clear()
            red.update(self.readiness()[1])
            return set(red) == set(parts)

        self.wait_for(f"red by {parts}", is_red)
        return red

    def wait_for(self, what: str, is_so: Callable[[], Any]) -> None:
        stop_at = time.monotonic() + PATIENCE_S
        while not is_so():
            if time.monotonic() > stop_at:
                said = f"{self.get(READY)[1]}\n{self.log.read_text()[-6000:]}"
                raise AssertionError(f"never came: {what}\n{said}")
            time.sleep(0.2)

    def kill(self, name: str) -> None:
        """At once, with all its children."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait(timeout=10)

    def start(self, name: str) -> None:
        with self.log.open("ab") as output:
            self.processes[name] = subprocess.Popen(
                product.commands(0)[name],
                env=self.server.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def metric(self, name: str) -> Decimal | None:
        """The value of a metric, as it is written with its labels."""
        for line in self.get("/metrics", Authorization="Bearer " + TOKEN)[1].splitlines():
            if line.startswith(f"{name} "):
                return Decimal(line.rpartition(" ")[2])
        return None


TOKEN = "a-token-for-the-metrics-of-this-test"


@contextmanager
def serving(
    database_url: str, log: Path, *, migrate: bool = True, **variables: str
) -> Iterator[Product]:
    """The product with the `variables` of its environment, until the block ends."""
    port = free_port()
    environment = {
        **environment_of(database_url),
        "NERUBA_HEARTBEAT_SECONDS": "3",
        "NERUBA_METRICS_TOKEN": TOKEN,
        "NERUBA_LOG_FORMAT": "json",
        **variables,
    }
    server = Server(f"http://127.0.0.1:{port}", environment, log)
    if migrate:
        server.manage("migrate", "--verbosity", "0")
    with log.open("ab") as output, product.running(port, environment, output) as processes:
        made = Product(server, processes, log)
        made.wait_for("an answer", lambda: _answers(made))
        yield made


def _answers(made: Product) -> bool:
    try:
        return made.get("/health/live")[0] == 200
    except OSError:
        return False
