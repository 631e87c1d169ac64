"""Exactly once under fire: eight clients send the same events and repeat themselves, web workers
are killed, and billing goes on meanwhile.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from billing.models import BillingRun, Invoice, InvoiceLine, RunItem
from billing.selectors.amounts import line_amount
from billing.selectors.verify import number_gaps
from ingest.models import FailedEvent, Meter, UsageEvent
from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.usage import UsageNeed, usage_of
from neruba.models import Project, Subject
from neruba.period import rfc3339
from tests.databases import database_named
from tests.e2e.processes import fleet
from tests.e2e.senders import Report, send_all
from tests.e2e.server import Answer, Server, running

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor == "sqlite",
        reason="SQLite lets one writer in at a time: rivals only wait for each other there",
    ),
]

CLIENTS = 8
CUSTOMERS = 40
EVENTS = 20_000
START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
USED_UNTIL = START + timedelta(weeks=4)
LATER = USED_UNTIL + timedelta(weeks=2)  # two more boundaries for everyone
LATE_ONE_IN = 50
AHEAD = timedelta(days=1)
PAUSE_S = 0.3
KILL_EVERY_S = 1.4
LIMIT_S = 240
METERS = ("calls", "tokens")
# Whole cents a unit: what was billed is what was used, to the unit.
CENTS = {"calls": 3, "tokens": 1}
FAILURE = 500


def made_events() -> list[dict[str, Any]]:
    """The usage of four weeks, in order of time."""
    chance = random.Random("fire")
    seconds = int((USED_UNTIL - START).total_seconds())
    return [
        {
            "id": f"e{number}",
            "source": f"gateway-{number % 3}",
            "type": "call",
            "subject": customer_name(chance.randrange(CUSTOMERS)),
            "time": rfc3339(START + timedelta(seconds=seconds * number // EVENTS)),
            "data": {"tokens": chance.randrange(1, 900)},
        }
        for number in range(EVENTS)
    ]


def shares(events: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """What each client sends: an eighth of its own, and half of all others. It comes in the order
    of time within two days or so, of each client another; one event in fifty is late at all of
    them.
    """
    chance = random.Random("shares")
    places = [
        chance.randrange(number, EVENTS) if chance.random() < 1 / LATE_ONE_IN else number
        for number in range(EVENTS)
    ]
    return [
        [
            events[number]
            for _, number in sorted(
                (places[number] + chance.randrange(EVENTS // 15), number)
                for number in range(EVENTS)
                if number % CLIENTS == client or chance.random() < 1 / 2
            )
        ]
        for client in range(CLIENTS)
    ]


def customer_name(number: int) -> str:
    return f"acct-{number:02}"


class Fire:
    """A sandbox project on the running server, and what its server answered."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answers: Counter[str] = Counter()
        self.key = server.create_project(
            "fire", "--currency", "USD", "--mode", "sandbox", "--clock", rfc3339(START),
            # Usage of weeks to come is accepted from the first moment on; a document is final at
            # its boundary, by a run that takes its bound while usage of the period comes in.
            "--settings", '{"future_event_tolerance": "P60D", "finalization_grace": "PT0S"}',
        )  # fmt: skip

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """An answer that is neither a broken connection nor 503; those are repeated."""
        stop_at = time.monotonic() + LIMIT_S
        while time.monotonic() < stop_at:
            try:
                answer = self.server.call(method, f"/api/v1{path}", body, key=self.key)
            except OSError as error:
                self.answers[type(error).__name__] += 1
            else:
                self.answers[str(answer.status)] += 1
                if answer.status != 503:
                    assert answer.status < FAILURE, (answer, self.server.log.read_text()[-5000:])
                    return answer
            time.sleep(0.2)
        raise AssertionError(f"no answer in {LIMIT_S} s: {self.answers}")

    def post(self, path: str, body: Any) -> Any:
        answer = self.call("POST", path, body)
        assert answer.status in {200, 201, 202}, answer
        return answer.body

    def set_up(self) -> None:
        call = {"event_type": "call"}
        self.post("/meters", {"code": "calls", "aggregation": "count", **call})
        tokens = {"code": "tokens", "aggregation": "sum", "value_property": "tokens"}
        self.post("/meters", tokens | call)
        prices = [
            {"code": "fee", "kind": "recurring", "model": "flat", "amount": "5.00"},
            *(
                {"code": meter, "kind": "usage", "meter": meter, "model": "per_unit",
                 "unit_amount": f"0.{CENTS[meter]:02}"}
                for meter in METERS
            ),
        ]  # fmt: skip
        self.post("/plans", {"code": "week", "interval": "week", "prices": prices})
        for number in range(CUSTOMERS):
            name = customer_name(number)
            self.post("/customers", {"external_id": name, "name": name})
            self.post(
                "/subscriptions",
                {
                    "external_id": f"sub-{name}",
                    "customer": name,
                    "plan": "week",
                    # Boundaries on every day of the week.
                    "start_at": rfc3339(START - timedelta(days=number % 7)),
                },
            )
        self.move_clock(START)

    def move_clock(self, to: datetime) -> None:
        while self.call("POST", "/clock", {"to": rfc3339(to)}).status == 202:
            pass


@contextmanager
def workers_killed(server: Server) -> Iterator[list[int]]:
    """Kill a web worker every second or so; the list grows with the killed ones."""
    killed: list[int] = []
    over = threading.Event()
    chance = random.Random("kill")
    children = Path(f"/proc/{server.process_id}/task/{server.process_id}/children")

    def kill() -> None:
        while not over.wait(chance.uniform(0.5, 1.5) * KILL_EVERY_S):
            if workers := children.read_text().split():
                killed.append(int(chance.choice(workers)))
                os.kill(killed[-1], signal.SIGKILL)

    chaos = threading.Thread(target=kill)
    chaos.start()
    try:
        yield killed
    finally:
        over.set()
        chaos.join()


