"""One customer that cannot be billed parks, with the evidence, and holds back nobody."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from billing.models import BillingRun, Invoice, RunChunk, RunItem
from billing.selectors.runs import claimable_chunks
from billing.services import chunks
from billing.services.runs import COMPLETED
from billing.services.steps import bill_step
from billing.tally import Tally
from billing.tasks import plan_billing_run, sweep, tick
from neruba import clock
from neruba.backoff import DELAYS
from neruba.errors import RetryableError
from neruba.models import AuditRecord, Customer, Lease, OutboxMessage
from neruba.outbox import Handler, register_handler, unregister_handler
from tests.billing.runs.stories import (
    TOO_MUCH,
    chunks_of,
    customers_of_a_month,
    live,
    mend,
    numbers,
    planned,
    use,
    work_off,
)
from tests.billing.sandbox import Sandbox

pytestmark = pytest.mark.django_db

CAUSE = "InvariantError: invoice.issue:period:sub-huge:1:1:1: an amount of"


def with_one_parked() -> tuple[Sandbox, dict[str, object]]:
    sandbox = customers_of_a_month("anna", "huge", "zoe")
    use(sandbox, "huge", TOO_MUCH)
    sandbox.clock("2026-02-01T01:00:00Z")
    return sandbox, sandbox.get("/billing-runs")["data"][-1]


def test_everybody_else_is_billed_and_the_cause_is_kept() -> None:
    sandbox, run = with_one_parked()
    assert run["status"] == "completed"
    assert run["counts"] == {"due": 3, "invoiced": 0, "finalized": 2, "unchanged": 3, "failed": 1}
    assert run["progress"] == {"customers": 3, "done": 3, "failed": 1}
    (parked,) = sandbox.get(f"/billing-runs/{run['id']}/items?status=failed")["data"]
    assert parked["customer"] == "huge"
    assert parked["cause"].startswith(CAUSE)
    assert (parked["documents"], parked["attempts"], parked["retry_at"]) == (1, 1, None)
    assert "Traceback" in RunItem.objects.get(state="failed").evidence
    assert "Traceback" not in str(parked)
    assert numbers(sandbox.project) == [1, 2, 3, 4, 5]
    assert Invoice.objects.filter(status="draft").count() == 1
    assert not Lease.objects.exists()


def test_the_clock_goes_on_past_a_parked_customer_and_tries_again_at_each_instant() -> None:
    sandbox, _ = with_one_parked()
    sandbox.clock("2026-03-01T01:00:00Z")
    later = sandbox.get("/billing-runs")["data"][2:]
    assert [run["counts"]["failed"] for run in later] == [1, 1, 2, 2], "documents that wait"
    assert later[-1]["counts"]["finalized"] == 2
    mend(sandbox, "huge")
    sandbox.clock("2026-04-01T01:00:00Z")
    assert numbers(sandbox.project) == list(range(1, 13))
    assert not RunItem.objects.filter(state="failed").exists()
    assert RunItem.objects.filter(state="superseded").exists()


def test_a_retry_bills_what_was_parked_and_nothing_else() -> None:
    sandbox, run = with_one_parked()
    mend(sandbox, "huge")
    path = f"/billing-runs/{run['id']}/retry"
    again = sandbox.post(path, {"reason": "the usage was a mistake"}, 202)
    assert again["status"] == "completed"
    assert again["counts"] == {"due": 3, "invoiced": 0, "finalized": 3, "unchanged": 3, "failed": 0}
    assert numbers(sandbox.project) == [1, 2, 3, 4, 5, 6]
    assert AuditRecord.objects.get(action="billing_run.retried").reason == "the usage was a mistake"
    sandbox.post(path, {}, 409)
    assert numbers(sandbox.project) == [1, 2, 3, 4, 5, 6]


def test_a_retry_that_fails_again_parks_again() -> None:
    sandbox, run = with_one_parked()
    again = sandbox.post(f"/billing-runs/{run['id']}/retry", {}, 202)
    assert (again["counts"]["failed"], again["counts"]["finalized"]) == (1, 2)
    assert again["fingerprint"] == run["fingerprint"]


def test_a_live_project_tries_again_by_itself_later_each_time_and_then_waits_for_a_person() -> None:
    sandbox, _ = with_one_parked()
    with time_machine.travel("2026-02-02T00:00:00Z", tick=False) as traveller:
        project = live(sandbox)
        RunItem.objects.all().delete()
        run = work_off(planned(project))
        for number, delay in enumerate(DELAYS, 1):
            item = RunItem.objects.get()
            assert (item.state, item.attempts) == ("failed", number)
            assert item.due_at == clock.wall() + delay
            traveller.shift(delay - timedelta(seconds=1))
            sweep()
            assert not RunChunk.objects.filter(run=run, state="open").exists()
            traveller.shift(timedelta(seconds=1))
            sweep()
            plan_billing_run(run.pk)
            run = work_off(run)
        item = RunItem.objects.get()
        assert (item.attempts, item.due_at) == (len(DELAYS) + 1, None)
        assert run.status == BillingRun.Status.COMPLETED


def test_the_schedule_leaves_parked_customers_to_their_own_time() -> None:
    sandbox, _ = with_one_parked()
    with time_machine.travel("2026-02-02T00:00:00Z", tick=False):
        live(sandbox)
        runs = BillingRun.objects.count()
        tick()
        assert BillingRun.objects.count() == runs
        mend(sandbox, "huge")
        use(sandbox, "huge", 5, at="2026-02-01T10:00:00Z")
    with time_machine.travel("2026-03-01T02:00:00Z", tick=False):
        tick()
        run = BillingRun.objects.get(trigger="schedule")
        tick()
        assert BillingRun.objects.filter(trigger="schedule").count() == 1, "one at a time"
        sweep()  # nobody planned it: its message was lost
    assert run.customers is None


def test_a_passing_failure_is_tried_again_and_parks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = customers_of_a_month("anna", "zoe")
    run = planned(sandbox.now_at("2026-02-01T01:00:00Z"))
    in_the_way = [RetryableError("Other work holds the same rows; try again.")]

    def step(*args: Any, **kwargs: Any) -> Tally | None:
        if in_the_way:
            raise in_the_way.pop()
        return bill_step(*args, **kwargs)

    monkeypatch.setattr(chunks, "bill_step", step)
    assert work_off(run).status == "running"
    (chunk,) = chunks_of(run)
    assert (chunk.state, chunk.attempts) == ("open", 1)
    assert chunk.cause == "RetryableError: Other work holds the same rows; try again."
    assert chunk.due_at is not None
    assert list(claimable_chunks(run, chunk.due_at - timedelta(seconds=1))) == []
    assert list(claimable_chunks(run, chunk.due_at)) == [chunk]
    assert work_off(run).status == "completed"
    assert not RunItem.objects.filter(state="failed").exists()
    assert numbers(sandbox.project) == [1, 2, 3, 4]


class Killed(BaseException):
    pass


def test_a_customer_on_whom_the_worker_dies_is_found_and_parked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox = customers_of_a_month("anna", "huge", "zoe")
    run = planned(sandbox.now_at("2026-02-01T01:00:00Z"))
    deadly = Customer.objects.get(external_id="huge").pk

    def step(run: BillingRun, customers: Sequence[int], **kwargs: Any) -> Tally | None:
        if deadly in customers:
            raise Killed
        return bill_step(run, customers, **kwargs)

    monkeypatch.setattr(chunks, "bill_step", step)
    deaths = 0
    while BillingRun.objects.get(pk=run.pk).status != "completed":
        try:
            work_off(run)
        except Killed:
            deaths += 1
    assert deaths == chunks.ATTEMPTS_TOGETHER + chunks.ATTEMPTS_ALONE
    item = RunItem.objects.get(run=run, state="failed")
    assert (item.customer.external_id, item.cause) == ("huge", chunks.DIED)
    assert numbers(sandbox.project) == [1, 2, 3, 4, 5]


def test_the_end_of_a_run_is_told_once_each_time_it_ends() -> None:
    heard: list[str] = []
    handler = Handler(COMPLETED, "test", lambda _project, news: heard.append(str(news["failed"])))
    register_handler(handler)
    try:
        sandbox, run = with_one_parked()
        mend(sandbox, "huge")
        sandbox.post(f"/billing-runs/{run['id']}/retry", {}, 202)
    finally:
        unregister_handler(COMPLETED, "test")
    told = OutboxMessage.objects.filter(topic=COMPLETED, key__startswith=str(run["id"])).order_by(
        "pk"
    )
    assert [json.loads(message.payload)["failed"] for message in told] == [1, 0]
