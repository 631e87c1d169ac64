"""Background work of billing. Tasks are thin: they find what is due, and call a service.

All that they do is derivable from the database: a lost message costs the time until the next sweep.
"""

from datetime import timedelta
from functools import partial

from celery import shared_task

from billing.execution import begin
from billing.models import BillingRun, RunChunk
from billing.selectors.runs import (
    chunks_held,
    claimable_chunks,
    has_work,
    projects_to_bill,
    runs_at_work,
    runs_to_retry,
)
from billing.selectors.verify import verify_newest
from billing.services.chunks import work_on_chunk
from billing.services.runs import complete_run, create_run, retry_run
from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import Failure, outcome_of, run_atomic
from neruba.errors import ConflictError
from neruba.models import Project
from neruba.nudge import nudge
from neruba.ops.invariants import keep_check
from neruba.owner import worker_name
from neruba.services.leases import release_lease, take_lease

SCHEDULE_LEASE = "billing schedule"
SAMPLE = "sample"
SAMPLING_TIME = timedelta(minutes=1)


@shared_task
def plan_billing_run(run_id: int) -> None:
    """Divide a run into chunks, and give them to the workers."""
    run = BillingRun.objects.select_related("project").get(pk=run_id)
    begin(run, at=clock.now(run.project))
    _hand_out(run)


def _hand_out(run: BillingRun) -> None:
    """A message for each chunk that waits; a run that has none left is completed."""
    run = run_atomic(partial(complete_run, run, at=clock.now(run.project)))
    if run.status == BillingRun.Status.RUNNING:
        for chunk in claimable_chunks(run, clock.wall()):
            nudge(bill_run_chunk, chunk.pk)


@shared_task
def bill_run_chunk(chunk_id: int) -> None:
    """Bill a chunk, unless it is done or another worker holds it; the last completes the run."""
    chunk = RunChunk.objects.select_related("run__project").get(pk=chunk_id)
    if chunk.state == RunChunk.State.OPEN:
        at = max(clock.now(chunk.run.project), chunk.run.as_of)
        work_on_chunk(chunk, owner=worker_name(), at=at, wall=clock.wall)
    run_atomic(partial(complete_run, chunk.run, at=clock.now(chunk.run.project)))


@shared_task
def tick() -> None:
    """Begin the runs that are due in live projects; sandboxes bill when their clock is moved."""
    for project in projects_to_bill():
        outcome_of(partial(schedule_run, project))


def schedule_run(project: Project) -> BillingRun | None:
    """Begin a run as of now where anything is due, nobody else does, and none is at work."""
    held = take_lease(project=project, name=SCHEDULE_LEASE, owner=worker_name(), at=clock.wall())
    if held is None:
        return None
    try:
        at = clock.now(project)
        if not has_work(project, at):
            return None
        run = run_atomic(
            partial(
                create_run,
                project=project,
                as_of=at,
                customers=None,
                dry_run=False,
                trigger=BillingRun.Trigger.SCHEDULE,
                actor=SYSTEM,
                at=at,
            )
        )
        nudge(plan_billing_run, run.pk)
        return run
    finally:
        release_lease(held)


@shared_task
def sweep() -> None:
    """Find what was begun and is not done: its message was lost, or its worker died.

    Runs that nobody planned, chunks that nobody holds, runs whose last worker died before it could
    complete them, parked customers whose next try has come.
    """
    wall = clock.wall()
    for run in runs_at_work():
        outcome_of(partial(_take_up, run))
    for run in runs_to_retry(wall):
        retry = partial(
            retry_run,
            run=run,
            reason="its time has come",
            actor=SYSTEM,
            at=clock.now(run.project),
            due_by=wall,
        )
        try:
            run_atomic(retry)
        except ConflictError:
            continue  # another sweep was there first
        nudge(plan_billing_run, run.pk)


def _take_up(run: BillingRun) -> None:
    """Send what was forgotten; while somebody holds a chunk of a run its messages are on their
    way.
    """
    if run.status == BillingRun.Status.PENDING:
        nudge(plan_billing_run, run.pk)
    elif not chunks_held(run, clock.wall()):
        _hand_out(run)


@shared_task
def verify_sample() -> int:
    """Look at the newest invoices and entries of the live projects, and keep what that came to for
    `/metrics`; returns the number of differences.

    The projects come in another order each time, until the time is up: none is left out for long.
    """
    stop_at = clock.wall() + SAMPLING_TIME
    checked, differences = 0, list[str]()
    for project in Project.objects.filter(mode=Project.Mode.LIVE).order_by("?"):
        if clock.wall() > stop_at:
            break
        sample = outcome_of(partial(verify_newest, project))
        if not isinstance(sample, Failure):
            checked += sample.checked
            differences += [f"{project.slug}: {one}" for one in sample.differences]
        elif not sample.passes:
            differences.append(f"{project.slug}: cannot be verified, {sample.cause}")
    keep_check(SAMPLE, checked=checked, differences=differences, at=clock.wall())
    return len(differences)
