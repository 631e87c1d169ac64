"""Real workers and schedules: two of each, one killed, every message lost in the middle; the
outcome is that of one quiet process.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.processes import fleet
from tests.e2e.server import Server

CUSTOMERS = 24
AS_OF = "2026-05-01T12:00:00Z"
PATIENCE_S = 90
FEE = {"code": "base", "kind": "recurring", "model": "flat", "amount": "30.00"}
CALLS = {
    "code": "calls",
    "kind": "usage",
    "meter": "calls",
    "model": "per_unit",
    "unit_amount": "0.25",
}


class Project:
    """A live project with customers to be caught up with since February."""

    def __init__(self, server: Server, slug: str) -> None:
        self.server, self.slug = server, slug
        self.key = server.create_project(slug, "--currency", "USD")
        meter = {"code": "calls", "event_type": "calls", "aggregation": "count"}
        self.call("POST", "/meters", meter, 201)
        self.call(
            "POST", "/plans", {"code": "pro", "interval": "month", "prices": [FEE, CALLS]}, 201
        )
        for number in range(CUSTOMERS):
            self.subscribe(f"c{number:02d}")
        events = [
            {"id": f"{number}-{n}", "source": "test", "type": "calls", "subject": f"c{number:02d}",
             "time": f"2026-0{2 + n % 3}-1{n % 7}T00:00:00Z"}
            for number in range(CUSTOMERS) for n in range(number % 5)
        ]  # fmt: skip
        self.call("POST", "/events/batch", {"events": events}, 200)

    def subscribe(self, name: str) -> None:
        self.call("POST", "/customers", {"external_id": name, "name": name}, 201)
        body = {"external_id": f"sub-{name}", "customer": name, "plan": "pro",
                "start_at": "2026-02-05T00:00:00Z", "anchor": "calendar"}  # fmt: skip
        self.call("POST", "/subscriptions", body, 201)

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.server.call(method, f"/api/v1{path}", body, key=self.key)
        assert answer.status == status, answer
        return answer.body

    def run(self, run_id: str) -> Any:
        return self.call("GET", f"/billing-runs/{run_id}")

    def invoices(self) -> list[Any]:
        found: list[Any] = self.call("GET", "/invoices?limit=1000")["data"]
        return [invoice for invoice in found if invoice["number"]]


def wait_for(what: str, is_so: Callable[[], Any], log: Path) -> Any:
    stop_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < stop_at:
        if found := is_so():
            return found
        time.sleep(0.1)
    raise AssertionError(f"never came: {what}\n{log.read_text()[-6000:]}")


def quiet_fingerprint(server: Server) -> str:
    """What one process in the foreground comes to."""
    Project(server, "quiet")
    return str(
        json.loads(server.manage("bill", "--project", "quiet", "--as-of", AS_OF))["fingerprint"]
    )


def test_two_workers_and_two_schedules_with_a_kill_and_a_lost_broker_bill_once(
    server: Server, tmp_path: Path
) -> None:
    expected = quiet_fingerprint(server)
    log = tmp_path / "background.log"
    project = Project(server, "busy")
    with fleet(server, log) as background:
        doomed, _ = background.worker("one"), background.worker("two")
        background.schedule()
        background.schedule()
        run_id = project.call("POST", "/billing-runs", {"as_of": AS_OF}, 202)["id"]
        wait_for("a first chunk", lambda: project.run(run_id)["progress"]["done"], log)
        background.kill(doomed)
        background.empty_broker()
        background.worker("three")

        def completed() -> Any:
            run = project.run(run_id)
            return run if run["status"] == "completed" else None

        run = wait_for("the run's end", completed, log)
        assert run["progress"] == {"customers": CUSTOMERS, "done": CUSTOMERS, "failed": 0}
        assert run["fingerprint"] == expected
        # What the schedule finds by itself, though nobody asked: the months since, and who is new.
        project.subscribe("late-comer")
        newest = "late-comer"

        def billed() -> bool:
            return any(one["customer"] == newest for one in project.invoices())

        wait_for("a scheduled run", billed, log)
        wait_for("the schedule's rest", lambda: not unfinished(project), log)
    numbers = [invoice["number"] for invoice in project.invoices()]
    assert sorted(numbers) == [f"INV-{number:06d}" for number in range(1, len(numbers) + 1)]
    assert "no difference" in server.manage("verify", "--project", "busy")
    again = json.loads(server.manage("bill", "--project", "busy", "--as-of", AS_OF))
    assert (again["fingerprint"], again["counts"]["due"]) == (again["fingerprint"], 0)


def unfinished(project: Project) -> list[Any]:
    runs = project.call("GET", "/billing-runs")["data"]
    return [run for run in runs if run["status"] not in {"completed", "failed"}]


def test_windows_follow_usage_and_the_broker_may_be_away(server: Server, tmp_path: Path) -> None:
    project = Project(server, "windows")
    log = tmp_path / "background.log"
    with fleet(server, log) as background:
        background.worker("one")
        background.schedule()

        def marks() -> int:
            code = "from ingest.models import DirtyMark; print(DirtyMark.objects.count())"
            return int(server.manage("shell", "--verbosity", "0", "-c", code))

        wait_for("windows up to date", lambda: marks() == 0, log)
    query = "customer=c04&meter=calls&from=2026-02-01T00:00:00Z&to=2026-05-01T00:00:00Z"
    (row,) = project.call("GET", f"/usage?{query}")["data"]
    assert (row["quantity"], row["events"]) == ("4", 4)
