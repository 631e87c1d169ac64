"""Billing runs as objects: created, planned into chunks, completed, retried, repeated."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db.models import Max

from billing.locks import lock_run
from billing.models import BillingRun, RunChunk, RunItem
from billing.selectors.late_periods import unread_after_the_end
from billing.selectors.runs import customers_due, finalized_by, fingerprint_of, parked_customers
from billing.services.steps import rebuild_usage
from ingest.services.fence import take_bound
from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import ConflictError, InvalidError
from neruba.ids import new_id
from neruba.inserts import insert_rows
from neruba.models import Customer, Project
from neruba.period import rfc3339
from neruba.services.audit import record
from neruba.services.outbox import announce

COMPLETED = "billing_run.completed"
ITEM_COLUMNS = (
    *("project_id", "run_id", "customer_id", "chunk", "state", "attempts", "documents", "cause"),
    *("evidence", "begun"),
)


def create_run(
    *,
    project: Project,
    as_of: datetime | None,
    customers: Sequence[str] | None,
    dry_run: bool,
    trigger: BillingRun.Trigger,
    actor: Actor,
    at: datetime,
    reason: str = "",
    repeats: BillingRun | None = None,
) -> BillingRun:
    """Note a run as of an instant (left out: now) before it is worked on.

    Raises InvalidError for an instant ahead of the project's time (a dry run may look ahead) and
    for a customer that is not there.
    """
    as_of = as_of or at
    if as_of > at and not dry_run:
        raise InvalidError(
            f"as_of lies ahead of the project's time, {rfc3339(at)}; only a dry run looks ahead.",
            pointer="/as_of",
        )
    known = Customer.objects.filter(project=project, external_id__in=customers or [])
    missing = set(customers or []) - set(known.values_list("external_id", flat=True))
    if missing:
        raise InvalidError(f"There is no customer {min(missing)!r}.", pointer="/customers")
    run = BillingRun.objects.create(
        project=project,
        public_id=new_id("run"),
        as_of=as_of,
        trigger=trigger,
        actor=actor.name,
        customers=sorted(set(customers)) if customers is not None else None,
        dry_run=dry_run,
        repeats=repeats,
        created_at=at,
    )
    if actor.kind != "system":
        details: dict[str, object] = {"as_of": rfc3339(as_of), "dry_run": dry_run}
        if repeats is not None:
            details["repeats"] = repeats.public_id
        record(
            project=project,
            actor=actor,
            action="billing_run.created",
            on=("billing_run", run.public_id),
            at=at,
            reason=reason,
            details=details,
        )
    return run


def repeat_run(
    *, run: BillingRun, trigger: BillingRun.Trigger, actor: Actor, at: datetime, reason: str = ""
) -> BillingRun:
    """Note a run that computes every document due by the same instant again, from raw usage and the
    stored snapshots, and compares; it stores none.

    Raises ConflictError for a run that is not completed, or is itself no more than a rehearsal.
    """
    if run.status != BillingRun.Status.COMPLETED or run.dry_run or run.repeats_id is not None:
        raise ConflictError("Only a completed run that billed can be repeated.")
    return create_run(
        project=run.project,
        as_of=run.as_of,
        customers=run.customers,
        dry_run=False,
        trigger=trigger,
        actor=actor,
        at=at,
        reason=reason,
        repeats=run,
    )


def plan_run(run: BillingRun) -> None:
    """Take the run's bound, and divide the customers for whom anything is due into chunks; a run
    that is retried has its chunks, and takes a new bound, since what was in the way may be mended.

    Several transactions (durable); once planned, doing it again changes nothing.
    """
    project = run.project
    if BillingRun.objects.get(pk=run.pk).status != BillingRun.Status.PENDING:
        return
    bound = take_bound(project)
    # Of an ended subscription nothing is due but what its marks tell of: read those first.
    unread = {period.subscription.customer_id for period in unread_after_the_end(project)}
    if unread and not run.dry_run:
        run_atomic(partial(rebuild_usage, project, sorted(unread)))
    run_atomic(partial(_plan, run.pk, bound.event, bound.retraction))


def fail_run(run: BillingRun, *, cause: str, at: datetime) -> None:
    """End a run that cannot be planned, in the caller's transaction; it waits for a person."""
    locked = lock_run(run.pk)
    if locked.status == BillingRun.Status.PENDING:
        locked.status, locked.error, locked.finished_at = BillingRun.Status.FAILED, cause, at
        locked.save(update_fields=["status", "error", "finished_at"])


def _plan(pk: int, bound_event: int, bound_retraction: int) -> None:
    run = lock_run(pk)
    if run.status != BillingRun.Status.PENDING:
        return
    run.bound_event, run.bound_retraction = bound_event, bound_retraction
    run.status = BillingRun.Status.RUNNING
    if not RunChunk.objects.filter(run=run).exists():
        run.unchanged = finalized_by(run.project, run.as_of).count()
        _divide(run, _customers(run))
    run.save()


def _customers(run: BillingRun) -> list[int]:
    """The customers that the run is about, in order."""
    project = run.project
    scope = None
    if run.customers is not None:
        rows = Customer.objects.filter(project=project, external_id__in=run.customers)
        scope = list(rows.values_list("pk", flat=True))
    if run.repeats_id is not None:
        issued = finalized_by(project, run.as_of).order_by()
        found = set(issued.values_list("customer_id", flat=True).distinct())
        return sorted(found if scope is None else found & set(scope))
    waiting = customers_due(project, run.as_of, scope)
    if run.trigger != BillingRun.Trigger.SCHEDULE:
        return waiting
    # The schedule comes every minute: who is parked has a time of their own for the next try.
    parked = parked_customers(project)
    return [pk for pk in waiting if pk not in parked]


