"""Working on a chunk of a run: under its lease, all customers together, and one by one where that
fails, so that one of them parks and holds back nobody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db.models import F

from billing.locks import lock_chunk
from billing.models import BillingRun, RunChunk, RunItem
from billing.selectors.rehearsals import differences_of, dry_documents
from billing.selectors.runs import documents_due
from billing.services.steps import bill_step, rebuild_usage
from billing.tally import Tally
from neruba.backoff import delay_after
from neruba.edge import Failure, outcome_of, run_atomic
from neruba.errors import LeaseLostError
from neruba.models import Project
from neruba.services.leases import (
    Held,
    check_lease,
    lease_time,
    release_lease,
    renew_lease,
    take_lease,
)

# So often a chunk is tried as a whole (when locks were in the way, or its worker died), and a
# customer whose worker died, before the cause is taken to lie in the customer.
ATTEMPTS_TOGETHER = 3
ATTEMPTS_ALONE = 3
DIED = "The worker died while it billed this customer."


def work_on_chunk(
    chunk: RunChunk, *, owner: str, at: datetime, wall: Callable[[], datetime]
) -> bool:
    """Do what is left of a chunk; return whether this worker held it.

    `at` is the project's time, `wall` tells the real one. Whoever holds the lease may die at any
    statement: the next one goes on after the last step that was committed.
    """
    project = chunk.run.project
    held = take_lease(project=project, name=chunk.lease_name, owner=owner, at=wall())
    if held is None:
        return False
    try:
        _Work(chunk.run, chunk, held, at, wall).finish()
    except LeaseLostError:
        return False
    finally:
        release_lease(held)
    return True


@dataclass(frozen=True, slots=True)
class _Work:
    run: BillingRun
    chunk: RunChunk
    held: Held
    at: datetime
    wall: Callable[[], datetime]

    @property
    def project(self) -> Project:
        return self.run.project

    def finish(self) -> None:
        attempt = run_atomic(self._begin)
        if attempt is None:
            return
        if attempt <= ATTEMPTS_TOGETHER:
            outcome = outcome_of(partial(self._bill, self._pending(), None))
            if not isinstance(outcome, Failure):
                return
            if outcome.passes and attempt < ATTEMPTS_TOGETHER:
                run_atomic(partial(self._postpone, outcome, attempt))
                return
        for item in RunItem.objects.filter(
            run=self.run, chunk=self.chunk.number, state=RunItem.State.PENDING
        ).order_by("pk"):
            renew_lease(self.held, at=self.wall())
            self._alone(item)
        run_atomic(self._close)

    def _begin(self) -> int | None:
        """The number of this attempt, counted before it is made; None where nothing is left."""
        chunk = lock_chunk(self.chunk.pk)
        if chunk.state == RunChunk.State.DONE:
            return None
        chunk.attempts += 1
        chunk.save(update_fields=["attempts"])
        return chunk.attempts

    def _postpone(self, failure: Failure, attempt: int) -> None:
        delay = delay_after(attempt) or timedelta()
        RunChunk.objects.filter(pk=self.chunk.pk).update(
            due_at=self.wall() + delay, cause=failure.cause
        )

    def _pending(self) -> list[int]:
        items = RunItem.objects.filter(
            run=self.run, chunk=self.chunk.number, state=RunItem.State.PENDING
        )
        return list(items.order_by("customer").values_list("customer_id", flat=True))

    def _alone(self, item: RunItem) -> None:
        """One customer. The attempt is counted first, for it may take the process with it."""
        if item.begun >= ATTEMPTS_ALONE:
            outcome: object = Failure(DIED, "", passes=False)
        else:
            item.attempts += 1
            item.begun += 1
            run_atomic(partial(item.save, update_fields=["attempts", "begun"]))
            outcome = outcome_of(partial(self._bill, [item.customer_id], item))
        if isinstance(outcome, Failure):
            waiting = documents_due(self.project, self.run.as_of, item.customer_id)
            run_atomic(partial(self._park, item, outcome, waiting))

    def _park(self, item: RunItem, failure: Failure, documents: int) -> None:
        """Keep the failure where people find it; a live project tries again by itself, later."""
        check_lease(self.held)
        repeats = self.run.dry_run or self.run.repeats_id is not None
        is_live = self.project.clock_at is None and not repeats
        now = self.wall()
        delay = delay_after(item.attempts) if is_live else None
        RunItem.objects.filter(pk=item.pk).update(
            state=RunItem.State.FAILED,
            begun=0,
            cause=failure.cause,
            evidence=failure.trace,
            documents=documents,
            failed_at=now,
            due_at=None if delay is None else now + delay,
        )

    def _bill(self, customers: Sequence[int], item: RunItem | None) -> None:
        """All steps of these customers; then they are done, and the chunk with them where it is
        all of them (`item` is None).
        """
        tally = self._compute(customers)
        if tally is None:
            # Apart from the steps: rebuilding is idempotent, and must not wait for their commit.
            run_atomic(partial(rebuild_usage, self.project, customers))
        renewed = self.wall()
        while run_atomic(partial(self._step, customers, item, tally)):
            # Not after each step: a renewal is a transaction too.
            if self.wall() - renewed > lease_time() / 4:
                renewed = self.wall()
                renew_lease(self.held, at=renewed)

    def _compute(self, customers: Sequence[int]) -> Tally | None:
        """What comes out for runs that store no documents; None for those that bill."""
        if self.run.repeats_id is not None:
            return differences_of(self.run, customers)
        if self.run.dry_run:
            return dry_documents(self.run, customers, at=self.at)
        return None

    def _step(self, customers: Sequence[int], item: RunItem | None, computed: Tally | None) -> bool:
        """Whether there may be more to do after it."""
        check_lease(self.held)
        chunk = lock_chunk(self.chunk.pk)
        if chunk.state == RunChunk.State.DONE:
            return False
        step = computed or bill_step(self.run, customers, at=self.at)
        if step is not None:
            _count(chunk, step)
            if computed is None:
                return True
        self._finish_items(customers, tried=0 if item is not None else 1)
        if item is None:
            self._end(chunk)
        return False

    def _finish_items(self, customers: Sequence[int], *, tried: int) -> None:
        mine = RunItem.objects.filter(run=self.run, customer__in=customers)
        mine.filter(state=RunItem.State.PENDING).update(
            state=RunItem.State.DONE, begun=0, cause="", attempts=F("attempts") + tried
        )
        if not self.run.dry_run and self.run.repeats_id is None:
            parked = RunItem.objects.filter(
                project=self.project, state=RunItem.State.FAILED, customer__in=customers
            )
            parked.filter(run__dry_run=False, run__repeats=None).update(
                state=RunItem.State.SUPERSEDED, due_at=None
            )

    def _close(self) -> None:
        check_lease(self.held)
        chunk = lock_chunk(self.chunk.pk)
        if chunk.state == RunChunk.State.OPEN:
            self._end(chunk)

    def _end(self, chunk: RunChunk) -> None:
        chunk.state, chunk.due_at, chunk.cause = RunChunk.State.DONE, None, ""
        chunk.save(update_fields=["state", "due_at", "cause"])


def _count(chunk: RunChunk, step: Tally) -> None:
    chunk.invoiced += step.invoiced
    chunk.finalized += step.finalized
    for currency, minor in step.totals.items():
        chunk.totals[currency] = chunk.totals.get(currency, 0) + minor
    chunk.hashes += step.hashes
    chunk.save(update_fields=["invoiced", "finalized", "totals", "hashes"])
