"""Subscriptions: created and canceled as rows of the timeline."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from billing.locks import lock_customers, lock_subscription
from billing.models import Plan, PlanVersion, Subscription, SubscriptionChange
from billing.rating.plan import parse_plan_price
from billing.rating.proration import Basis
from billing.rating.rhythm import IntervalUnit, Rhythm
from billing.rating.schedule import Anchor
from billing.rating.terms import Terms
from billing.selectors.timelines import timelines_of
from neruba.actor import Actor
from neruba.canonical import canonical_json
from neruba.errors import ConflictError, InvalidError
from neruba.models import Customer, Project
from neruba.services.audit import record
from neruba.services.customers import refuse_erased


class MeterAlreadyBilledError(ConflictError):
    """Another active subscription of the customer bills the same meter."""

    code = "meter_already_billed"


@dataclass(frozen=True, slots=True)
class CreatedSubscription:
    """The subscription, and whether the same request had made it before."""

    subscription: Subscription
    replayed: bool


def create_subscription(
    *,
    project: Project,
    external_id: str,
    customer: Customer,
    plan: Plan,
    start_at: datetime | None,
    anchor: str,
    billing_day: int | None,
    timezone: str | None,
    actor: Actor,
    at: datetime,
) -> CreatedSubscription:
    """Begin a subscription to the plan's latest version, whose prices are copied into the timeline.

    It starts at `start_at` (the past: the next run catches up), or now. Its zone is its own, else
    the customer's, else the project's, for good. Raises MeterAlreadyBilledError where a second
    subscription would bill a meter, CustomerErasedError for an erased customer, ConflictError where
    the id is taken with other content.
    """
    lock_customers(project, [customer.pk])
    refuse_erased(customer)
    prior = Subscription.objects.filter(project=project, external_id=external_id).first()
    # A repeat that leaves the start out means the start that the first one was given.
    start = start_at or (prior.start_at if prior is not None else at)
    version = plan.versions.order_by("-version").first()
    assert version is not None, "a plan has a version"
    terms = _terms(
        version,
        start=start,
        anchor=anchor,
        billing_day=billing_day,
        zone=timezone or customer.timezone or project.timezone,
        basis=project.policy.proration_basis,
    )
    if prior is not None:
        return _repeated(project, prior, customer, terms)
    _refuse_shared_meters(project, customer, terms)
    subscription = Subscription.objects.create(
        project=project,
        external_id=external_id,
        customer=customer,
        currency=terms.currency,
        start_at=start,
        created_at=at,
        due_at=start,
    )
    SubscriptionChange.objects.create(
        project=project,
        subscription=subscription,
        number=1,
        type=SubscriptionChange.Type.CREATE,
        effective_at=start,
        requested_at=at,
        actor=actor.name,
        plan_version=version,
        content=canonical_json(terms.content()),
    )
    record(
        project=project,
        actor=actor,
        action="subscription.created",
        on=("subscription", external_id),
        at=at,
        details={"customer": customer.external_id, "plan": terms.plan},
    )
    return CreatedSubscription(subscription, replayed=False)


def cancel_at_period_end(
    *, subscription: Subscription, reason: str, actor: Actor, at: datetime
) -> SubscriptionChange:
    """End a subscription with the period that runs at `at` (its first one, where it has not begun).

    Raises ConflictError where an end is decided already.
    """
    project = subscription.project
    locked = lock_subscription(subscription)
    if locked.end_at is not None:
        raise ConflictError("The subscription is canceled already.")
    timeline = timelines_of(project, [locked.pk])[locked.pk]
    schedule = timeline.terms.schedule
    number = schedule.number_at(max(at, timeline.terms.start))
    end = schedule.boundary(number + 1)
    change = SubscriptionChange.objects.create(
        project=project,
        subscription=locked,
        number=timeline.changes + 1,
        type=SubscriptionChange.Type.CANCEL,
        effective_at=end,
        requested_at=at,
        actor=actor.name,
        reason=reason,
        content=canonical_json({"at": "period_end"}),
    )
    Subscription.objects.filter(pk=locked.pk).update(end_at=end)
    record(
        project=project,
        actor=actor,
        action="subscription.canceled",
        on=("subscription", locked.external_id),
        at=at,
        reason=reason,
    )
    return change


def _terms(
    version: PlanVersion,
    *,
    start: datetime,
    anchor: str,
    billing_day: int | None,
    zone: str,
    basis: str,
) -> Terms:
    if billing_day is not None and anchor != "calendar":
        raise InvalidError("Only a calendar anchor has a billing day.", pointer="/billing_day")
    prices = version.prices.order_by("position").values_list("definition", flat=True)
    return Terms(
        plan=version.plan.code,
        plan_version=version.version,
        currency=version.currency,
        rhythm=Rhythm(cast("IntervalUnit", version.interval), version.interval_count),
        anchor=cast("Anchor", anchor),
        billing_day=billing_day,
        zone=zone,
        basis=cast("Basis", basis),
        start=start,
        prices=tuple(parse_plan_price(json.loads(definition)) for definition in prices),
        minimum_commitment_minor=version.minimum_commitment_minor,
    )


def _repeated(
    project: Project, prior: Subscription, customer: Customer, terms: Terms
) -> CreatedSubscription:
    """A repeat means the plan as it was when the first one took it, whatever versions
    came since.
    """
    held = timelines_of(project, [prior.pk])[prior.pk].terms
    wanted = (customer.pk, terms.plan, terms.anchor, terms.billing_day, terms.zone, terms.start)
    stands = (prior.customer_id, held.plan, held.anchor, held.billing_day, held.zone, held.start)
    if wanted != stands:
        raise ConflictError(f"Subscription {prior.external_id!r} exists with other content.")
    return CreatedSubscription(prior, replayed=True)


def _refuse_shared_meters(project: Project, customer: Customer, terms: Terms) -> None:
    """An event must have one subscription that bills it."""
    others = Subscription.objects.filter(project=project, customer=customer).exclude(
        end_at__lte=terms.start
    )
    names = dict(others.values_list("pk", "external_id"))
    for pk, timeline in timelines_of(project, names).items():
        shared = sorted(timeline.terms.meters & terms.meters)
        if shared:
            raise MeterAlreadyBilledError(
                f"Meter {shared[0]!r} is billed by subscription {names[pk]!r} already."
            )
