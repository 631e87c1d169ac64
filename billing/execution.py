"""Driving a run to its end: by workers, or in the foreground, where it does what workers would.

Here the clocks are read that services are handed.
"""

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

from billing.models import BillingRun, RunChunk
from billing.selectors.runs import claimable_chunks
from billing.services.chunks import work_on_chunk
from billing.services.runs import complete_run, create_run, fail_run, plan_run
from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import Failure, outcome_of, run_atomic
from neruba.models import Project
from neruba.owner import worker_name

WAIT_S = 0.05

Clock = Callable[[], datetime]


def begin(run: BillingRun, *, at: datetime) -> None:
    """Plan a run; one that cannot be planned fails with the cause, for a person to see."""
    outcome = outcome_of(partial(plan_run, run))
    if isinstance(outcome, Failure) and not outcome.passes:
        run_atomic(partial(fail_run, run, cause=outcome.cause, at=at))


def execute_run(
    run: BillingRun,
    *,
    at: datetime,
    wall: Clock = clock.wall,
    go_on: Callable[[], bool] = lambda: True,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> BillingRun:
    """Work on a run in the foreground, beside whatever workers do, until it is over or `go_on()`
    says stop, which is asked after each chunk; return it as it stands then.

    `at` is the project's time, `wall` tells the real one. `progress(done, of)` is told the number
    of customers. What breaks off stays open: workers, or the same call again, go on from there.
    """
    begin(run, at=at)
    chunks = RunChunk.objects.filter(run=run)
    while True:
        run = run_atomic(partial(complete_run, run, at=at))
        counts = list(chunks.values_list("state", "customers"))
        done = sum(count for state, count in counts if state == RunChunk.State.DONE)
        progress(done, sum(count for _, count in counts))
        if run.is_over or (done and not go_on()):
            return run
        chunk = claimable_chunks(run, wall()).first()
        if chunk is not None:
            work_on_chunk(chunk, owner=worker_name(), at=at, wall=wall)
        elif not go_on():
            return run
        else:
            time.sleep(WAIT_S)  # others are at work on what is left, or it waits for its next try


def bill_to(project: Project, at: datetime, go_on: Callable[[], bool]) -> bool:
    """Bill what is due by `at` in a sandbox whose clock has come there; False where `go_on()`
    stopped it. Doing it again goes on with the same run.
    """
    trigger = BillingRun.Trigger.CLOCK
    begun = BillingRun.objects.filter(project=project, trigger=trigger, as_of=at)
    run = begun.filter(status__in=BillingRun.UNFINISHED).select_related("project").last()
    if run is None:
        run = run_atomic(
            partial(
                create_run,
                project=project,
                as_of=at,
                customers=None,
                dry_run=False,
                trigger=trigger,
                actor=SYSTEM,
                at=at,
            )
        )
    return execute_run(run, at=at, go_on=go_on).is_over