def bill_while_they_send(fire: Fire, sending: Sequence[Future[Report]]) -> None:
    """Until all was sent the clock keeps a day ahead of the usage that is stored, so that each
    document is issued while events of its period come in; and runs are asked for.
    """
    while not all(one.done() for one in sending):
        time.sleep(PAUSE_S)
        stored = UsageEvent.objects.count()
        fire.move_clock(START + (USED_UNTIL - START) * stored // EVENTS + AHEAD)
        fire.post("/billing-runs", {})
        assert_windows_are_right(run_bounds()[-1:])


def wait_for_open_runs() -> None:
    """Until those are over whose web worker was killed: somebody takes them up."""
    stop_at = time.monotonic() + LIMIT_S
    open_runs = BillingRun.objects.filter(status__in=BillingRun.UNFINISHED)
    while open_runs.exists():
        assert time.monotonic() < stop_at, list(open_runs.values())
        time.sleep(PAUSE_S)


def run_bounds() -> list[ArrivalBound]:
    """The bounds of all runs and of all invoices, each once, in order."""
    rows = [
        row
        for model in (BillingRun, Invoice)
        for row in model.objects.order_by().values_list("bound_event", "bound_retraction")
    ]
    return [ArrivalBound(*row) for row in sorted(set(rows))]


def assert_windows_are_right(bounds: Sequence[ArrivalBound]) -> None:
    """At each bound the totals from windows are those of the raw events: for a quarter of the
    customers, each quarter in turn.
    """
    project, meters = Project.objects.get(), list(Meter.objects.all())
    subjects = list(Subject.objects.order_by("pk").values_list("pk", flat=True))
    for turn, bound in enumerate(bounds):
        needs = [
            UsageNeed(subject, meter.pk, "UTC", START, USED_UNTIL, None)
            for subject in subjects[turn % 4 :: 4]
            for meter in meters
        ]
        windows = usage_of(project, needs, bound=bound, source="windows")
        assert windows == usage_of(project, needs, bound=bound, source="raw"), bound


def billed_units() -> Counter[tuple[str, str]]:
    """What each customer was billed of each meter, by all usage lines and their corrections."""
    units: Counter[tuple[str, str]] = Counter()
    lines = InvoiceLine.objects.filter(kind__in=["usage", "correction"]).select_related(
        "invoice__customer", "transfer__debit_account"
    )
    for line in lines:
        cents = line_amount(line, "USD").minor
        assert cents % CENTS[line.price] == 0, line
        units[line.invoice.customer.external_id, line.price] += cents // CENTS[line.price]
    return units


def used_units(events: Sequence[dict[str, Any]]) -> Counter[tuple[str, str]]:
    units: Counter[tuple[str, str]] = Counter()
    for event in events:
        units[event["subject"], "calls"] += 1
        units[event["subject"], "tokens"] += event["data"]["tokens"]
    return units


def assert_each_event_was_stored_once(
    events: Sequence[dict[str, Any]], reports: Sequence[Report]
) -> None:
    assert [fault for report in reports for fault in report.faults] == []
    answered = sum((report.answers for report in reports), Counter[str]())
    assert {name for name in answered if name.isdigit()} <= {"200", "503"}, answered
    told = Counter(name for report in reports for name in report.accepted)
    assert set(told.values()) <= {1}, "an event was accepted twice"
    stored = Counter(UsageEvent.objects.values_list("source", "event_id"))
    assert stored == Counter((event["source"], event["id"]) for event in events)
    assert told.keys() <= stored.keys()
    assert not FailedEvent.objects.exists()


def test_each_event_is_stored_and_billed_once(database_url: str, tmp_path: Path) -> None:
    events = made_events()
    # The code is loaded once, in the master, so that a killed worker is replaced at once.
    options = ("--preload", "--workers", "4", "--threads", "4", "--no-control-socket")
    with (
        running(database_url, tmp_path / "server.log", *options) as server,
        database_named(database_url.rpartition("/")[2]),
    ):
        fire = Fire(server)
        fire.set_up()
        port = int(server.url.rpartition(":")[2])
        with (
            fleet(server, tmp_path / "background.log") as background,
            ProcessPoolExecutor(CLIENTS, mp_context=get_context("spawn")) as clients,
            workers_killed(server) as killed,
        ):
            # They rebuild windows as usage comes in, and take up what dead web workers had begun.
            background.worker("one")
            background.schedule()
            sending = [
                clients.submit(send_all, port, fire.key, share, seed)
                for seed, share in enumerate(shares(events))
            ]
            bill_while_they_send(fire, sending)
            reports = [one.result() for one in sending]
            wait_for_open_runs()
        assert len(killed) > 5
        assert_each_event_was_stored_once(events, reports)
        bounds = run_bounds()
        assert len(bounds) > 3
        assert_windows_are_right(bounds)
        fire.move_clock(LATER)
        assert not RunItem.objects.filter(state=RunItem.State.FAILED).exists()
        assert InvoiceLine.objects.filter(kind="correction").exists()
        assert billed_units() == used_units(events)
        assert number_gaps(Project.objects.get()) == []
        assert "no difference" in server.manage("verify", "--project", "fire")
        assert "incident" not in server.log.read_text(), "a fault of ours, which is answered by 500"