def _divide(run: BillingRun, customers: Sequence[int]) -> None:
    """Chunks of customers, numbered from 1, each customer with an item."""
    size = settings.BILLING_CHUNK
    parts = [customers[start : start + size] for start in range(0, len(customers), size)]
    RunChunk.objects.bulk_create(
        RunChunk(project_id=run.project_id, run=run, number=number, customers=len(part))
        for number, part in enumerate(parts, 1)
    )
    rows = [
        (run.project_id, run.pk, customer, number, RunItem.State.PENDING.value, 0, 0, "", "", 0)
        for number, part in enumerate(parts, 1)
        for customer in part
    ]
    insert_rows(RunItem, ITEM_COLUMNS, rows)


def complete_run(run: BillingRun, *, at: datetime) -> BillingRun:
    """Complete a run of which every chunk is done, in the caller's transaction; return it as it
    stands. `at` is the project's time.
    """
    locked = lock_run(run.pk)
    chunks = RunChunk.objects.filter(run=locked)
    is_open = chunks.filter(state=RunChunk.State.OPEN).exists()
    if locked.status != BillingRun.Status.RUNNING or is_open:
        return locked
    totals: dict[str, int] = {}
    locked.invoiced = locked.finalized = 0
    computed: list[str] = []
    for chunk in chunks:
        locked.invoiced += chunk.invoiced
        locked.finalized += chunk.finalized
        computed += chunk.hashes
        for currency, minor in chunk.totals.items():
            totals[currency] = totals.get(currency, 0) + minor
    parked = RunItem.objects.filter(run=locked, state=RunItem.State.FAILED)
    locked.failed = sum(parked.values_list("documents", flat=True))
    locked.due = locked.finalized + locked.failed
    locked.totals = totals
    locked.fingerprint = _fingerprint(locked, computed)
    locked.status = BillingRun.Status.COMPLETED
    locked.finished_at = at
    locked.save()
    # Told again after a retry, since it ends otherwise.
    occurrence = chunks.aggregate(last=Max("number"))["last"] or 0
    news = {"run": locked.public_id, "failed": locked.failed}
    announce(
        project=locked.project,
        topic=COMPLETED,
        news=[(f"{locked.public_id}:{occurrence}", news)],
    )
    return locked


def _fingerprint(run: BillingRun, computed: Sequence[str]) -> str:
    """Of all documents due by the run's instant: what stands, and for a dry run what it would add;
    for a repetition of what it computed again.
    """
    if run.repeats_id is not None:
        return fingerprint_of(computed)
    stored = finalized_by(run.project, run.as_of).order_by().values_list("content_hash", flat=True)
    return fingerprint_of([*stored.iterator(), *computed])


def retry_run(
    *, run: BillingRun, reason: str, actor: Actor, at: datetime, due_by: datetime | None = None
) -> BillingRun:
    """Try the parked customers of a run again, in a chunk of their own, in the caller's
    transaction; `due_by` (wall time) leaves those that are to be tried later. A run that could not
    be planned begins anew.

    Raises ConflictError where none is parked, or the run is still at work.
    """
    locked = lock_run(run.pk)
    if not locked.is_over:
        raise ConflictError("The run is still at work; wait for it to complete.")
    if locked.status == BillingRun.Status.FAILED:
        locked.status, locked.error, locked.finished_at = BillingRun.Status.PENDING, "", None
        locked.save(update_fields=["status", "error", "finished_at"])
        _note_retry(locked, 0, reason=reason, actor=actor, at=at)
        return locked
    parked = RunItem.objects.filter(run=locked, state=RunItem.State.FAILED)
    if due_by is not None:
        parked = parked.filter(due_at__lte=due_by)
    items = list(parked.order_by("pk"))
    if not items:
        raise ConflictError("None of the run's customers is parked.")
    last = RunChunk.objects.filter(run=locked).aggregate(last=Max("number"))["last"] or 0
    for start in range(0, len(items), settings.BILLING_CHUNK):
        part = items[start : start + settings.BILLING_CHUNK]
        last += 1
        RunChunk.objects.create(
            project_id=locked.project_id, run=locked, number=last, customers=len(part)
        )
        again = RunItem.objects.filter(pk__in=[item.pk for item in part])
        # A person who tries again has looked: the count of attempts begins anew.
        begun = {} if due_by is not None else {"attempts": 0}
        again.update(state=RunItem.State.PENDING, chunk=last, due_at=None, **begun)
    locked.status, locked.finished_at = BillingRun.Status.PENDING, None
    locked.save(update_fields=["status", "finished_at"])
    _note_retry(locked, len(items), reason=reason, actor=actor, at=at)
    return locked


def _note_retry(
    run: BillingRun, customers: int, *, reason: str, actor: Actor, at: datetime
) -> None:
    if actor.kind != "system":
        record(
            project=run.project,
            actor=actor,
            action="billing_run.retried",
            on=("billing_run", run.public_id),
            at=at,
            reason=reason,
            details={"customers": customers},
        )
