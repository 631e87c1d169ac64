"""bin/rehearse: a backup is worth what its restore is worth."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from billing.models import BillingRun, Invoice
from billing.selectors.verify import number_gaps
from ingest.models import UsageEvent
from neruba.append_only import missing_triggers
from neruba.models import OutboxMessage, Project
from neruba.period import rfc3339
from tests.databases import database_named
from tests.e2e.server import BASE_DIR, Server

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 5, tzinfo=UTC)
CUSTOMERS = 12
SENDERS = 3
BATCH = 40
ENOUGH = 10  # batches of each sender, and invoices, before the dump and after it
PATIENCE_S = 120
LAST_DAY = 300  # what lies further ahead of the clock than its tolerance is not accepted


def rehearse(
    database_url: str, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bin.lib.rehearse", *options],
        cwd=BASE_DIR,
        env={
            **os.environ,
            "DATABASE_URL": database_url,
            "NERUBA_SECRET_KEY": "only-for-this-test",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def name_of(database_url: str) -> str:
    """As `database_named` takes it."""
    if database_url.startswith("sqlite"):
        return database_url.removeprefix("sqlite:///")
    return database_url.rpartition("/")[2]


def copy_name(database_url: str) -> str:
    name = name_of(database_url)
    if name.startswith("/"):
        return str(Path(name).with_name(f"{Path(name).stem}_rehearsal.sqlite3"))
    return f"{name}_rehearsal"


@contextmanager
def kept_copy(database_url: str) -> Iterator[None]:
    """The default connection leads to the copy, which is removed at the end."""
    with database_named(copy_name(database_url)):
        try:
            yield
        finally:
            if connection.vendor == "mysql":
                with connection.cursor() as cursor:
                    cursor.execute(f"DROP DATABASE {copy_name(database_url)}")


class Weekly:
    """A sandbox project with customers billed each week, and what was acknowledged to clients."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.acknowledged: set[str] = set()
        self.key = server.create_project(
            "weekly", "--currency", "USD", "--mode", "sandbox", "--clock", rfc3339(START),
            "--settings", '{"future_event_tolerance": "P365D", "finalization_grace": "PT0S"}',
        )  # fmt: skip
        meter = {"code": "calls", "event_type": "call", "aggregation": "count"}
        self.post("/meters", meter)
        prices = [
            {"code": "fee", "kind": "recurring", "model": "flat", "amount": "5.00"},
            {"code": "calls", "kind": "usage", "meter": "calls", "model": "per_unit",
             "unit_amount": "0.03"},
        ]  # fmt: skip
        self.post("/plans", {"code": "week", "interval": "week", "prices": prices})
        for number in range(CUSTOMERS):
            self.post("/customers", {"external_id": f"c{number}", "name": f"c{number}"})
            subscription = {"external_id": f"s{number}", "customer": f"c{number}", "plan": "week"}
            begun = rfc3339(START - timedelta(days=number % 7))
            self.post("/subscriptions", {**subscription, "start_at": begun})

    def post(self, path: str, body: Any) -> Any:
        answer = self.server.call("POST", f"/api/v1{path}", body, key=self.key)
        assert answer.status in {200, 201, 202, 503}, answer
        return answer

    def send_batch(self, sender: int, number: int, day: int) -> None:
        """All of its events are accepted in one transaction, or none is."""
        name = f"{sender}-{number}"
        events = [
            {"id": f"{name}-{place}", "source": name, "type": "call",
             "subject": f"c{place % CUSTOMERS}", "time": rfc3339(START + timedelta(days=day))}
            for place in range(BATCH)
        ]  # fmt: skip
        if self.post("/events/batch", {"events": events}).status == 200:
            self.acknowledged.add(name)

    def move_clock(self, to: datetime) -> None:
        self.post("/clock", {"to": rfc3339(to)})


