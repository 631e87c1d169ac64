"""Chunks on workers: any number, in any order, each step once; what is forgotten is found."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from billing.execution import execute_run
from billing.models import BillingRun, Invoice, RunChunk
from billing.services.steps import bill_step
from billing.tally import Tally
from billing.tasks import bill_run_chunk, plan_billing_run, sweep, tick
from ingest.models import DirtyMark, UsageWindow
from ingest.tasks import rebuild_all_marked, rebuild_project_windows
from neruba import clock
from neruba.models import Lease
from neruba.services.leases import lease_time, take_lease
from tests.billing.runs.stories import (
    chunks_of,
    customers_of_a_month,
    live,
    numbers,
    planned,
    run_of,
    use,
    work_off,
)
from tests.billing.sandbox import BASE, Sandbox, started

pytestmark = pytest.mark.django_db

NAMES = [f"c{number:02d}" for number in range(7)]
DUE = "2026-02-01T01:00:00Z"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: object) -> list[str]:
    """The tasks that are nudged, in place of a broker."""
    found: list[str] = []

    def note(task: object, *arguments: object) -> None:
        found.append(f"{getattr(task, 'name', '').rpartition('.')[2]} {arguments[0]}")

    for module in ("billing.tasks", "billing.api.runs", "ingest.tasks"):
        monkeypatch.setattr(f"{module}.nudge", note)
    return found


def one_by_one(sandbox: Sandbox) -> BillingRun:
    return planned(sandbox.now_at(DUE), chunk=2)


def test_chunks_in_any_order_and_twice_bill_each_customer_once() -> None:
    sandbox = customers_of_a_month(*NAMES)
    run = one_by_one(sandbox)
    chunks = chunks_of(run)
    assert [chunk.customers for chunk in chunks] == [2, 2, 2, 1]
    order = chunks * 2
    random.Random(7).shuffle(order)
    run = work_off(run, order)
    assert (run.status, run.finalized, run.due) == ("completed", 7, 7)
    assert numbers(sandbox.project) == list(range(1, 15))
    alone = customers_of_a_month(*NAMES)
    alone.clock(DUE)
    assert BillingRun.objects.filter(project=alone.project).latest("pk").fingerprint == (
        run.fingerprint
    )


def test_a_chunk_that_another_worker_holds_is_left_to_it() -> None:
    sandbox = customers_of_a_month(*NAMES)
    run = one_by_one(sandbox)
    first = chunks_of(run)[0]
    held = take_lease(
        project=sandbox.project, name=first.lease_name, owner="other", at=clock.wall()
    )
    assert held is not None
    run = work_off(run)
    assert (run.status, RunChunk.objects.get(pk=first.pk).state) == ("running", "open")
    with time_machine.travel(clock.wall() + lease_time()):
        run = work_off(run, [first])
    assert (run.status, run.finalized) == ("completed", 7)
    assert not Lease.objects.exists()


def test_the_foreground_does_what_workers_leave_and_reports_how_far_it_is() -> None:
    sandbox = customers_of_a_month(*NAMES)
    run = one_by_one(sandbox)
    bill_run_chunk(chunks_of(run)[1].pk)
    seen: list[tuple[int, int]] = []
    assert sandbox.project.clock_at is not None
    run = execute_run(run, at=run.as_of, progress=lambda done, of: seen.append((done, of)))
    assert run.status == "completed"
    assert seen == [(2, 7), (4, 7), (6, 7), (7, 7)]


def test_the_foreground_stops_when_told_and_goes_on_when_called_again() -> None:
    sandbox = customers_of_a_month(*NAMES)
    run = one_by_one(sandbox)
    run = execute_run(run, at=run.as_of, go_on=lambda: False)
    assert (run.status, Invoice.objects.filter(run=run).count()) == ("running", 2)
    body = sandbox.get(f"/billing-runs/{run.public_id}")
    assert body["progress"] == {"customers": 7, "done": 2, "failed": 0}
    assert (body["counts"]["finalized"], body["status"]) == (2, "running")
    assert execute_run(run, at=run.as_of).finalized == 7


def test_a_clock_that_ran_out_of_time_goes_on_with_the_same_run() -> None:
    sandbox = customers_of_a_month(*NAMES)
    run = planned(sandbox.now_at(DUE), chunk=2, trigger=BillingRun.Trigger.CLOCK)
    work_off(run, chunks_of(run)[:1])
    sandbox.clock(DUE)
    run.refresh_from_db()
    assert (run.status, run.finalized) == ("completed", 7)
    clocked = BillingRun.objects.filter(trigger="clock", as_of=run.as_of)
    assert list(clocked) == [run]


def test_a_run_of_a_live_project_is_left_to_workers(sent: list[str]) -> None:
    sandbox = customers_of_a_month(*NAMES)
    with time_machine.travel("2026-02-01T02:00:00Z", tick=False):
        live(sandbox)
        body = sandbox.post("/billing-runs", {}, 202)
        assert (body["status"], body["progress"]["customers"]) == ("pending", 0)
        run = BillingRun.objects.get(public_id=body["id"])
        assert sent == [f"plan_billing_run {run.pk}"]
        plan_billing_run(run.pk)
        assert sent[1:] == [f"bill_run_chunk {chunk.pk}" for chunk in chunks_of(run)]
        assert work_off(run).status == "completed"


def test_the_sweep_finds_what_nobody_works_on(sent: list[str]) -> None:
    sandbox = customers_of_a_month(*NAMES)
    pending = run_of(sandbox.now_at(DUE), customers=["c00"])
    stuck = one_by_one(sandbox)
    first, *others = chunks_of(stuck)
    sweep()
    assert sent == [
        f"plan_billing_run {pending.pk}",
        *(f"bill_run_chunk {chunk.pk}" for chunk in (first, *others)),
    ]
    sent.clear()
    take_lease(project=sandbox.project, name=first.lease_name, owner="worker", at=clock.wall())
    sweep()
    assert sent == [f"plan_billing_run {pending.pk}"], "its messages are on their way"
    sent.clear()
    with time_machine.travel(clock.wall() + lease_time() + timedelta(seconds=1)):
        sweep()
    assert len(sent) == 1 + len([first, *others]), "its worker was not heard of again"


def test_the_sweep_completes_a_run_whose_last_worker_died(sent: list[str]) -> None:
    sandbox = customers_of_a_month(*NAMES)
    run = work_off(one_by_one(sandbox))
    BillingRun.objects.update(status="running", fingerprint="", finished_at=None)
    sweep()
    again = BillingRun.objects.get(pk=run.pk)
    assert (again.status, again.fingerprint) == ("completed", run.fingerprint)


def test_a_run_that_cannot_be_planned_fails_with_the_cause_and_can_be_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox = customers_of_a_month("anna")
    run = run_of(sandbox.now_at(DUE))
    with monkeypatch.context() as patched:
        patched.setattr("billing.services.runs.customers_due", lambda *_: 1 / 0)
        plan_billing_run(run.pk)
    body = sandbox.get(f"/billing-runs/{run.public_id}")
    assert (body["status"], body["error"]) == ("failed", "ZeroDivisionError: division by zero")
    assert sandbox.post(f"/billing-runs/{run.public_id}/retry", {}, 202)["status"] == "completed"
    assert numbers(sandbox.project) == [1, 2]


def test_the_schedule_bills_live_projects_when_something_is_due(sent: list[str]) -> None:
    sandbox = customers_of_a_month(*NAMES)
    customers_of_a_month("anna")  # a sandbox, which bills when its clock is moved
    with time_machine.travel("2026-02-01T02:00:00Z", tick=False):
        project = live(sandbox)
        tick()
        (run,) = BillingRun.objects.filter(trigger="schedule")
        assert (run.project, run.as_of) == (project, clock.wall())
        assert sent == [f"plan_billing_run {run.pk}"]
        plan_billing_run(run.pk)
        assert work_off(run).finalized == 7
        tick()
        assert BillingRun.objects.filter(trigger="schedule").count() == 1


def test_windows_follow_usage(sent: list[str]) -> None:
    sandbox = customers_of_a_month("anna", "zoe")
    other = customers_of_a_month("anna")
    UsageWindow.objects.all().delete()
    for made in (sandbox, other):
        use(made, "anna", 2, at="2026-01-20T00:00:00Z")
    assert DirtyMark.objects.count() == 2
    rebuild_all_marked()
    assert sent == [f"rebuild_project_windows {made.project.pk}" for made in (sandbox, other)]
    assert rebuild_project_windows(sandbox.project.pk) == 1
    assert list(DirtyMark.objects.values_list("project", flat=True)) == [other.project.pk]
    assert rebuild_project_windows(sandbox.project.pk) == 0
    take_lease(project=other.project, name="windows", owner="worker", at=clock.wall())
    assert rebuild_project_windows(other.project.pk) == 0


def test_customers_with_other_anniversaries_are_billed_in_the_same_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[int] = []

    def counted(run: BillingRun, customers: Sequence[int], **kwargs: Any) -> Tally | None:
        steps.append(len(customers))
        return bill_step(run, customers, **kwargs)

    monkeypatch.setattr("billing.services.chunks.bill_step", counted)
    taken = []
    for start in ("2026-01-05T00:00:00Z", "2026-01-{:02d}T00:00:00Z"):
        sandbox = started(BASE)
        for number in range(6):
            name = f"c{number}"
            sandbox.customer(name)
            sandbox.subscribe(f"sub-{name}", customer=name, start_at=start.format(number + 1))
        sandbox.clock("2026-01-06T00:00:00Z")
        steps.clear()
        run = work_off(planned(sandbox.now_at("2026-04-20T00:00:00Z")))
        assert (run.status, run.finalized) == ("completed", 3 * 6)
        assert numbers(sandbox.project) == list(range(1, 25))
        taken.append(len(steps))
    assert taken == [4, 4], "three boundaries of each, and the end"
