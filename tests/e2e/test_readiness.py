"""Readiness turns red for each part that fails, names it, and is green again by itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bin.lib import services
from tests.e2e.product import Product, serving
from tests.e2e.server import BASE_DIR, Answer

UNAPPLY = "DELETE FROM django_migrations WHERE app = 'neruba' AND name = '0007_heartbeat'"
REAPPLY = (
    "INSERT INTO django_migrations (app, name, applied) "
    "VALUES ('neruba', '0007_heartbeat', '2026-01-01 00:00:00')"
)


@pytest.fixture
def product(database_url: str, tmp_path: Path) -> Iterator[Product]:
    with serving(database_url, tmp_path / "product.log") as made:
        yield made


def execute(product: Product, statement: str) -> None:
    code = f"from django.db import connection; connection.cursor().execute({statement!r})"
    product.server.manage("shell", "--verbosity", "0", "-c", code)


def test_a_missing_migration_a_missing_trigger_and_a_silent_schedule_are_named(
    product: Product,
) -> None:
    product.wait_until_ready()
    execute(product, UNAPPLY)
    assert "neruba.0007_heartbeat" in product.wait_until_red("migrations")["migrations"]
    execute(product, REAPPLY)
    product.wait_until_ready()

    execute(product, "DROP TRIGGER ledger_transfer_no_update")
    assert "ledger_transfer_no_update" in product.wait_until_red("triggers")["triggers"]
    assert product.metric('neruba_invariant_violations{check="triggers"}') == 1
    product.server.manage("migrate", "--verbosity", "0")
    product.wait_until_ready()

    product.kill("schedule")
    assert "look at the schedule" in product.wait_until_red("scheduler")["scheduler"]
    assert product.readiness("?parts=database,migrations,triggers") == (200, {})
    product.start("schedule")
    product.wait_until_ready()

    product.kill("worker")
    assert "no worker takes them" in product.wait_until_red("scheduler")["scheduler"]
    product.start("worker")
    product.wait_until_ready()


class Services:
    """A MariaDB and a Redis of the test's own, which it may take away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._restarted: list[subprocess.Popen[bytes]] = []
        said = self._command("start")
        self.variables = dict(pair.split("=", 1) for pair in said.split()[1:])

    def _command(self, action: str) -> str:
        command = [sys.executable, "-m", "bin.lib.services", action, "--dir", str(self._folder)]
        done = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=True)
        return done.stdout

    def end(self) -> None:
        self._command("stop")
        for process in self._restarted:
            process.wait(timeout=10)

    def _process_id(self, name: str) -> int:
        return int((self._folder / f"{name}.pid").read_text())

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Killed, and started again with the same data and port."""
        running = Path(f"/proc/{self._process_id(name)}/cmdline")
        command = self._command_again(running.read_text().rstrip("\0").split("\0"))
        os.kill(self._process_id(name), signal.SIGKILL)
        while running.exists() and running.read_text():
            time.sleep(0.05)
        try:
            yield
        finally:
            with (self._folder / f"{name}.log").open("ab") as log:
                again = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._restarted.append(again)
            (self._folder / f"{name}.pid").write_text(str(again.pid))

    def _command_again(self, told: list[str]) -> list[str]:
        """As it was started. Redis tells its address instead of its arguments."""
        program, _, port = told[0].partition(" 127.0.0.1:")
        if not port:
            return told
        return [program, "--bind", "127.0.0.1", "--port", port, "--save", ""]

    @contextmanager
    def hanging(self, name: str) -> Iterator[None]:
        """Takes connections, and answers nothing."""
        os.kill(self._process_id(name), signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process_id(name), signal.SIGCONT)


@pytest.fixture
def own(database_url: str) -> Iterator[Services]:
    if "mysql" not in database_url:
        pytest.skip("a server is taken away; SQLite has none")
    found = Services(services.new_folder())
    try:
        yield found
    finally:
        found.end()


def test_the_database_may_be_gone_at_the_start_hang_and_go(own: Services, tmp_path: Path) -> None:
    url, broker = own.variables["DATABASE_URL"], own.variables["REDIS_URL"]
    log = tmp_path / "product.log"
    with serving(url, log, REDIS_URL=broker) as prepared:
        prepared.wait_until_ready()
    with own.without("mariadb"):
        started = serving(url, log, migrate=False, REDIS_URL=broker)
        product = started.__enter__()
        red = product.wait_until_red("database", "migrations", "triggers", "scheduler")
        assert red["database"] == "does not answer"
        assert product.metric("neruba_database_up") == 0
    try:
        product.wait_until_ready()
        with own.without("mariadb"):
            product.wait_until_red("database", "migrations", "triggers", "scheduler")
            assert product.get("/health/live")[0] == 200
        product.wait_until_ready()
        with own.hanging("mariadb"):
            status, text, headers = product.get("/health/ready")
            assert (status, headers["Cache-Control"].count("no-store")) == (503, 1)
            assert '"broker", "ok": true' in text
        product.wait_until_ready()
        assert product.metric("neruba_database_up") == 1
        assert "neruba:neruba" not in log.read_text()
    finally:
        started.__exit__(None, None, None)


def test_events_are_accepted_and_billed_though_redis_is_gone(own: Services, tmp_path: Path) -> None:
    url, broker = own.variables["DATABASE_URL"], own.variables["REDIS_URL"]
    with serving(url, tmp_path / "product.log", REDIS_URL=broker) as product:
        call = Calls(product)
        product.wait_until_ready()
        event = {"id": "1", "source": "test", "type": "calls", "subject": "acme",
                 "time": "2026-02-10T00:00:00Z"}  # fmt: skip
        batch = [{**event, "id": str(number)} for number in range(1, 4)]
        with own.without("redis"):
            red = product.wait_until_red("broker", "scheduler")
            assert red["broker"] == "Redis, which is broker and cache, does not answer"
            assert product.readiness("?parts=database,migrations,triggers") == (200, {})
            assert product.metric("neruba_broker_up") == 0
            assert call("POST", "/events", event).status == 201
            assert call("POST", "/events", event).status == 200
            counts = call("POST", "/events/batch", {"events": batch}).body
            assert (counts["accepted"], counts["duplicate"]) == (2, 1)
        product.wait_until_ready()
        assert product.metric("neruba_broker_up") == 1
        product.wait_for("windows", lambda: product.metric("neruba_windows_dirty") == 0)
        body = {"external_id": "acme-pro", "customer": "acme", "plan": "pro",
                "start_at": "2026-02-01T00:00:00Z", "anchor": "calendar"}  # fmt: skip
        assert call("POST", "/subscriptions", body).status == 201
        product.wait_for("a bill", lambda: "0.75" in call.totals())
        assert call.totals().count("0.75") == 1
        assert "no difference" in product.server.manage("verify", "--project", "acme")


class Calls:
    """A project with one customer and a price a call; calls its API."""

    def __init__(self, product: Product) -> None:
        self._server = product.server
        self._key = product.server.create_project("acme", "--currency", "USD")
        meter = {"code": "calls", "event_type": "calls", "aggregation": "count"}
        price = {"code": "calls", "kind": "usage", "meter": "calls", "model": "per_unit",
                 "unit_amount": "0.25"}  # fmt: skip
        plan = {"code": "pro", "interval": "month", "prices": [price]}
        customer = {"external_id": "acme", "name": "Acme"}
        for path, body in (("/meters", meter), ("/plans", plan), ("/customers", customer)):
            assert self("POST", path, body).status == 201

    def __call__(self, method: str, path: str, body: object = None) -> Answer:
        return self._server.call(method, f"/api/v1{path}", body, key=self._key)

    def totals(self) -> list[str]:
        return [one["total"] for one in self("GET", "/invoices").body["data"]]
