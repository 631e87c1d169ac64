"""Billing runs: chunks of customers, each in one transaction that does every due step in order of
time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import transaction

from billing.locks import lock_customers
from billing.models import BillingRun, Charge, Invoice, Period, Subscription
from billing.selectors.corrections import unread_after_the_end
from billing.selectors.runs import (
    customers_due,
    due_drafts,
    due_subscriptions,
    finalized_by,
    fingerprint_of,
    stranded_charges,
    stranded_subscriptions,
)
from billing.services.invoices import (
    Finalized,
    finalize_drafts,
    issue_charges,
    issue_corrections,
    open_boundaries,
)
from ingest.selectors.bounds import ArrivalBound
from ingest.services.fence import take_bound
from ingest.services.windows import rebuild_windows
from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import InvalidError
from neruba.ids import new_id
from neruba.models import Customer, Project, Subject
from neruba.period import rfc3339
from neruba.services.audit import record

CHUNK = 200


@dataclass
class Tally:
    """What steps came to; `hashes` only of what this run finalised."""

    invoiced: int = 0
    finalized: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    hashes: list[str] = field(default_factory=list)

    def add(self, done: Finalized) -> None:
        self.finalized += len(done.issued)
        self.hashes += [invoice.content_hash for invoice in done.issued]
        self._add_totals(done.totals_minor)

    def merge(self, other: "Tally") -> None:
        self.invoiced += other.invoiced
        self.finalized += other.finalized
        self.hashes += other.hashes
        self._add_totals(other.totals)

    def _add_totals(self, totals: Mapping[str, int]) -> None:
        for currency, minor in totals.items():
            self.totals[currency] = self.totals.get(currency, 0) + minor


def create_run(
    *,
    project: Project,
    as_of: datetime | None,
    customers: Sequence[str] | None,
    dry_run: bool,
    trigger: BillingRun.Trigger,
    actor: Actor,
    at: datetime,
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
        created_at=at,
    )
    if actor.kind != "system":
        record(
            project=project,
            actor=actor,
            action="billing_run.created",
            on=("billing_run", run.public_id),
            at=at,
            details={"as_of": rfc3339(as_of), "dry_run": dry_run},
        )
    return run


def execute_run(
    run: BillingRun,
    *,
    at: datetime,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> BillingRun:
    """Do every step that is due by the run's instant; one transaction a chunk of customers.

    `progress(done, of)` is told the number of customers after each chunk. A run that breaks off is
    `failed`; what its finished chunks did stays, and the next run goes on from there.
    """
    project = run.project
    bound = take_bound(project)
    run.bound_event, run.bound_retraction = bound.event, bound.retraction
    run.status = BillingRun.Status.RUNNING
    run.unchanged = finalized_by(project, run.as_of).count()
    run.save()
    scope = _scope(run)
    tally = Tally()
    try:
        # Of an ended subscription nothing is due but what its marks tell of: read those first.
        unread = {period.subscription.customer_id for period in unread_after_the_end(project)}
        if unread:
            run_atomic(partial(_rebuild_usage, project, sorted(unread)))
        waiting = customers_due(project, run.as_of, scope)
        progress(0, len(waiting))
        for start in range(0, len(waiting), CHUNK):
            chunk = waiting[start : start + CHUNK]
            # Apart from the chunk: rebuilding is idempotent, and must not wait for its commit.
            run_atomic(partial(_rebuild_usage, project, chunk))
            tally.merge(
                run_atomic(
                    partial(_bill_chunk, run, chunk, bound=bound, at=at, keep=not run.dry_run)
                )
            )
            progress(start + len(chunk), len(waiting))
        _complete(run, tally, at)
    finally:
        if run.status == BillingRun.Status.RUNNING:
            run.status = BillingRun.Status.FAILED
            run.finished_at = at
            run.save()
    return run


def _scope(run: BillingRun) -> list[int] | None:
    if run.customers is None:
        return None
    rows = Customer.objects.filter(project=run.project, external_id__in=run.customers)
    return list(rows.values_list("pk", flat=True))


def _complete(run: BillingRun, tally: Tally, at: datetime) -> None:
    stored = finalized_by(run.project, run.as_of).values_list("content_hash", flat=True)
    # A dry run stored nothing: what it would have finalised comes on top of what stands.
    hashes = [*stored, *tally.hashes] if run.dry_run else list(stored)
    run.invoiced, run.finalized = tally.invoiced, tally.finalized
    run.due = run.finalized + run.failed
    run.totals = tally.totals
    run.fingerprint = fingerprint_of(hashes)
    run.status = BillingRun.Status.COMPLETED
    run.finished_at = at
    run.save()


def _rebuild_usage(project: Project, customer_ids: Sequence[int]) -> None:
    """Bring the windows of these customers up to date, in the zones of their subscriptions."""
    subjects = Subject.objects.filter(project=project, customer__in=customer_ids)
    held = Period.objects.filter(project=project, subscription__customer__in=customer_ids)
    zones: dict[int, set[str]] = {}
    for customer, zone in held.values_list("subscription__customer", "zone").distinct():
        zones.setdefault(customer, set()).add(zone)
    by_subject = {
        subject: zones.get(customer or 0, set())
        for subject, customer in subjects.values_list("pk", "customer")
    }
    rebuild_windows(project, subject_ids=list(by_subject), zones=by_subject)


def _bill_chunk(
    run: BillingRun, customer_ids: Sequence[int], *, bound: ArrivalBound, at: datetime, keep: bool
) -> Tally:
    """Every step due for these customers, in order of time, in the caller's transaction."""
    project, tally = run.project, Tally()
    lock_customers(project, customer_ids)
    while step := _next_step(project, customer_ids, run.as_of):
        subscriptions, drafts = step
        opened = open_boundaries(project=project, subscriptions=subscriptions, at=at)
        tally.invoiced += len(opened)
        now = max((row.boundary_at for row in opened), default=None)
        ready = [*drafts, *(row for row in opened if row.due_at == now)]
        if ready:
            tally.add(finalize_drafts(project=project, drafts=ready, bound=bound, run=run, at=at))
    charges = list(
        stranded_charges(project, run.as_of)
        .filter(customer__in=customer_ids)
        .select_related("customer")
    )
    if charges:
        tally.add(issue_charges(project=project, charges=charges, bound=bound, run=run, at=at))
    stranded = stranded_subscriptions(project, run.as_of).filter(customer__in=customer_ids)
    if late := list(stranded.select_related("customer")):
        tally.add(
            issue_corrections(project=project, subscriptions=late, bound=bound, run=run, at=at)
        )
    if not keep:
        transaction.set_rollback(True)
    return tally


def _next_step(
    project: Project, customer_ids: Sequence[int], as_of: datetime
) -> tuple[list[Subscription], list[Invoice]] | None:
    """The boundaries and the drafts due at the earliest instant at which any is, or None."""
    subscriptions = due_subscriptions(project, as_of).filter(customer__in=customer_ids)
    drafts = due_drafts(project, as_of).filter(customer__in=customer_ids)
    first = [row.due_at for row in (subscriptions.first(), drafts.first()) if row is not None]
    if not first:
        return None
    instant = min(at for at in first if at is not None)
    return (
        list(subscriptions.filter(due_at=instant).select_related("customer")),
        list(drafts.filter(due_at=instant).select_related("customer", "subscription__customer")),
    )


def issue_now(*, project: Project, charge: Charge, at: datetime) -> Invoice:
    """Issue the invoice of a charge that was asked for at once, in the caller's transaction."""
    bound = ArrivalBound(0, 0)
    return issue_charges(project=project, charges=[charge], bound=bound, run=None, at=at).issued[0]
