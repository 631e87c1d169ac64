"""The steps of billing: what is due for some customers, each at the earliest instant at which
anything is due for it, in one transaction; in order of time until nothing is left.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from billing.locks import lock_customers
from billing.models import BillingRun, Charge, Invoice, Period, Subscription
from billing.selectors.runs import (
    due_drafts,
    due_subscriptions,
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
from billing.tally import Tally
from ingest.selectors.bounds import ArrivalBound
from ingest.services.windows import rebuild_windows
from neruba.models import Project, Subject


def rebuild_usage(project: Project, customer_ids: Collection[int]) -> None:
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


def bill_step(run: BillingRun, customer_ids: Sequence[int], *, at: datetime) -> Tally | None:
    """Do the next step that is due for these customers by the run's instant, in the caller's
    transaction; None where nothing is.

    Boundaries and drafts come in order of time, then charges and late usage that no boundary will
    take. `at` is the project's time. Numbers are taken last: call nothing that writes after it but
    what must be committed with it.
    """
    project = run.project
    bound = ArrivalBound(run.bound_event, run.bound_retraction)
    lock_customers(project, customer_ids)
    tally = Tally()
    subscriptions, drafts = _next_step(project, customer_ids, run.as_of)
    if subscriptions or drafts:
        opened = open_boundaries(project=project, subscriptions=subscriptions, at=at)
        tally.invoiced = len(opened)
        ready = [*drafts, *(row for row in opened if row.due_at == row.boundary_at)]
        if ready := _without_waiting(ready):
            _add(tally, finalize_drafts(project=project, drafts=ready, bound=bound, run=run, at=at))
        return tally
    charges = stranded_charges(project, run.as_of).filter(customer__in=customer_ids)
    if alone := list(charges.select_related("customer")):
        _add(tally, issue_charges(project=project, charges=alone, bound=bound, run=run, at=at))
        return tally
    stranded = stranded_subscriptions(project, run.as_of).filter(customer__in=customer_ids)
    if late := list(stranded.select_related("customer")):
        done = issue_corrections(project=project, subscriptions=late, bound=bound, run=run, at=at)
        _add(tally, done)
        return tally if done.issued else None
    return None


def _without_waiting(ready: list[Invoice]) -> list[Invoice]:
    """These drafts but those of changes for which the document of a boundary before them still
    waits for usage: they are due with it, since they are compared with what it prints.
    """
    changes = [row for row in ready if row.reason == Invoice.Reason.CHANGE]
    if not changes:
        return ready
    mine = {row.pk for row in ready}
    standing = Invoice.objects.filter(
        project=changes[0].project_id,
        subscription__in={row.subscription_id for row in changes},
        status=Invoice.Status.DRAFT,
        boundary__isnull=False,
    ).exclude(pk__in=mine)
    later: dict[int | None, list[Invoice]] = {}
    for row in standing:
        later.setdefault(row.subscription_id, []).append(row)
    waiting = set()
    for row in changes:
        before = [
            one.due_at
            for one in later.get(row.subscription_id, [])
            if one.boundary_at <= row.boundary_at
        ]
        if before:
            row.due_at = max(before)
            row.save(update_fields=["due_at"])
            waiting.add(row.pk)
    return [row for row in ready if row.pk not in waiting]


def _add(tally: Tally, done: Finalized) -> None:
    tally.add(len(done.issued), done.totals_minor)


def _next_step(
    project: Project, customer_ids: Sequence[int], as_of: datetime
) -> tuple[list[Subscription], list[Invoice]]:
    """The boundaries and the drafts that are due for each customer at the earliest instant at
    which anything is due for it; customers do not wait for each other.
    """
    subscriptions = list(
        due_subscriptions(project, as_of)
        .filter(customer__in=customer_ids)
        .select_related("customer")
    )
    drafts = list(
        due_drafts(project, as_of)
        .filter(customer__in=customer_ids)
        .select_related("customer", "subscription")
    )
    for draft in drafts:
        if draft.subscription is not None:
            draft.subscription.customer = draft.customer
    due: list[tuple[int, datetime]] = [(row.customer_id, row.due_at) for row in drafts]
    due += [(row.customer_id, row.due_at) for row in subscriptions if row.due_at is not None]
    first: dict[int, datetime] = {}
    for customer, instant in due:
        first[customer] = min(instant, first.get(customer, instant))
    return (
        [row for row in subscriptions if row.due_at == first[row.customer_id]],
        [row for row in drafts if row.due_at == first[row.customer_id]],
    )


def issue_now(*, project: Project, charge: Charge, at: datetime) -> Invoice:
    """Issue the invoice of a charge that was asked for at once, in the caller's transaction."""
    bound = ArrivalBound(0, 0)
    return issue_charges(project=project, charges=[charge], bound=bound, run=None, at=at).issued[0]
