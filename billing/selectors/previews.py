"""Previews: the documents that a run would issue, by the function that issues them."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from billing.models import Charge, Invoice, Period, Subscription
from billing.selectors.contents import (
    Computed,
    computed,
    draft_of_boundary,
    draft_of_charge,
    draft_of_corrections,
    order_of,
    waiting_charges,
)
from billing.selectors.late_periods import corrections_alone, late_periods
from billing.selectors.runs import stranded_charges
from billing.selectors.timelines import (
    stored_periods,
    timelines_of,
    turn_at,
    turn_keys,
)
from neruba.errors import InvalidError
from neruba.models import Customer, Project

# Ten years of months: what nobody reads would only keep the database busy.
MAX_PREVIEWED = 120


def preview(
    *,
    project: Project,
    customer: Customer,
    subscription: Subscription | None,
    as_of: datetime | None,
    at: datetime,
) -> list[Computed]:
    """The documents of a customer, or of one subscription, that a run as of `as_of` would issue, in
    order of time.

    Usage counts as far as it is accepted now. Where nothing is due by `as_of` (left out: by `at`,
    the project's time), the next document of each subscription is shown instead. Nothing is stored.
    """
    horizon = as_of or at
    drafts = _drafts(project, customer, horizon, at=at, limit=MAX_PREVIEWED)
    if not any(subscription is None or _is_of(draft, subscription) for draft in drafts):
        drafts += [
            min((draft, *_scheduled(row)), key=order_of)
            for row in _coming(project, customer)
            for draft in _boundaries(project, row, until=None, at=at, limit=MAX_PREVIEWED)
        ]
    alone = _alone(project, customer, horizon) if subscription is None else []
    found = _computed(project, customer, drafts, alone, horizon=horizon, at=at)
    return [one for one in found if subscription is None or _is_of(one.invoice, subscription)]


def first_document(*, subscription: Subscription, since: datetime, at: datetime) -> list[Computed]:
    """The first document of a subscription that bills up to an instant or beyond, as a run would
    issue it: its draft, else its boundary; none where it comes to nothing. Drafts of changes that
    are billed on their own before it come with it.
    """
    timeline = timelines_of(subscription.project, [subscription.pk])[subscription.pk]
    number = subscription.next_boundary
    while (horizon := timeline.boundary_at(number)) is not None and horizon < since:
        number += 1
    found = preview(
        project=subscription.project,
        customer=subscription.customer,
        subscription=subscription,
        as_of=horizon or since,
        at=at,
    )
    coming = [one for one in found if one.invoice.boundary_at >= since]
    # A scheduled change with an invoice of its own bills no more than what is due from it on.
    places = (i for i, one in enumerate(coming, 1) if one.invoice.reason != Invoice.Reason.CHANGE)
    return coming[: next(places, len(coming))]


def due_documents(
    *, project: Project, customer: Customer, as_of: datetime, at: datetime
) -> tuple[list[Computed], int]:
    """The documents of a customer that a run as of `as_of` would finalise, in order of time, and
    how many drafts it would open. Nothing is stored, and nothing is locked.
    """
    drafts = _drafts(project, customer, as_of, at=at, limit=None)
    alone = _alone(project, customer, as_of)
    found = _computed(project, customer, drafts, alone, horizon=as_of, at=at)
    opened = sum(draft.pk is None for draft in drafts)
    return [one for one in found if one.invoice.due_at <= as_of], opened


def _drafts(
    project: Project, customer: Customer, horizon: datetime, *, at: datetime, limit: int | None
) -> list[Invoice]:
    """The drafts that stand, and those of the boundaries up to `horizon`. A change that is billed
    on its own later is a draft already, and none of them.
    """
    rows = Invoice.objects.filter(
        project=project, customer=customer, status=Invoice.Status.DRAFT
    ).exclude(reason=Invoice.Reason.CHANGE, boundary_at__gt=horizon)
    drafts = list(rows.select_related("customer", "subscription__customer").order_by("due_at"))
    for row in _coming(project, customer):
        drafts += _boundaries(project, row, until=horizon, at=at, limit=limit)
    return drafts


def _scheduled(subscription: Subscription) -> list[Invoice]:
    """The drafts of changes of a subscription that are billed on their own when they take
    effect.
    """
    rows = Invoice.objects.filter(
        project=subscription.project_id,
        subscription=subscription,
        status=Invoice.Status.DRAFT,
        reason=Invoice.Reason.CHANGE,
    )
    return list(rows.select_related("customer", "subscription__customer"))


def _coming(project: Project, customer: Customer) -> QuerySet[Subscription]:
    rows = Subscription.objects.filter(project=project, customer=customer, due_at__isnull=False)
    return rows.select_related("customer").order_by("external_id")


def _is_of(invoice: Invoice, subscription: Subscription) -> bool:
    return invoice.subscription_id == subscription.pk


def _computed(
    project: Project,
    customer: Customer,
    drafts: list[Invoice],
    alone: Sequence[Charge],
    *,
    horizon: datetime,
    at: datetime,
) -> list[Computed]:
    """These drafts, those of late usage and those of charges alone, as they would be issued."""
    drafts += _corrections(project, customer, drafts, horizon=horizon, at=at)
    charges = dict(waiting_charges(project, drafts))
    for charge in alone:
        charges[len(drafts)] = [charge]
        drafts.append(draft_of_charge(project=project, charge=charge, created_at=at))
    found = computed(project, drafts, bound=None, charges=charges)
    found.sort(key=lambda one: (one.invoice.boundary_at, one.invoice.operation_key))
    return [one for one in found if one.content.is_made]


def _alone(project: Project, customer: Customer, horizon: datetime) -> list[Charge]:
    rows = stranded_charges(project, horizon).filter(customer=customer)
    return list(rows.select_related("customer"))


def _corrections(
    project: Project,
    customer: Customer,
    drafts: Sequence[Invoice],
    *,
    horizon: datetime,
    at: datetime,
) -> list[Invoice]:
    """The drafts of nothing but late usage, of ended subscriptions that have no other draft."""
    taken = {draft.subscription_id for draft in drafts}
    over = Subscription.objects.filter(project=project, customer=customer, due_at__isnull=True)
    rows = late_periods(project, [row for row in over if row.pk not in taken])
    by_subscription: dict[int, list[Period]] = {}
    for row in rows:
        by_subscription.setdefault(row.subscription_id, []).append(row)
    before = corrections_alone(project, by_subscription.keys())
    return [
        draft_of_corrections(
            project=project,
            periods=periods,
            occurrence=before[pk] + 1,
            created_at=at,
        )
        for pk, periods in by_subscription.items()
        if periods[0].end <= horizon
    ]


def _boundaries(
    project: Project,
    subscription: Subscription,
    *,
    until: datetime | None,
    at: datetime,
    limit: int | None,
) -> list[Invoice]:
    """The drafts of the boundaries up to an instant; without one, of the next boundary alone."""
    timeline = timelines_of(project, [subscription.pk])[subscription.pk]
    number = subscription.next_boundary
    stored = stored_periods(project, set(turn_keys(subscription.pk, timeline, number)))
    drafts: list[Invoice] = []
    while True:
        turn = turn_at(project, timeline, number, subscription=subscription.pk, stored=stored)
        draft = draft_of_boundary(
            project=project, subscription=subscription, turn=turn, created_at=at
        )
        if until is not None and draft.boundary_at > until:
            return drafts
        if len(drafts) == limit:
            raise InvalidError(
                f"More than {limit} documents of a subscription; preview less at once.",
                pointer="/as_of",
            )
        drafts.append(draft)
        if until is None or not turn.begun:
            return drafts
        number += 1