@contextmanager
def load(weekly: Weekly) -> Iterator[None]:
    """Clients send and the clock moves on, a day at a time, until the block ends."""
    over = threading.Event()

    def send(sender: int) -> None:
        number = 0
        while not over.is_set():
            weekly.send_batch(sender, number, min(number, LAST_DAY))
            number += 1

    def bill() -> None:
        day = 0
        while not over.is_set():
            day += 1
            weekly.move_clock(START + timedelta(days=day))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(SENDERS)]
    threads.append(threading.Thread(target=bill))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def wait_for_more(batches: int, invoices: int) -> None:
    """Until both have grown by enough."""
    stop_at = time.monotonic() + PATIENCE_S
    while UsageEvent.objects.count() < (batches + ENOUGH) * BATCH or issued() < invoices + ENOUGH:
        assert time.monotonic() < stop_at, (UsageEvent.objects.count(), issued())
        time.sleep(0.2)


def issued() -> int:
    return Invoice.objects.filter(sequence__isnull=False).count()


def stored_batches() -> Counter[str]:
    return Counter(UsageEvent.objects.values_list("source", flat=True))


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time: no rivals there")
def test_a_backup_taken_under_load_is_whole(server: Server, database_url: str) -> None:
    weekly = Weekly(server)
    with database_named(name_of(database_url)):
        with load(weekly):
            wait_for_more(0, 0)
            acknowledged, invoices = set(weekly.acknowledged), issued()
            done = rehearse(database_url, "--keep")
            batches = UsageEvent.objects.count() // BATCH
            assert batches > len(acknowledged), "nothing came in while it was dumped"
            wait_for_more(batches, issued())
        finally_stored = stored_batches()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    assert "weekly: fingerprint" in done.stdout
    with kept_copy(database_url):
        copied = stored_batches()
        assert set(copied.values()) == {BATCH}, "half a batch"
        assert acknowledged <= copied.keys() < finally_stored.keys()
        assert issued() >= invoices
        assert number_gaps(Project.objects.get()) == []
        assert missing_triggers() == []
        newest = UsageEvent.objects.order_by("pk").values_list("pk", flat=True).last()
        ran = BillingRun.objects.filter(repeats=None, bound_event__gt=0)
        assert ran.exists()
        assert not ran.filter(bound_event__gt=newest).exists(), "a bound past what was copied"


def test_a_copy_tells_nobody_and_is_gone_afterwards(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    weekly = Weekly(server)
    weekly.send_batch(0, 0, 0)
    weekly.move_clock(START + timedelta(days=9))
    mail = tmp_path / "mail"
    mail.mkdir()
    told = {"NERUBA_MAIL_URL": f"filemail://{mail}", "NERUBA_ALERTS_TO": "people@example.com"}
    with database_named(name_of(database_url)):
        OutboxMessage.objects.create(
            project=Project.objects.get(), topic="billing_run.completed", key="x", handler="alerts"
        )
        waiting = OutboxMessage.objects.filter(state=OutboxMessage.State.WAITING).count()
        first = rehearse(database_url, **told)
        assert first.returncode == 0, first.stdout + first.stderr
        second = rehearse(database_url, "--keep", **told)
        assert second.returncode == 0, second.stdout + second.stderr
        assert OutboxMessage.objects.filter(state=OutboxMessage.State.WAITING).count() == waiting
        third = rehearse(database_url, **told)
        assert (third.returncode, "exists" in third.stderr) == (1, True)
    with kept_copy(database_url):
        assert not OutboxMessage.objects.filter(state=OutboxMessage.State.WAITING).exists()
        assert BillingRun.objects.filter(repeats__isnull=False).exists()
    assert list(mail.iterdir()) == []


def test_a_difference_is_named_and_fails(server: Server, database_url: str) -> None:
    weekly = Weekly(server)
    weekly.send_batch(0, 0, 0)
    weekly.move_clock(START + timedelta(days=9))
    with database_named(name_of(database_url)), connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER ingest_usageevent_no_delete")
        cursor.execute("DELETE FROM ingest_usageevent WHERE source = '0-0' AND event_id = '0-0-3'")
    done = rehearse(database_url)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert done.returncode == 1, done.stdout + done.stderr
    assert [line.split()[1] for line in failed[:2]] == ["triggers:", "weekly:"], failed
    assert any("came out otherwise" in line for line in failed), failed


def test_the_copy_is_never_its_source(database_url: str) -> None:
    done = rehearse(database_url, "--into", database_url)
    assert (done.returncode, "over its source" in done.stderr) == (1, True)
